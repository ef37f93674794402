"""Staff who read Russian: no English on a page of the admin or of the console, whatever the state of its rows."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models import Field, Model, Q
from django.test import Client
from django.urls import reverse
from django.utils.translation import gettext, override

from actors import pauses
from actors.console.actions import ACTIONS
from actors.models import Job
from actors.shop import SHOP
from billing.attention import LOST_WORKERS, require_attention
from billing.limits import breaker
from billing.models import Attention, Callback, Difference, Dispute, Payment, PaymentEvent, Proposal, Refund
from billing.models.reconciliation import in_words
from billing.money import Money
from billing.payments.check import OTHER_AMOUNT
from billing.refunds.service import HELD_BY_BANK
from billing.states import OPEN_STATES
from commerce.late_payments import AFTER_THE_END, BY_RULE
from commerce.models import Notification, Order, OrderEvent, OrderStatus, Review
from config.actions.admin import ActionAdmin
from config.formats import sentences
from config.formats.sentences import shown
from tests import backstage, reporting
from tests.consoles import addresses, given_up, job, worker

pytestmark = [pytest.mark.sqlite_is_enough, pytest.mark.django_db]

OURS = ("billing", "commerce", "actors")
NOW = reporting.MORNING

RAW = re.compile(r"`[^`]*`|\S*(?:\w[.@/:=+-]+\w|[_\d])\S*|\b[A-Z][A-Z0-9]+\b|\b\w{20,}\b")
"""Names of programs, addresses, keys, currencies, abbreviations; random references."""

NAMES = re.compile(r"\b(Ann|Till Coffee|Django|Tillkeeper|RabbitMQ|English|Mac)\b")

OF_DJANGO = re.compile(
    r"\b(Search|True|False|Control|Command|Single|(Group-permission|User-group) relationships?(: \S+ object)?)\b"
)
"""What Django's own Russian leaves out: labels of pictures and keys, and tables without a class."""

IN_ROWS = re.compile(
    r"\b(Main Street|Good|Product|Roastery|Courier|Espresso|an order|sam|boss|broken|fraudulent|no such user|because|"
    r"sandbox|urgent|routine|slow|host|en|ru)\b"
)
"""What a shop wrote, and what a provider or a program calls a thing."""


class Texts(HTMLParser):
    """The texts that a reader of a page sees, those of attributes too; without what the database names.

    A part that says itself that it is English is so on purpose: the runbook.
    """

    SPOKEN = ("title", "aria-label", "placeholder", "alt")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        is_code = "code" in (facts.get("class") or "").split()
        is_english = tag != "html" and facts.get("lang") == "en"
        names_permissions = facts.get("name") in ("permissions", "user_permissions")
        is_silent = tag in ("script", "style", "pre", "textarea", "code")
        if self._silent or is_silent or is_code or is_english or names_permissions:
            if tag not in ("input", "br", "img", "link", "meta", "hr", "use", "path"):
                self._silent.append(tag)
            return
        self.found += [facts[name] or "" for name in self.SPOKEN if name in facts]
        if tag == "input" and facts.get("type") == "submit":
            self.found.append(facts.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if self._silent and tag in self._silent:
            while self._silent.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def english(page: str) -> list[str]:
    """The texts of the page with a word that is English, and none of those lists."""
    parser = Texts()
    parser.feed(page)
    return [text.strip() for text in parser.found if _words(text)]


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}", RAW.sub(" ", IN_ROWS.sub(" ", NAMES.sub(" ", OF_DJANGO.sub(" ", text)))))


@pytest.fixture
def boss(client: Client) -> Client:
    """Reads Russian, and may do everything."""
    client.force_login(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ru"
    return client


# --- rows in every state ---------------------------------------------------------------------------------------------

ENDED = {"next_check_at": None, "ended_at": NOW}
OPEN = {"next_check_at": NOW, "ended_at": None}
UNPAID = {"paid_with": None, "expires_at": None, "ended_at": NOW}
NEEDED: dict[tuple[type[Model], str], dict[str, Any]] = {
    **{(model, state): OPEN for model in (Payment, Refund) for state in OPEN_STATES},
    **{(Dispute, state): {"ended_at": NOW} for state in ("won", "lost")},
    (Callback, "waiting"): {"process_after": NOW},
    (Notification, "queued"): {"send_after": NOW},
    (Notification, "account_link"): {"order": None},
    (Order, "awaiting_payment"): {"paid_with": None, "expires_at": NOW, "ended_at": None},
    (Order, "canceled"): UNPAID,
    (Order, "expired"): UNPAID,
    (Order, "delivered"): {"delivered_at": NOW},
    (Order, "refunded"): {"refunded_at": NOW},
    **{(Proposal, state): {"decided_by": "sam", "decided_at": NOW} for state in ("approved", "declined")},
    (Difference, "resolved"): {"decided_by": "sam", "why": "because"},
    (Review, "published"): {"moderated_at": NOW},
    (Review, "rejected"): {"moderated_at": NOW},
}
"""What the database demands of a row in this state."""

SINGLE = {(Notification, "report"), (Notification, "review_reminder")}


def choices() -> Iterator[tuple[type[Model], "Field[Any, Any]", str]]:
    """Every state of every column of a row that the admin shows."""
    for model in backstage.registered():
        for field in model._meta.fields if model._meta.app_label in OURS else ():
            for value, _label in field.choices or ():
                if field.name != "language" and (model, value) not in SINGLE:
                    yield model, field, value


def in_state(model: type[Model], field: "Field[Any, Any]", value: str) -> Model:
    """A row of this model in this state."""
    row = backstage.make(model, 1)
    needed = NEEDED.get((model, value), {}) if field.name in ("status", "outcome", "state", "kind") else {}
    model._default_manager.filter(pk=row.pk).update(**{field.name: value, **needed})
    row.refresh_from_db()
    return row


# --- the admin -------------------------------------------------------------------------------------------------------


def address(model: type[Model], page: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def pages_of(model: type[Model], row: Model) -> Iterator[str]:
    """The addresses of every page about this row."""
    backing = admin.site._registry[model]
    yield address(model, "change", row.pk)
    if isinstance(backing, ActionAdmin):
        yield from (address(model, "action", row.pk, each.name) for each in backing.page_actions if each.offered(row))


def read(boss: Client, *pages: str) -> dict[str, list[str]]:
    """By page: its English texts."""
    found = {}
    for page in pages:
        answer = boss.get(page)
        assert answer.status_code == 200, page
        found[page] = english(answer.content.decode())
    return {page: texts for page, texts in found.items() if texts}


@pytest.mark.parametrize("model", backstage.registered(), ids=lambda model: model.__name__)
def test_no_page_of_the_admin_is_english(boss: Client, model: type[Model]) -> None:
    """Lists with rows in every state, their pages, forms, histories, and the questions before each action."""
    rows = [backstage.make(model, 1), *(in_state(*each) for each in choices() if each[0] is model)]
    pages = [page for row in rows for page in pages_of(model, row) if row.pk]
    pages += [address(model, "changelist"), address(model, "history", rows[0].pk)]
    if type(admin.site._registry[model]).has_add_permission is admin.ModelAdmin.has_add_permission:
        pages += [address(model, "add"), address(model, "delete", rows[0].pk)]

    assert read(boss, *pages) == {}
    for action in getattr(admin.site._registry[model], "list_actions", ()):
        chosen = {"action": action.name, ACTION_CHECKBOX_NAME: [row.pk for row in rows]}
        answer = boss.post(address(model, "changelist"), chosen, follow=True)
        assert english(answer.content.decode()) == [], action.name


def test_no_front_page_of_the_admin_is_english(boss: Client) -> None:
    apps_of_admin = {model._meta.app_label for model in backstage.registered()}
    pages = [reverse("admin:index"), reverse("admin:password_change")]

    assert read(boss, *pages, *(reverse("admin:app_list", args=[app]) for app in apps_of_admin)) == {}


def test_the_story_of_an_order_is_not_english(boss: Client) -> None:
    """With each kind of event, payment, refund, dispute and mail."""
    order = reporting.order(OrderStatus.PAID, mail="given_up")
    payment = Payment.objects.get(reference=order.public_id)
    for kind in OrderEvent.Kind:
        OrderEvent.objects.create(order=order, kind=kind, by="sam", note=f"payment {payment.pk} accepted: because")
    for status in ("created", "succeeded", "failed"):
        Refund.objects.create(
            payment=payment, amount_minor=1, status=status, wanted_by=BY_RULE, why=AFTER_THE_END,
            attention=Attention.REFUSED if status == "created" else "", **(OPEN if status == "created" else ENDED),
        )  # fmt: skip
    for status in ("open", "review", "won", "lost"):
        Dispute.objects.create(
            payment=payment, account="sandbox", provider_ref=status, status=status, raw_status="won", amount_minor=1,
            currency="EUR", reason="fraudulent", opened_at=NOW, ended_at=NOW if status in ("won", "lost") else None,
            answered_by="sam" if status == "review" else "",
        )  # fmt: skip
    backstage.callback(payment)

    pages = address(Order, "change", order.pk), reverse("console:payment", args=[payment.pk])
    assert read(boss, *pages) == {}


def test_no_refusal_is_english(boss: Client) -> None:
    """What a form and a rule say of wrong answers."""
    payment, unpaid = backstage.make(Payment, 1), reporting.order(OrderStatus.EXPIRED)
    Payment.objects.filter(pk=payment.pk).update(provider_ref="pay")
    for amount, why in (("x", "because"), ("1.234", ""), ("999", "because")):
        answers = {"amount": amount, "why": why, "key": uuid4().hex}
        answer = boss.post(address(Payment, "action", payment.pk, "refund"), answers)
        assert answer.status_code == 409
        assert english(answer.content.decode()) == []
    never = Payment.objects.get(reference=unpaid.public_id)
    chosen = {"action": "refund", ACTION_CHECKBOX_NAME: [payment.pk, never.pk]}
    assert english(boss.post(address(Payment, "changelist"), chosen, follow=True).content.decode()) == []


# --- the console -----------------------------------------------------------------------------------------------------


def test_no_page_of_the_console_is_english(boss: Client) -> None:
    """With rows in every state behind it, and the questions before its actions."""
    for each in choices():
        in_state(*each)
    for name in sorted(settings.PAYMENT_ACCOUNTS):
        breaker.open_by_hand(name, "sam", "because")
    keys = [job(outcome=outcome).pk for outcome in Job.Outcome]
    worker()
    mail = given_up(reporting.order())
    pauses.pause(pauses.QUEUE, "urgent", "sam", "because")
    payments = Payment.objects.filter(~Q(attention="") | Q(status__in=OPEN_STATES)).values_list("pk", flat=True)
    pages = [
        *addresses().values(),
        *(reverse("console:kind", args=[kind.name]) for kind in SHOP.kinds),
        *(reverse("console:payment", args=[key]) for key in payments),
        *(reverse("console:job", args=[key]) for key in keys),
        *(reverse("console:payments") + f"?which={which}" for which in ("due", "open", "newest")),
    ]

    assert read(boss, *pages) == {}
    found = {
        "job-again": keys[0],
        "send-mail-again": mail.pk,
        "send-alike-again": mail.pk,
        "check-payment": payments[0],
    }
    for action in ACTIONS:
        key = found.get(action.name, "urgent" if "queue" in action.name else "sandbox")
        answer = boss.get(reverse(f"console:{action.name}"), {"key": key})
        assert english(answer.content.decode()) == [], action.name


# --- what pages seldom show ------------------------------------------------------------------------------------------


def test_every_name_help_and_state_of_a_model_is_translated() -> None:
    """Also of columns that no page shows."""
    english_texts = []
    for model in (model for app in OURS for model in apps.get_app_config(app).get_models()):
        fields = model._meta.fields
        texts: list[Any] = [model._meta.verbose_name, model._meta.verbose_name_plural]
        texts += [text for field in fields for text in (field.verbose_name, field.help_text)]
        texts += [label for field in fields if field.name != "language" for _value, label in field.choices or ()]
        with override("ru"):
            english_texts += [(model.__name__, str(text)) for text in texts if _words(str(text))]

    assert english_texts == []


def test_no_name_makes_a_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_stored_sentence_is_translated() -> None:
    with override("ru"):
        translated = [re.sub(r"%\(\w+\)s", "", gettext(sentence)) for sentence, _pattern in sentences._KNOWN]

    assert len(translated) > 30
    assert [text for text in translated if _words(text)] == []


def test_rows_and_the_log_stay_english(caplog: pytest.LogCaptureFixture) -> None:
    """They are written by people who read Russian, and read by programs and by everybody."""
    payment = Payment(pk=7)
    with override("ru"):
        require_attention(payment, Attention.WORKERS_LOST, LOST_WORKERS % {"workers": 3})
        note, forged = payment.attention_note, Callback.Outcome("forged")

    assert note == caplog.records[-1].note == "3 workers were lost"  # type: ignore[attr-defined]
    assert (str(forged), forged.value, PaymentEvent._meta.verbose_name_raw) == ("forged", "forged", "payment event")


def test_a_stored_sentence_is_shown_with_its_parts_and_other_texts_as_they_are() -> None:
    """The most telling sentence wins, and what a person or a provider wrote is nobody's to translate."""
    with override("ru"):
        assert shown("3 workers were lost") == "потеряно исполнителей: 3"
        assert shown("payment 5 accepted: it is fine") == "платёж 5 принят: it is fine"
        assert shown("payment 5: it came after another payment") == "платёж 5: пришёл после другого платежа"
        assert shown(f"payment 5: it came after another payment; {HELD_BY_BANK}") == (
            "платёж 5: пришёл после другого платежа; Банк покупателя удерживает эти деньги из-за оспаривания: "
            "при возврате они ушли бы дважды."
        )
        amounts = OTHER_AMOUNT % {"theirs": Money(123_450, "EUR"), "ours": Money(9, "JPY")}
        assert shown(amounts) == "в платёжной системе 1\xa0234,50\xa0€, а мы просили 9\xa0¥"
        assert shown("payment 5 accepted: 12 EUR") == "платёж 5 принят: 12 EUR"
        assert in_words("succeeded, 9.40 EUR") == "оплачен, 9,40\xa0€"
        assert shown("insufficient_funds; ask the bank") == "insufficient_funds; ask the bank"
        assert shown("") == ""
    assert shown("3 workers were lost") == "3 workers were lost"
