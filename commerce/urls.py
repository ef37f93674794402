"""The shop's URLs."""

from datetime import date

from django.urls import include, path, register_converter
from django.urls.converters import StringConverter

from commerce import order_views, views
from commerce.mail import files
from commerce.mail import pages as mail_pages
from commerce.reports import views as report_views
from commerce.reviews import views as review_views


class PublicId(StringConverter):
    """The format of `secrets.token_urlsafe`; other values cannot be orders and do not reach the database."""

    regex = "[A-Za-z0-9_-]{1,32}"


class Day(StringConverter):
    """A valid date, like 2026-03-29."""

    regex = "[0-9]{4}-[0-9]{2}-[0-9]{2}"

    def to_python(self, value: str) -> date:  # type: ignore[override]
        """Raises ValueError for 31 February; the URL does not match then."""
        return date.fromisoformat(value)

    def to_url(self, value: date) -> str:  # type: ignore[override]
        return value.isoformat()


class Signed(StringConverter):
    """The format of `django.core.signing`."""

    regex = "[A-Za-z0-9_:-]{1,200}"


class MailFile(StringConverter):
    """The name of a mail that is a file; no path is one."""

    regex = files.NAME


register_converter(PublicId, "order")
register_converter(MailFile, "mail")
register_converter(Day, "day")
register_converter(Signed, "signed")

urlpatterns = [
    path("", views.catalogue, name="catalogue"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("cart/", views.cart, name="cart"),
    path("cart/add/", views.add_to_cart, name="cart-add"),
    path("cart/change/", views.change_cart, name="cart-change"),
    path("checkout/", views.checkout, name="checkout"),
    path("orders/<order:public_id>/", order_views.order, name="order"),
    path("orders/<order:public_id>/state.json", order_views.order_state, name="order-state"),
    path("orders/<order:public_id>/return/", order_views.order_return, name="order-return"),
    path("orders/<order:public_id>/pay/", order_views.pay, name="order-pay"),
    path("orders/<order:public_id>/cancel/", order_views.cancel, name="order-cancel"),
    path("orders/<order:public_id>/again/", order_views.order_again, name="order-again"),
    path("orders/<order:public_id>/from-mail/<signed:token>/", order_views.order_from_mail, name="order-from-mail"),
    path("orders/<order:public_id>/receipt/", order_views.receipt, name="order-receipt"),
    path("account/", include("commerce.accounts.urls")),
    path("reviews/<signed:token>/", review_views.review, name="review"),
    path("reports/", report_views.report_list, name="reports"),
    path("reports/<day:day>/", report_views.report, name="report"),
    path("reports/<day:day>.csv", report_views.report_file, name="report-csv"),
    path("reports.csv", report_views.reports_file, name="reports-csv"),
    path("mails/", mail_pages.mails, name="mails"),
    path("mails/<mail:name>/", mail_pages.mail, name="mail"),
    path("mails/<mail:name>/html/", mail_pages.mail_html, name="mail-html"),
    path("mails/<mail:name>.eml", mail_pages.mail_file, name="mail-file"),
    path("language/", include("django.conf.urls.i18n")),
]
