"""Has the shop come to rest? By its tables, once a second; each reading is a sample for the picture."""

import time
from dataclasses import dataclass
from threading import Event

import psycopg

from tests.chaos.notes import Notes

SAMPLE_S = 1.0

STILL_S = 75.0
"""Without a change for this long, nothing more will come: an order that waits for its payment's end is asked about
every 30 s, and a lease is at most that long. Twice that, and some time to do it."""

WORK = """
    SELECT 'orders', expires_at FROM commerce_order WHERE status = 'awaiting_payment'
    UNION ALL SELECT 'payments', next_check_at FROM billing_payment WHERE next_check_at IS NOT NULL AND attention = ''
    UNION ALL SELECT 'refunds', next_check_at FROM billing_refund WHERE next_check_at IS NOT NULL AND attention = ''
    UNION ALL SELECT 'events', settle_after FROM billing_paymentevent WHERE settle_after IS NOT NULL
    UNION ALL SELECT 'callbacks', process_after FROM billing_callback WHERE process_after IS NOT NULL
    UNION ALL SELECT 'mails', send_after FROM commerce_notification WHERE send_after < now() + interval '2 minutes'
"""
"""All work that is open, with its due time. A mail that is due much later, a reminder, is none."""

READING = f"""
    SELECT (SELECT count(*) FROM commerce_order), (SELECT count(*) FROM commerce_order WHERE ended_at IS NOT NULL),
           count(*), coalesce(extract(epoch FROM now() - min(due)), 0)
    FROM ({WORK}) AS work (kind, due)
"""  # noqa: S608 - made of constants

ATTENTION = """
    SELECT 'payment', id, reference, attention FROM billing_payment WHERE attention <> ''
    UNION ALL SELECT 'refund', refund.id, reference, refund.attention
        FROM billing_refund AS refund JOIN billing_payment AS payment ON payment.id = payment_id
        WHERE refund.attention <> ''
    UNION ALL SELECT 'order', id, public_id, attention_note FROM commerce_order WHERE attention_note <> ''
"""
"""What calls for a person now."""


@dataclass(frozen=True)
class Reading:
    """Orders that were placed and that have ended, rows with work left, and the seconds since the oldest was due."""

    placed: int
    ended: int
    open: int
    lag_s: float


class Rest:
    """Reads the tables; the connection goes around the wires."""

    def __init__(self, database: str, notes: Notes) -> None:
        self._database, self._notes = database, notes
        self._last: Reading | None = None
        self._called: set[tuple[str, int]] = set()
        self._changed_at = time.monotonic()

    def sample(self) -> Reading | None:
        """One reading, noted; None without an answer of the database."""
        try:
            with psycopg.connect(self._database, connect_timeout=2, options="-c statement_timeout=5000") as connection:
                row = connection.execute(READING).fetchone()
                self._note_attention(connection.execute(ATTENTION).fetchall())
        except psycopg.Error:
            return None
        assert row
        reading = Reading(row[0], row[1], row[2], max(0.0, float(row[3])))
        self._notes.note("samples", placed=reading.placed, ended=reading.ended, due=reading.open, lag_s=reading.lag_s)
        return reading

    def watch(self, over: Event) -> None:
        """Take samples until the run is over."""
        while not over.wait(SAMPLE_S):
            self.sample()

    def _note_attention(self, rows: list[tuple[str, int, str, str]]) -> None:
        """Each row once, though it may calm down by itself."""
        for kind, key, order, why in rows:
            if (kind, key) not in self._called:
                self._called.add((kind, key))
                self._notes.note("attention", row=f"{kind} {key}", order=order, why=why)

    def has_come(self) -> bool:
        """True if no work is left, or if nothing has changed for STILL_S."""
        reading = self.sample()
        if reading is None:
            self._changed_at = time.monotonic()
            return False
        seen = (reading.placed, reading.ended, reading.open)
        if self._last is None or seen != (self._last.placed, self._last.ended, self._last.open):
            self._last, self._changed_at = reading, time.monotonic()
        return reading.open == 0 or time.monotonic() > self._changed_at + STILL_S
