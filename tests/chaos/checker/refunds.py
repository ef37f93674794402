"""Refunds and disputes: what went back, and what was fetched back."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import DOUBLED, WRONG, Evidence, Finding, Row, grouped, minor

BY_HAND = "provider"
"""`wanted_by` of a refund that the shop found in the provider's books."""

REFUNDS = ("refund", "cancel-paid", "give-back")


def refunds_agree(found: Evidence) -> Iterator[Finding]:
    """Each refund that the shop asked for is one of the provider's, with its state and sum; no money went back twice or
    unseen. Refunds that were made by hand are one sum in the shop, without the provider's ids.
    """
    there = {refund["id"]: refund for refund in found.books["refunds"]}
    for row in found.tables["billing_refund"]:
        refund = there.get(row["provider_ref"])
        if not row["provider_ref"] or row["attention"]:
            continue
        if refund is None:
            yield Finding(WRONG, row["provider_ref"], "the provider does not know this refund of the shop")
        elif (row["status"] == "succeeded") != (refund["status"] == "succeeded"):
            word = WRONG if row["status"] == "succeeded" else found.late
            yield Finding(word, refund["id"], f"the refund is {refund['status']} there, {row['status']} here")
        elif row["amount_minor"] != minor(refund["amount"]["value"]):
            yield Finding(WRONG, refund["id"], f"{refund['amount']['value']} there, {row['amount_minor']} here")
    given, known = _given(found), _refunded_here(found)
    for ref, row in found.shop_payments().items():
        if given[ref] != known[row["id"]]:
            word = WRONG if known[row["id"]] > given[ref] else found.late
            yield Finding(word, f"{row['reference']} {ref}", f"refunded {given[ref]} there, {known[row['id']]} here")


def refunds_are_wanted_once(found: Evidence) -> Iterator[Finding]:
    """Each decision led to one refund, and nothing else did."""
    payments = {row["id"]: row for row in found.tables["billing_payment"]}
    rows = grouped(found.tables["billing_refund"], lambda row: payments[row["payment_id"]]["reference"])
    by_hand = Counter(note["order"] for note in found.noted("operators", "refund_by_hand"))
    wanted = _decisions(found, payments)
    for reference, refunds in rows.items():
        external = sum(row["wanted_by"] == BY_HAND for row in refunds)
        if external > by_hand[reference]:
            yield Finding(
                DOUBLED,
                reference,
                f"{external} refunds that only the provider knows of, by hand were {by_hand[reference]}",
            )
        own = sum(row["wanted_by"] == "operator" for row in refunds)
        sure, perhaps = wanted.get(reference, (0, 0))
        if own > sure + perhaps:
            yield Finding(DOUBLED, reference, f"{own} refunds of the operator, who wanted {sure}")
    for reference, (sure, _) in wanted.items():
        own = sum(row["wanted_by"] == "operator" for row in rows.get(reference, ()))
        if own < sure:
            yield Finding("lost", reference, f"the operator was told of {sure} refunds, the shop has {own}")


def orders_know_their_refunds(found: Evidence) -> Iterator[Finding]:
    """What an order has as refunded is what the provider gave back of its payment."""
    given = _given(found)
    rows = {row["id"]: row for row in found.tables["billing_payment"]}
    for order in found.orders().values():
        paid_with = rows.get(order["paid_with_id"])
        if paid_with and order["refunded_minor"] != given[paid_with["provider_ref"]]:
            there = given[paid_with["provider_ref"]]
            word = WRONG if order["refunded_minor"] > there else found.late
            yield Finding(word, order["public_id"], f"refunded {there} cents there, {order['refunded_minor']} here")


def disputes_agree(found: Evidence) -> Iterator[Finding]:
    """Each dispute is known, with its present state."""
    known = {row["provider_ref"]: row for row in found.tables["billing_dispute"]}
    for dispute in found.books["disputes"]:
        row = known.get(dispute["id"])
        if row is None:
            yield Finding(found.late, dispute["payment_id"], f"the shop does not know the dispute {dispute['id']}")
        elif row["raw_status"] != dispute["status"]:
            yield Finding(found.late, dispute["id"], f"{dispute['status']} there, {row['raw_status']} here")


def _given(found: Evidence) -> Counter[str]:
    """Cents that the provider gave back, by its id of the payment."""
    given: Counter[str] = Counter()
    for refund in found.books["refunds"]:
        given[refund["payment_id"]] += minor(refund["amount"]["value"]) * (refund["status"] == "succeeded")
    return given


def _refunded_here(found: Evidence) -> Counter[int]:
    """Cents that the shop has as given back, by its payment's key."""
    known: Counter[int] = Counter()
    for row in found.tables["billing_refund"]:
        known[row["payment_id"]] += row["amount_minor"] * (row["status"] == "succeeded")
    return known


def _decisions(found: Evidence, payments: dict[int, Row]) -> dict[str, tuple[int, int]]:
    """For each order, how many refunds the operator surely and perhaps decided on."""
    orders = {order["id"]: order["public_id"] for order in found.orders().values()}
    counts: dict[str, tuple[int, int]] = {}
    for note in found.noted("operators", *REFUNDS):
        _, _, _, model, key, *_ = note["row"].split("/")
        reference = orders[int(key)] if model == "order" else payments[int(key)]["reference"]
        sure, perhaps = counts.get(reference, (0, 0))
        counts[reference] = (sure + (note["accepted"] is True), perhaps + (note["accepted"] is None))
    return counts


RULES = (refunds_agree, refunds_are_wanted_once, orders_know_their_refunds, disputes_agree)
