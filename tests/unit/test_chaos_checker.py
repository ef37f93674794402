"""The stranger who judges a chaos run: each contradiction is found by its word, and a slow machine is no loss."""

import ast
import copy
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from commerce.order_state import State
from tests.chaos import checker
from tests.chaos.checker.evidence import PAGES_ONCE_PAID, WORDS, Evidence
from tests.chaos.checker.verdict import FINE, NOT_FINE, NOT_FINISHED, judge
from tests.chaos.customers import ENDS

Change = Callable[[Evidence], object]

PAID, EXPIRED = "paid-order", "expired-order"
LAST = "2026-12-01 10:00:00+00:00"

REFUND_PAGE = "/admin/billing/payment/1/way-out/refund/"
PAYMENT_SUCCEEDED = {"source": "pending", "target": "succeeded", "settle_after": None}
WANTED = {"payment_id": 1, "wanted_by": "operator"}


SELLER, CUSTOMER = "seller@example.com", "one@example.com"

MAILS = [
    {"id": 1, "order_id": 1, "kind": "order_confirmation", "recipient": CUSTOMER},
    {"id": 2, "order_id": 1, "kind": "seller_notification", "recipient": SELLER},
    {"id": 3, "order_id": 1, "kind": "money_back", "recipient": CUSTOMER},
]


def honest() -> Evidence:
    """One order that was paid and refunded in part, with a dispute; one that nobody paid; each with its mails."""
    return Evidence(
        run={"seed": 1, "healed_at": 100.0, "rested_at": 110.0, "stock": {"1": 50}},
        notes={
            "customers": [
                {"at": 1.0, "customer": 1, "did": "order", "order": PAID, "total": "9.00"},
                {"at": 1.5, "customer": 1, "did": "saw", "order": PAID, "state": "paid"},
                {"at": 2.0, "customer": 2, "did": "order", "order": EXPIRED, "total": "4.50"},
                {"at": 2.5, "customer": 2, "did": "checked_out", "email": "two@example.com"},
            ],
            "operators": [{"at": 5.0, "did": "refund", "row": REFUND_PAGE, "order": PAID, "accepted": True}],
            "mails": [
                {"at": 4.0, "recipients": [mail["recipient"]], "message_id": f"<{mail['id']}>", "subject": "x"}
                for mail in MAILS
            ],
            "faults": [{"at": 3.0, "until": 8.0, "kind": "kill", "target": "worker-1", "detail": ""}],
        },
        books={
            "payments": [
                {"id": "p1", "reference": PAID, "status": "succeeded", "amount": {"value": "9.00"}},
                {"id": "p2", "reference": EXPIRED, "status": "canceled", "amount": {"value": "4.50"}},
            ],
            "refunds": [{"id": "r1", "payment_id": "p1", "status": "succeeded", "amount": {"value": "1.00"}}],
            "disputes": [{"id": "d1", "payment_id": "p1", "status": "open"}],
        },
        tables={
            "commerce_order": [
                order(1, PAID, CUSTOMER, "paid", total_minor=900, paid_with_id=1, refunded_minor=100),
                order(2, EXPIRED, "two@example.com", "expired", total_minor=450),
            ],
            "commerce_orderline": [
                {"id": 1, "order_id": 1, "product_id": 1, "price_minor": 450, "quantity": 2},
                {"id": 2, "order_id": 2, "product_id": 1, "price_minor": 450, "quantity": 1},
            ],
            "commerce_product": [{"id": 1, "slug": "espresso", "stock": 48, "seller_id": 1}],
            "commerce_notification": [
                {**mail, "status": "sent", "error": "", "message_id": f"<{mail['id']}>"} for mail in MAILS
            ],
            "billing_payment": [
                payment(1, "p1", PAID, "succeeded", amount_minor=900),
                payment(2, "p2", EXPIRED, "canceled", amount_minor=450),
            ],
            "billing_paymentevent": [{"id": 1, "payment_id": 1, "refund_id": None, **PAYMENT_SUCCEEDED}],
            "billing_refund": [{**payment(1, "r1", PAID, "succeeded", amount_minor=100), **WANTED}],
            "billing_dispute": [{"id": 1, "payment_id": 1, "provider_ref": "d1", "raw_status": "open"}],
            "billing_callback": [{"id": 1, "process_after": None}],
        },
    )


def order(key: int, public_id: str, email: str, status: str, **facts: object) -> dict[str, Any]:
    """A row of the shop's orders."""
    unsent = {"sent_at": None, "delivered_at": None, "attention_note": "", "delivery_price_minor": 0}
    base = {"id": key, "public_id": public_id, "email": email, "status": status, "paid_with_id": None}
    return {**base, "refunded_minor": 0, **unsent, **facts}


def payment(key: int, ref: str, reference: str, status: str, **facts: object) -> dict[str, Any]:
    """A row of the shop's payments."""
    base = {"id": key, "provider_ref": ref, "reference": reference, "status": status, "attention": ""}
    return {**base, "received_minor": None, "next_check_at": None, **facts}


def test_honest_books_are_fine() -> None:
    """No rule cries without a reason."""
    verdict = judge(honest())

    assert [str(finding) for finding in verdict.findings] == []
    assert verdict.status == FINE
    assert all(f" {word}=0" in verdict.last_line() for word in WORDS)


def test_a_page_goes_on_from_paid() -> None:
    """Each state of the shop's pages is either before the end or judged as one that follows it."""
    not_paid = {State.CANCELED, State.EXPIRED}
    ends = {str(state) for state in State if state.look in ("good", "over") and state not in not_paid}

    assert set(PAGES_ONCE_PAID) == ends
    assert set(ENDS) == ends | {*not_paid}
    went_on = honest()
    for at, state in enumerate(PAGES_ONCE_PAID, 2):
        adding(notes("customers"), at=float(at), did="saw", state=state)(went_on)
    assert judge(went_on).status == FINE


def setting(table: str, row: int = 0, **facts: object) -> Change:
    """A change of one row of the shop."""
    return lambda found: found.tables[table][row].update(facts)


def books(name: str, row: int = 0, **facts: object) -> Change:
    """A change of one row of the provider's books."""
    return lambda found: found.books[name][row].update(facts)


def dropping(rows: Callable[[Evidence], Any], row: int = 0) -> Change:
    """A row that is missing."""
    return lambda found: rows(found).pop(row)


def adding(rows: Callable[[Evidence], Any], **facts: object) -> Change:
    """A row like the first one, but for these facts."""
    return lambda found: rows(found).append({**rows(found)[0], **facts})


def table(name: str) -> Callable[[Evidence], Any]:
    """The rows of a table."""
    return lambda found: found.tables[name]


def notes(name: str) -> Callable[[Evidence], Any]:
    """The lines of one file."""
    return lambda found: found.notes[name]


def there(name: str) -> Callable[[Evidence], Any]:
    """The provider's rows."""
    return lambda found: found.books[name]


def both(*changes: Change) -> Change:
    """One after the other."""
    return lambda found: [change(found) for change in changes]


def noting(name: str, row: int = 0, **facts: object) -> Change:
    """A change of one line."""
    return lambda found: found.notes[name][row].update(facts)


def forgetting(name: str) -> Change:
    """A file without lines."""
    return lambda found: notes(name)(found).clear()


CONTRADICTIONS: dict[str, tuple[str, Change]] = {
    "an order is gone": (
        "lost",
        both(
            dropping(table("commerce_order"), 1), dropping(there("payments"), 1), dropping(table("billing_payment"), 1)
        ),
    ),
    "money is not seen": ("lost", books("payments", 1, status="succeeded")),
    "a payment waits for ever": ("lost", setting("billing_payment", 1, status="pending", next_check_at=LAST)),
    "an order waits for ever": (
        "lost",
        both(setting("commerce_order", 1, status="awaiting_payment"), setting("commerce_product", stock=47)),
    ),
    "an event waits for ever": ("lost", setting("billing_paymentevent", settle_after=LAST)),
    "a callback waits for ever": ("lost", setting("billing_callback", process_after=LAST)),
    "a refund of the operator is gone": ("lost", adding(notes("operators"))),
    "a dispute is not known": ("lost", dropping(table("billing_dispute"))),
    "a dispute has another state": ("lost", books("disputes", status="lost")),
    "a refund by hand is not seen": ("lost", adding(there("refunds"), id="r2")),
    "two orders of one customer": ("doubled", setting("commerce_order", 1, email="one@example.com")),
    "paid twice": (
        "doubled",
        both(adding(there("payments"), id="p3"), adding(table("billing_payment"), id=3, provider_ref="p3")),
    ),
    "one payment too many": ("doubled", adding(there("payments"), id="p4", status="canceled")),
    "a refund that nobody wanted": ("doubled", forgetting("operators")),
    "a refund that only the provider knows of": ("doubled", setting("billing_refund", wanted_by="provider")),
    "the customer saw another total": ("wrong", noting("customers", total="8.00")),
    "the total does not add up": ("wrong", setting("commerce_orderline", price_minor=400)),
    "success is not the provider's": ("wrong", books("payments", status="pending")),
    "another amount": ("wrong", setting("billing_payment", 1, amount_minor=400)),
    "expired while it is open there": ("wrong", books("payments", 1, status="pending")),
    "a payment that the provider does not know": ("wrong", dropping(there("payments"), 1)),
    "a refund that the provider does not know": ("wrong", dropping(there("refunds"))),
    "a refund of another sum": ("wrong", setting("billing_refund", amount_minor=200)),
    "more is refunded here than there": ("wrong", setting("commerce_order", refunded_minor=900)),
    "success was undone": ("wrong", adding(table("billing_paymentevent"), source="succeeded", target="failed")),
    "a customer is told that there is no order": (
        "wrong",
        noting("customers", 2, did="refused"),
    ),
    "the page went back": ("wrong", adding(notes("customers"), at=9.0, did="saw", state="canceled")),
    "a mail that nobody wrote": ("wrong", adding(notes("mails"), message_id="<stranger>")),
    "a piece too many": ("stock", setting("commerce_product", stock=49)),
    "a piece too few": ("stock", setting("commerce_product", stock=47)),
    "a mail did not arrive": ("mails_missing", dropping(notes("mails"))),
    "a mail was given up": ("mails_missing", setting("commerce_notification", status="given_up")),
    "a mail was not written": (
        "mails_missing",
        both(dropping(table("commerce_notification")), dropping(notes("mails"))),
    ),
    "a mail came again, and nothing had happened": (
        "mails_doubled",
        both(forgetting("faults"), adding(notes("mails"))),
    ),
    "a mail came three times after one fault": (
        "mails_doubled",
        both(adding(notes("mails"), at=26.0), adding(notes("mails"), at=27.0)),
    ),
    "two mails for one reason": (
        "mails_doubled",
        both(adding(table("commerce_notification"), message_id="<9>"), adding(notes("mails"), message_id="<9>")),
    ),
}


@pytest.mark.parametrize(("word", "change"), CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradiction_is_found_by_its_word(word: str, change: Change) -> None:
    """Whatever else it may contradict."""
    found = changed(change)
    verdict = judge(found)

    words = Counter(finding.word for finding in verdict.findings)
    assert words[word] >= 1, [str(finding) for finding in verdict.findings]
    assert verdict.status == NOT_FINE


SURE = {"an order is gone", "a refund of the operator is gone"}
"""What was told to a person is written already, at rest or not."""

LATE = [name for name, (word, _) in CONTRADICTIONS.items() if word in ("lost", "mails_missing") and name not in SURE]


@pytest.mark.parametrize("name", LATE)
def test_what_may_still_come_is_not_finished(name: str) -> None:
    """A run that did not come to rest says so; nothing is lost yet."""
    found = changed(CONTRADICTIONS[name][1])
    found.run["rested_at"] = None
    verdict = judge(found)

    assert {finding.word for finding in verdict.findings} == {"unfinished"}
    assert verdict.status == NOT_FINISHED


@pytest.mark.parametrize("change", [change for _, change in CONTRADICTIONS.values()], ids=CONTRADICTIONS)
def test_readings_that_do_not_belong_together_contradict_nothing(change: Change) -> None:
    """The books went on while the tables were read."""
    found = changed(change)
    found.run["consistent"] = False
    verdict = judge(found)

    assert {finding.word for finding in verdict.findings} <= {"unfinished"}
    assert verdict.status == NOT_FINISHED


def test_a_copy_after_a_fault_is_only_counted() -> None:
    """RFC 1047: the connection may break between the server's word and ours."""
    verdict = judge(changed(adding(notes("mails"), at=26.0)))

    assert verdict.status == FINE
    assert " copies=1 " in verdict.last_line()


def test_errors_outside_of_an_outage_and_alarms_without_a_reason_are_reported() -> None:
    """Neither makes the run fail."""
    found = honest()
    outage = {"at": 30.0, "until": 35.0, "kind": "stop", "target": "postgres", "detail": ""}
    requests = [{"at": at, "status": 503, "clothes": at < 50} for at in (31.0, 39.0, 50.0)]
    attention = [{"at": 40.0, "order": reference, "row": "payment 1", "why": "errors"} for reference in (PAID, EXPIRED)]
    notes = {**found.notes, "faults": [outage], "requests": requests, "attention": attention}
    verdict = judge(Evidence(found.run, notes, found.books, found.tables))

    assert verdict.status == FINE
    assert " rest_s=10 errors=1 naked=1 false_alarms=1 " in verdict.last_line()


def test_the_stranger_imports_nothing_of_the_shop() -> None:
    """Only the standard library, psycopg, and itself."""
    allowed = {*sys.stdlib_module_names, "psycopg"}
    for file in Path(checker.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            foreign = [name for name in names if not name.startswith("tests.chaos.checker")]
            assert {name.partition(".")[0] for name in foreign if name != "tests.chaos"} <= allowed, file


def changed(change: Change) -> Evidence:
    """The honest evidence with this change."""
    found = copy.deepcopy(honest())
    change(found)
    return found
