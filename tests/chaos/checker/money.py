"""Orders and payments: lost, doubled, wrong."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import (
    DOUBLED,
    PAGES_ONCE_PAID,
    WAS_PAID,
    WRONG,
    Evidence,
    Finding,
    Row,
    grouped,
    minor,
)

OPEN_AT_PROVIDER = ("pending", "authorized")
ENDED_UNPAID = ("canceled", "expired")
OPEN_IN_SHOP = ("created", "pending", "authorized")


def orders_are_kept(found: Evidence) -> Iterator[Finding]:
    """What a customer was told exists, with the total that the customer saw."""
    orders = found.orders()
    for note in found.noted("customers", "order"):
        order = orders.get(note["order"])
        if order is None:
            yield Finding("lost", note["order"], f"customer {note['customer']} has it, the shop does not know it")
        elif note["total"] and minor(note["total"]) != order["total_minor"]:
            yield Finding(
                WRONG, note["order"], f"the customer saw {note['total']}, the shop has {order['total_minor']} cents"
            )


def customers_know_their_orders(found: Evidence) -> Iterator[Finding]:
    """Who was told at last that there is no order has none."""
    placed = {order["email"]: order["public_id"] for order in found.orders().values()}
    know = {note["customer"] for note in found.noted("customers", "order")}
    emails = {note["customer"]: note["email"] for note in found.noted("customers", "checked_out")}
    for note in found.noted("customers", "refused"):
        order = placed.get(emails.get(note["customer"], ""))
        if order and note["customer"] not in know:
            yield Finding(WRONG, order, f"customer {note['customer']} was told that there is no order")


def one_order_for_each_customer(found: Evidence) -> Iterator[Finding]:
    """Each customer wants one, and presses the button again only if nothing seems to have come of it."""
    for email, count in Counter(order["email"] for order in found.orders().values()).items():
        if count > 1:
            yield Finding(DOUBLED, email, f"{count} orders, wanted was one")


def totals_add_up(found: Evidence) -> Iterator[Finding]:
    """The lines and the delivery of an order are its total."""
    lines = grouped(found.tables["commerce_orderline"], lambda line: line["order_id"])
    for order in found.orders().values():
        goods = sum(line["price_minor"] * line["quantity"] for line in lines[order["id"]])
        if goods + order["delivery_price_minor"] != order["total_minor"]:
            yield Finding(WRONG, order["public_id"], f"its lines cost {goods}, its total is {order['total_minor']}")


def money_is_seen(found: Evidence) -> Iterator[Finding]:
    """What the provider took, the shop has as taken, for the right order, and the other way round."""
    known = found.shop_payments()
    for payment in found.books["payments"]:
        row = known.get(payment["id"])
        about = f"{payment['reference']} {payment['id']}"
        if payment["status"] == "succeeded" and (row is None or row["status"] != "succeeded"):
            says = row["status"] if row else "unknown"
            attended = bool(row and row["attention"])
            if not attended:
                yield Finding(found.late, about, f"the provider took the money, the shop says {says}")
        elif row and row["status"] == "succeeded" and payment["status"] != "succeeded":
            yield Finding(WRONG, about, f"the shop says succeeded, the provider {payment['status']}")
        if row and not row["received_minor"] and minor(payment["amount"]["value"]) != row["amount_minor"]:
            yield Finding(WRONG, about, f"{payment['amount']['value']} at the provider, {row['amount_minor']} here")
    ids = {payment["id"] for payment in found.books["payments"]}
    for ref, row in known.items():
        if ref not in ids:
            yield Finding(WRONG, f"{row['reference']} {ref}", "the provider does not know this payment of the shop")


def orders_agree(found: Evidence) -> Iterator[Finding]:
    """An order that is paid has taken money; one that ended unpaid has none, and none can come."""
    payments = found.provider_payments()
    rows = {row["id"]: row for row in found.tables["billing_payment"]}
    for order in found.orders().values():
        books = payments.get(order["public_id"], [])
        taken = [payment for payment in books if payment["status"] == "succeeded"]
        about, status = order["public_id"], order["status"]
        if status in WAS_PAID:
            paid_with = rows[order["paid_with_id"]]["provider_ref"]
            if paid_with not in {payment["id"] for payment in taken}:
                yield Finding(WRONG, about, f"the shop says {status}, the provider took no money for it")
        elif taken and not _seen_to(found, order, taken):
            yield Finding(found.late, about, f"the provider took the money, the shop says {status}")
        elif status in ENDED_UNPAID and any(payment["status"] in OPEN_AT_PROVIDER for payment in books):
            yield Finding(WRONG, about, f"the shop says {status}, the provider's payment is still open")


def paid_once(found: Evidence) -> Iterator[Finding]:
    """A customer who paid twice has the second sum back, or a person was called; a request was sent under one key."""
    rows = grouped(found.tables["billing_payment"], lambda row: row["reference"])
    orders = found.orders()
    for reference, payments in found.provider_payments().items():
        taken = [payment for payment in payments if payment["status"] == "succeeded"]
        order = orders.get(reference)
        if len(taken) > 1 and order and not _seen_to(found, order, taken[1:]):
            yield Finding(DOUBLED, reference, f"paid {len(taken)} times")
        if len(payments) > len(rows[reference]):
            yield Finding(
                DOUBLED, reference, f"{len(payments)} payments at the provider, {len(rows[reference])} in the shop"
            )


def nothing_waits(found: Evidence) -> Iterator[Finding]:
    """No row is due for ever. A payment that needs a person is asked about as long as it does."""
    for order in found.orders().values():
        if order["status"] == "awaiting_payment":
            yield Finding(found.late, order["public_id"], "the order still awaits its payment")
    for table, due, open_states in (
        ("billing_payment", "next_check_at", OPEN_IN_SHOP),
        ("billing_refund", "next_check_at", ("created", "pending")),
        ("billing_paymentevent", "settle_after", ()),
        ("billing_callback", "process_after", ()),
    ):
        for row in found.tables[table]:
            is_open = row["status"] in open_states if open_states else row[due]
            if is_open and not row.get("attention"):
                yield Finding(found.late, f"{table} {row['id']}", f"it is still due at {row[due]}")


def success_is_not_undone(found: Evidence) -> Iterator[Finding]:
    """What a provider says after success is a refund or a dispute, and changes no payment."""
    for event in found.tables["billing_paymentevent"]:
        if event["source"] == "succeeded" and not event["refund_id"]:
            yield Finding(WRONG, f"payment {event['payment_id']}", f"it had succeeded, and then was {event['target']}")


def pages_do_not_go_back(found: Evidence) -> Iterator[Finding]:
    """A customer whose page said paid is not told later that the order is not."""
    for order, notes in grouped(found.noted("customers", "saw"), lambda note: note["order"]).items():
        states = [note["state"] for note in sorted(notes, key=lambda note: float(note["at"]))]
        after = states[states.index("paid") :] if "paid" in states else []
        back = [state for state in after if state not in PAGES_ONCE_PAID]
        if back:
            yield Finding(WRONG, order, f"its page said paid, and then {', '.join(back)}")


def _seen_to(found: Evidence, order: Row, taken: list[Row]) -> bool:
    """A person was called, or the money went back."""
    refunded = {refund["payment_id"] for refund in found.books["refunds"]}
    return bool(order["attention_note"]) or all(payment["id"] in refunded for payment in taken)


RULES = (
    orders_are_kept,
    customers_know_their_orders,
    one_order_for_each_customer,
    totals_add_up,
    money_is_seen,
    orders_agree,
    paid_once,
    nothing_waits,
    success_is_not_undone,
    pages_do_not_go_back,
)
