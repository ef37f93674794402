"""Mails that are missing, and mails that came twice."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import (
    MAILS_DOUBLED,
    MAILS_MISSING,
    UNFINISHED,
    WAS_PAID,
    WRONG,
    Evidence,
    Finding,
    Row,
    grouped,
)

IN_DOUBT = 8
"""Mails that one fault may leave in doubt: each of two workers has EMAIL_CONNECTIONS (3) and one for nudges."""

BETWEEN = {
    "kill": ("worker", "mail", "postgres"),
    "freeze": ("worker", "mail", "postgres"),
    "stop": ("mail", "postgres"),
    "cut": ("worker>mail", "worker>postgres"),
    "disk": ("postgres",),
}
"""Faults that may fall between "the server has it" and "we know": the parts that they strike, by kind."""

DOUBT_S = 15.0
"""From a delivery until the shop has written it down: a reply of the mail server and a statement, on a busy machine."""


def each_mail_arrived(found: Evidence) -> Iterator[Finding]:
    """What the shop says it sent is in the mailbox; what is queued will come."""
    word = MAILS_MISSING if found.at_rest else UNFINISHED
    arrived = {mail["message_id"] for mail in found.noted("mails")}
    for row in found.tables["commerce_notification"]:
        about = f"{row['kind']} to {row['recipient']}"
        if row["status"] == "sent" and row["message_id"] not in arrived:
            yield Finding(word, about, "the shop says sent, the mailbox does not have it")
        elif row["status"] == "given_up":
            yield Finding(word, about, f"given up: {row['error']}")
        elif row["status"] == "queued" and row["kind"] != "review_reminder":
            yield Finding(word, about, "still queued")


def each_paid_order_is_told(found: Evidence) -> Iterator[Finding]:
    """The customer and the sellers of a paid order, and the customer of each refund, have a mail."""
    word = MAILS_MISSING if found.at_rest else UNFINISHED
    rows = grouped(found.tables["commerce_notification"], lambda row: (row["order_id"], row["kind"]))
    sellers = {product["id"]: product["seller_id"] for product in found.tables["commerce_product"]}
    lines = grouped(found.tables["commerce_orderline"], lambda line: line["order_id"])
    refunds = _refunds_by_order(found)
    for order in found.orders().values():
        due = {"money_back": refunds.get(order["public_id"], 0)}
        if order["status"] in WAS_PAID:
            due["order_confirmation"] = 1
            due["seller_notification"] = len({sellers[line["product_id"]] for line in lines[order["id"]]})
        for kind, count in due.items():
            written = len(rows[order["id"], kind])
            if written != count:
                later = MAILS_DOUBLED if written > count else word
                yield Finding(later, order["public_id"], f"{written} mails of the kind {kind}, due are {count}")


def each_mail_came_once(found: Evidence) -> Iterator[Finding]:
    """The same Message-ID comes again only where a fault fell between the server's word and ours, once for each fault.

    A fault leaves in doubt what was just being sent, and no more.
    """
    known = {row["message_id"] for row in found.tables["commerce_notification"]}
    faults = [each for each in found.noted("faults") if each["target"].startswith(BETWEEN.get(each["kind"], ()))]
    doubts: Counter[int] = Counter()
    for message_id, mails in grouped(found.noted("mails"), lambda mail: mail["message_id"]).items():
        to = ", ".join(mails[0]["recipients"])
        if message_id not in known:
            yield Finding(WRONG, to, f"the shop knows nothing of the mail {mails[0]['subject']!r}")
        used: set[int] = set()
        for delivered in sorted(mail["at"] for mail in mails)[:-1]:
            causes = [number for number, fault in enumerate(faults) if _leaves_in_doubt(fault, delivered)]
            free = [number for number in causes if number not in used and doubts[number] < IN_DOUBT]
            if not free:
                yield Finding(MAILS_DOUBLED, to, f"{mails[0]['subject']!r} came again without a fault in between")
            used.update(free[-1:])
            doubts.update(free[-1:])


def copies(found: Evidence) -> int:
    """How many mails came again inside of the documented window."""
    mails = found.noted("mails")
    return len(mails) - len({mail["message_id"] for mail in mails})


def _refunds_by_order(found: Evidence) -> dict[str, int]:
    payments = {row["id"]: row["reference"] for row in found.tables["billing_payment"]}
    done = [row for row in found.tables["billing_refund"] if row["status"] == "succeeded"]
    return {order: len(rows) for order, rows in grouped(done, lambda row: payments[row["payment_id"]]).items()}


def _leaves_in_doubt(fault: Row, delivered: float) -> bool:
    """Did it last when the shop was to write down this delivery?"""
    return bool(fault["at"] <= delivered + DOUBT_S and fault["until"] >= delivered - 1)


RULES = (each_mail_arrived, each_paid_order_is_told, each_mail_came_once)
