"""What is reported, and no fault by itself: seconds to rest, failed requests, false alarms, copies of mails."""

from tests.chaos.checker.evidence import Evidence, Row, grouped
from tests.chaos.checker.mails import copies

AFTERWARDS_S = 5.0
"""PostgreSQL is back, and its last victims are still being answered."""

NEEDED = ("dispute", "refund_by_hand", "refund", "cancel-paid", "give-back", "accept", "close")
"""Deeds after which a person may well be needed."""


def rest_s(found: Evidence) -> float | None:
    """From the last healing to the rest; None: it did not come."""
    rested_at = found.run["rested_at"]
    return None if rested_at is None else max(0.0, rested_at - found.run["healed_at"])


def failed_requests(found: Evidence) -> list[Row]:
    """Answers of 500 and more, outside of an outage of the database."""
    outages = [fault for fault in found.noted("faults") if "postgres" in fault["target"]]
    return [
        request
        for request in found.noted("requests")
        if request["status"] >= 500
        and not any(each["at"] <= request["at"] <= each["until"] + AFTERWARDS_S for each in outages)
    ]


def naked_pages(found: Evidence) -> list[Row]:
    """Failed pages, at any time, that do not say "try again" in the shop's clothes."""
    return [each for each in found.noted("requests") if each["status"] >= 500 and not each["clothes"]]


def false_alarms(found: Evidence) -> list[Row]:
    """Rows that called for a person at any time, though neither the bank nor the operator had done anything unusual."""
    needed = {note["order"] for note in found.noted("operators", *NEEDED)}
    return [
        notes[0]
        for order, notes in grouped(found.noted("attention"), lambda note: note["order"]).items()
        if order not in needed
    ]


def numbers(found: Evidence) -> dict[str, object]:
    """For the last line of the verdict."""
    seconds = rest_s(found)
    return {
        "copies": copies(found),
        "rest_s": "never" if seconds is None else round(seconds),
        "errors": len(failed_requests(found)),
        "naked": len(naked_pages(found)),
        "false_alarms": len(false_alarms(found)),
        "gave_up": len(found.noted("customers", "gave_up")),
    }
