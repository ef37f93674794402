"""Rows of every model, and the values of paths that lead to them."""

from datetime import date

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import RequestFactory

from actors.models import Job
from actors.project import project
from billing.models import AccountState, Payment
from commerce.models import DailyReport, Order, OrderLine, OrderStatus, Product
from commerce.reports import service
from commerce.reviews.links import Subject, address
from config.actions.admin import ActionAdmin
from tests import backstage, reporting
from tests.consoles import job
from tests.fuzz.targets import Target

MOST = 8
"""Rows of each model that paths lead to."""

LINE = {"name": "Espresso", "quantity": 1, "price_minor": 450, "currency": "EUR"}

ROLES = ("anonymous", "customer", "reader", "superuser")


def refill() -> None:
    """More rows of each model: some requests delete them."""
    for model in backstage.registered():
        if model not in (AccountState, DailyReport):
            backstage.make(model, 1)
    service.build(reporting.DAY)
    AccountState.objects.get_or_create(account="sandbox")
    Product.objects.update(stock=1_000, active=True)
    delivered = reporting.order(OrderStatus.PAID, of=reporting.product())
    OrderLine.objects.get_or_create(order=delivered, product=reporting.product(), defaults=LINE)
    Order.objects.filter(pk=delivered.pk).update(status=OrderStatus.DELIVERED, delivered_at=reporting.MORNING)
    job()


def user(role: str) -> User:
    """The user of a role, put right again after requests have changed it."""
    staff, boss = role in ("reader", "superuser"), role == "superuser"
    facts = {"is_staff": staff, "is_superuser": boss, "is_active": True}
    found, _ = User.objects.update_or_create(username=f"fuzz-{role}@example.com", defaults=facts)
    if role == "reader":
        found.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
        found.user_permissions.add(*Permission.objects.filter(codename="read_console"))
    return found


def closed_to_all() -> set[str]:
    """Pages of the admin that refuse everyone: rows that programs write are neither added nor deleted by hand."""
    request = RequestFactory().get("/")
    request.user = user("superuser")
    closed = set()
    for model, shown in admin.site._registry.items():
        above, may = f"/admin/{model._meta.app_label}/{model._meta.model_name}/", shown.get_model_perms(request)
        closed |= {above + "add/"} if not may["add"] else set()
        closed |= {above + "{object_id}/delete/"} if not may["delete"] else set()
    return closed


def valid(target: Target) -> dict[str, list[str]]:
    """For each name in the path of the target: values that lead somewhere."""
    return {name: _values(target, name, dict(target.kinds).get(name, "")) or ["1"] for name in target.names}


def _values(target: Target, name: str, kind: str) -> list[str]:
    by_name = {
        "content_type_id": lambda: [str(key) for key in ContentType.objects.values_list("pk", flat=True)[:MOST]],
        "account": lambda: ["sandbox"],
        "slug": lambda: list(Product.objects.values_list("slug", flat=True)[:MOST]),
        "app_label": lambda: ["commerce"],
        "url": lambda: ["commerce/order"],
        "token": lambda: [_token()],
    }
    by_kind = {"PublicId": lambda: _latest(Order, "public_id"), "Day": lambda: _latest(DailyReport, "day")}
    if kind in by_kind:
        return by_kind[kind]()
    return by_name[name]() if name in by_name else _keys(target, name)


def _keys(target: Target, name: str) -> list[str]:
    """Primary keys of the model of the admin's page, names of its actions, or what the console has."""
    words = target.template.strip("/").split("/")
    if words[1:2] == ["console"]:
        model = Payment if "payments" in words else Job
        return [each.name for each in project().kinds] if name == "name" else _latest(model, "pk")
    try:
        model = apps.get_model(words[1], words[2])
    except (IndexError, LookupError):
        return []
    shown = admin.site._registry.get(model)
    if name == "name" and isinstance(shown, ActionAdmin):
        return [action.name for action in shown.page_actions]
    return _latest(model, "pk")


def _latest(model: type, field: str) -> list[str]:
    found = model._default_manager.order_by("-pk").values_list(field, flat=True)[:MOST]  # type: ignore[attr-defined]
    return [value.isoformat() if isinstance(value, date) else str(value) for value in found]


def _token() -> str:
    line = OrderLine.objects.filter(order__status=OrderStatus.DELIVERED).order_by("-pk").first()
    subject = Subject(line.order_id, line.product_id or 0) if line else Subject(0, 0)
    return address(subject).rpartition("/reviews/")[2].strip("/")
