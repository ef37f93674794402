"""Every list and page of the admin, whatever stands in the rows and whatever somebody types into the address."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection
from django.db.models import CharField, Model, TextField
from django.template.response import TemplateResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import escape
from pytest_django import Settings

from billing.admin.bases import NothingByHand, OurAdmin
from billing.models import Callback, Payment, PaymentEvent, Refund
from commerce.models import Cart, DailyReport, Notification, Order, Review
from config.database import counts
from tests import backstage, reporting
from tests.backstage import make
from tests.plans import BY_CONDITIONS, plan, reads_whole_table

MOST_QUERIES = 19
"""Session, user, the page itself, its inlines, its filters; an order's page also tells its story, and what helps."""

EVERY_MODEL = pytest.mark.parametrize("model", backstage.registered(), ids=lambda model: model.__name__)
HOSTILE = '<script>alert("x")</script>{{ 7|add:7 }}{% now "Y" %}\u202eevil'
NASTY = ["\0", "a\0b", "'", '"', "%", "\\", "x" * 5_000, "\u202eabc", "☕", "9" * 30, "٣", "²", "a b c", "' OR 1=1 --"]
MANY_WORDS = "1 " * 1_200
"""Django's own lists of users and groups cannot search for these on SQLite."""


pytestmark = pytest.mark.django_db  # nothing here happens after a commit


@pytest.fixture
def boss(client: Client) -> Client:
    """Who may do everything that anybody may."""
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    return client


def address(model: type[Model], page: str = "changelist", *args: Any) -> str:
    """Of a page of the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def texts(model: type[Model]) -> list[Any]:
    """The fields that hold what somebody has written, long enough to be hostile."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, CharField | TextField) and field.editable and not (field.choices or field.primary_key)
        if (field.max_length or len(HOSTILE)) > 8
    ]


# --- queries ---------------------------------------------------------------------------------------------------------


def queries(boss: Client, page: str) -> int:
    """So many to show the page."""
    boss.get(page)  # what is remembered from then on is not counted
    with CaptureQueriesContext(connection) as captured:
        assert boss.get(page).status_code == 200
    return len(captured)


@pytest.mark.sqlite_is_enough
@EVERY_MODEL
def test_no_page_costs_a_query_per_row(boss: Client, model: type[Model]) -> None:
    """Neither in a list nor in what belongs to a row: thirty cost as many as three."""
    few = make(model, 3)
    before = [queries(boss, address(model)), queries(boss, address(model, "change", few.pk))]
    many = make(model, 30)

    assert [queries(boss, address(model)), queries(boss, address(model, "change", many.pk))] == before
    assert max(before) <= MOST_QUERIES


# --- hostile texts and addresses -------------------------------------------------------------------------------------


@pytest.mark.sqlite_is_enough
@EVERY_MODEL
def test_what_somebody_wrote_stays_text(boss: Client, model: type[Model]) -> None:
    """In the list and on the page of the row, in each of its fields."""
    row = make(model, 1)
    hostile = {field.name: HOSTILE[: field.max_length] for field in texts(model)}
    if hostile:
        model._default_manager.filter(pk=row.pk).update(**hostile)

    listed, page = (boss.get(at).content.decode() for at in (address(model), address(model, "change", row.pk)))

    assert '<script>alert("x")' not in listed + page
    assert not hostile or any(escape(text) in page for text in hostile.values())


@pytest.fixture
def listing(boss: Client) -> Callable[..., int]:
    """Asks for a list and reads its rows and filters. It draws no page, because that takes most of the time."""
    user = User.objects.get()

    def ask(model: type[Model], query: str = "", **data: str) -> int:
        request = RequestFactory().get(address(model) + query, data or None)
        request.user, request._messages = user, CookieStorage(request)  # type: ignore[attr-defined]
        answer = admin.site._registry[model].changelist_view(request)
        if isinstance(answer, TemplateResponse) and (listed := (answer.context_data or {}).get("cl")):
            list(listed.result_list)
            [list(spec.choices(listed)) for spec in listed.filter_specs]
        return answer.status_code

    return ask


@EVERY_MODEL
def test_any_words_can_be_searched(listing: Callable[..., int], model: type[Model]) -> None:
    """They find something or nothing."""
    many = [MANY_WORDS] if isinstance(admin.site._registry[model], OurAdmin) else []
    for words in NASTY + many:
        assert listing(model, q=words) in (200, 302), words


@EVERY_MODEL
def test_every_filter_works(boss: Client, listing: Callable[..., int], model: type[Model]) -> None:
    """Each of its choices, and what somebody made of it in the address."""
    make(model, 1)
    listed = boss.get(address(model)).context["cl"]
    for spec in listed.filter_specs:
        for choice in spec.choices(listed):
            assert listing(model, choice["query_string"]) == 200
        for parameter in spec.expected_parameters():
            for value in ("\0", "'", "☕", "9" * 30):
                assert listing(model, **{parameter: value}) in (200, 302), (parameter, value)


@EVERY_MODEL
def test_any_address_of_a_list_works(listing: Callable[..., int], model: type[Model]) -> None:
    """It shows the list, or leads back to it."""
    make(model, 1)
    for query in ("p=999999", "p=x", "p=%00", "p=-1", "o=99.x", "e=1", "nothing=1", "all=", "id=%00", "_popup=1"):
        assert listing(model, f"?{query}") in (200, 302), query
    if day := admin.site._registry[model].date_hierarchy:
        for value in ("0", "x", "13", str(2**63), "9" * 30):
            for part in ("year", "month", "day"):
                date = {f"{day}__year": "2026", f"{day}__month": "3", f"{day}__day": "1", f"{day}__{part}": value}
                assert listing(model, **date) in (200, 302), date


@EVERY_MODEL
def test_a_row_that_is_not_there_is_not_found(boss: Client, model: type[Model]) -> None:
    """Django leads back to the index and says so there."""
    for key in ("abc", "\0", "9" * 30, "-1", "☕", "../../x", "1 OR 1=1"):
        page = address(model, "change", "KEY").replace("KEY", quote(key, safe=""))
        assert boss.get(page).status_code in (302, 404), key


@pytest.mark.parametrize("model", [each for each in backstage.registered() if admin.site._registry[each].inlines])
@pytest.mark.parametrize(("rows", "stored"), [(5, 0), (5, 5), (0, 0), (2, 9)])
def test_a_form_may_claim_any_number_of_rows(boss: Client, model: type[Model], rows: int, stored: int) -> None:
    """Of another table on its page. Nothing is added, and the page is shown with the rows that there are."""
    row = make(model, 2)
    boss.raise_request_exception = False
    request = RequestFactory().get("/")
    request.user = User.objects.get(username="boss")
    inlines = admin.site._registry[model].get_inline_instances(request)
    prefixes = [inline.get_formset(request).get_default_prefix() for inline in inlines]
    claims = {f"{prefix}-TOTAL_FORMS": rows for prefix in prefixes}
    claims |= {f"{prefix}-INITIAL_FORMS": stored for prefix in prefixes}

    assert boss.post(address(model, "change", row.pk), {**claims, "name": ""}).status_code in (200, 302, 403)


# --- a table with a million rows -------------------------------------------------------------------------------------


def test_a_long_list_ends_somewhere_and_says_so(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is behind its end is found by filters and by the search."""
    monkeypatch.setattr(counts, "COUNTED_AT_MOST", 60)
    last = make(Payment, 61)

    page = boss.get(address(Payment), {"p": 2})

    assert "only the newest are listed" in page.content.decode()
    assert len(page.context["cl"].result_list) == 10
    assert "only the newest" not in boss.get(address(Payment), {"q": last.pk}).content.decode()


LARGE = pytest.mark.parametrize(
    "model", [Payment, PaymentEvent, Callback, Order, Notification, Cart], ids=lambda m: m.__name__
)


@LARGE
def test_a_large_table_is_never_counted_nor_sorted(boss: Client, model: type[Model]) -> None:
    """Every statement about it that reads many rows has a limit, and walks the primary key."""
    make(model, 2)
    with CaptureQueriesContext(connection) as captured:
        boss.get(address(model), {"o": "3.-2"})

    about = [query["sql"] for query in captured if f'FROM "{model._meta.db_table}"' in query["sql"]]
    assert about
    for sql in about:
        assert " LIMIT " in sql or "COUNT" not in sql
        assert f'ORDER BY "{model._meta.db_table}"."id" DESC' in sql or "COUNT" in sql


# --- nothing by hand -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", [Payment, PaymentEvent, Callback, Notification, DailyReport, Cart], ids=lambda m: m.__name__
)
def test_what_programs_write_nobody_changes(boss: Client, model: type[Model]) -> None:
    """Not even who may do everything."""
    row = make(model, 1)
    before = model._default_manager.filter(pk=row.pk).values().get()

    assert isinstance(admin.site._registry[model], NothingByHand)
    assert boss.get(address(model, "add")).status_code == 403
    for page in ("change", "delete"):
        assert boss.post(address(model, page, row.pk), {"post": "yes", "status": "failed"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).values().get() == before


@pytest.mark.parametrize("model", [Payment, Order, Notification, Cart], ids=lambda m: m.__name__)
def test_nobody_deletes_many_at_once(boss: Client, model: type[Model]) -> None:
    """The action is not there, and whoever sends it all the same is not heard."""
    row = make(model, 1)

    assert "delete_selected" not in boss.get(address(model)).content.decode()
    boss.post(address(model), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert model._default_manager.filter(pk=row.pk).exists()


def test_a_customer_can_be_deleted_with_their_cart(boss: Client) -> None:
    """That no cart is deleted by hand does not keep anybody's account."""
    cart = make(Cart, 1)
    assert isinstance(cart, Cart)

    boss.post(address(User, "delete", cart.customer_id), {"post": "yes"})

    assert not Cart.objects.filter(pk=cart.pk).exists()
    assert not User.objects.filter(username__startswith="user-").exists()


# --- links -----------------------------------------------------------------------------------------------------------


def test_everything_about_an_order_is_linked(boss: Client) -> None:
    """From the order to what belongs to it, and from there back; each link finds its rows."""
    order = reporting.order(mail="sent")
    payment = Payment.objects.get(reference=order.public_id)
    posted = backstage.callback(payment)
    backstage.mail(reporting.order())

    page = boss.get(address(Order, "change", order.pk)).content.decode()

    for model, row in ((Payment, payment), (Callback, posted), (Notification, order.notifications.get())):
        assert f'href="{address(model)}?q={order.public_id}"' in page
        assert list(boss.get(address(model), {"q": order.public_id}).context["cl"].result_list) == [row]
    back = f'href="{address(Order)}?q={order.public_id}"'
    assert back in boss.get(address(Payment)).content.decode()
    assert back in boss.get(address(Payment, "change", payment.pk)).content.decode()
    assert list(boss.get(address(Order), {"q": order.public_id}).context["cl"].result_list) == [order]
    for listed in (address(Callback), address(PaymentEvent)):
        assert address(Payment, "change", payment.pk) in boss.get(listed).content.decode()
    assert address(Order, "change", order.pk) in boss.get(address(Notification)).content.decode()


def test_a_mail_about_a_report_leads_to_its_day(boss: Client) -> None:
    """In the list, and from the day back to what became of the mail."""
    report = make(DailyReport, 1)
    mail = Notification.objects.get(report_id=report.pk)

    listed = boss.get(address(Notification), {"q": mail.recipient}).content.decode()
    assert f'href="{address(DailyReport, "change", report.pk)}">{report}</a>' in listed
    assert mail.recipient in boss.get(address(DailyReport, "change", report.pk)).content.decode()


def test_an_order_links_to_its_customer_and_cart(boss: Client) -> None:
    """Where it has them."""
    order, cart = reporting.order(), make(Cart, 1)
    assert isinstance(cart, Cart)
    Order.objects.update(cart=cart, customer=cart.customer_id)

    page = boss.get(address(Order, "change", order.pk)).content.decode()

    assert address(Cart, "change", cart.pk) in page
    assert address(User, "change", cart.customer_id) in page


def found(boss: Client, model: type[Model], words: str) -> list[Any]:
    """The rows that a list finds by these words."""
    return list(boss.get(address(model), {"q": words}).context["cl"].result_list)


SAID = [
    "{number}", "№ {number}", "#{digits}", "{spaced}", " {spaced} ", "{pk}", "{public_id}", "  {public_id} ",
    "anna.petrova@example.com", "ANNA.Petrova@Example.com", "petrova@", "PETROVA", "трова", "ПЕТРОВА", "петрова",
    "Анна Петрова", "петрова анна", "анна petrova@exam",
]  # fmt: skip


@pytest.mark.parametrize("words", SAID)
def test_orders_are_found_by_what_customers_say(boss: Client, words: str) -> None:
    """The number in any writing, parts of name and address in any case, words in any order; and nobody else's."""
    reporting.order()
    order = reporting.order()
    Order.objects.filter(pk=order.pk).update(name="Анна Петрова", email="anna.petrova@example.com")
    digits = order.number.replace("-", "")
    said = {"digits": digits, "spaced": f"{digits[:4]} {digits[4:]}", "number": order.number, "pk": order.pk}

    assert found(boss, Order, words.format(**said, public_id=order.public_id)) == [order]


@pytest.mark.parametrize("words", ["ann", "an", "a%n", "a_n", "%", "_", "xyz", "Ann x", "Bob"])
def test_words_that_name_no_order_find_none(boss: Client, words: str) -> None:
    """Three letters are enough; two, and signs that SQL knows, name nothing."""
    order = reporting.order()

    assert found(boss, Order, words) == ([order] if words == "ann" else [])


def test_a_misheard_number_finds_no_other_order(boss: Client) -> None:
    """Its check digit is wrong."""
    for order in (reporting.order(), reporting.order()):
        last = order.number[-1]
        assert found(boss, Order, order.number[:-1] + str((int(last) + 1) % 10)) == []


@pytest.mark.parametrize("model", [Payment, Refund, Callback, Notification, Review], ids=lambda m: m.__name__)
def test_what_belongs_to_an_order_is_found_by_its_number(boss: Client, model: type[Model]) -> None:
    """In two words as well, with the words of the mail it was copied from, and without the rows of others."""
    make(model, 1)
    row: Any = make(model, 1)
    payment = row if isinstance(row, Payment) else getattr(row, "payment", None)
    order = Order.objects.get(public_id=payment.reference) if payment else row.order

    for words in (order.number, order.number.replace("-", " "), f"Order number: {order.number}"):
        assert found(boss, model, words) == [row]


def test_mails_are_found_by_a_part_of_the_customers_name(boss: Client) -> None:
    """All mails of the order, also to sellers."""
    backstage.mail(reporting.order())
    mail = backstage.mail(reporting.order(), "seller@example.com")
    Order.objects.filter(notifications=mail).update(name="Boris Karlson")

    assert found(boss, Notification, "karls") == [mail]


@pytest.mark.parametrize("words", ["karls", "boris karls", "rlson@exa", "4812-7390"])
def test_the_search_of_orders_can_read_indexes_only(boss: Client, words: str) -> None:
    """Each condition has one on PostgreSQL; with a million orders the planner takes them."""
    make(Order, 2)
    with CaptureQueriesContext(connection) as captured:
        assert found(boss, Order, words) == []

    listed = [query["sql"] for query in captured if 'FROM "commerce_order"' in query["sql"]]
    assert listed
    if connection.vendor == "sqlite":
        return  # it has no such index, and reads its table
    for sql in listed:
        steps = plan(sql, BY_CONDITIONS)
        assert {"order_name_parts", "order_email_parts"} <= set(re.findall(r"order_\w+", steps))
        assert not reads_whole_table(steps), steps
        assert 'UPPER("commerce_order"."email"::text) = UPPER(' in sql  # an exact address has an index of its own
    assert "order_by_email" in plan(Order.objects.filter(email__iexact=words).order_by(), only="order_by_email")


@pytest.mark.parametrize("field", ["pk", "reference", "provider_ref"])
def test_payments_are_found_by_their_names(boss: Client, field: str) -> None:
    """Ours and the provider's."""
    payment = make(Payment, 3)

    assert found(boss, Payment, getattr(payment, field)) == [payment]


def test_a_payment_without_a_shop_behind_it_has_no_link(boss: Client, settings: Settings) -> None:
    """Another project may sell what is not in its admin."""
    settings.PAYMENT_REFERENCE_MODEL = ""
    payment = make(Payment, 1)

    assert address(Order) + "?q=" not in boss.get(address(Payment, "change", payment.pk)).content.decode()


# --- who is to look --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "trouble"),
    [
        (Payment, {"attention": "mismatch"}),
        (Order, {"attention_note": "late money"}),
        (Notification, {"status": "given_up"}),
    ],
    ids=str,
)
def test_what_needs_a_person_is_one_click_away(boss: Client, model: type[Model], trouble: dict[str, str]) -> None:
    """In plain words, and nothing else is shown then."""
    row = make(model, 2)
    model._default_manager.filter(pk=row.pk).update(**trouble)

    assert "A person must look" in boss.get(address(model)).content.decode()
    assert list(boss.get(address(model), {"person": "yes"}).context["cl"].result_list) == [row]
