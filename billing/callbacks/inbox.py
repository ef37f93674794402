"""Callbacks: stored before they are read, answered at once, never trusted: a forged or late one costs a request."""

import hashlib
import logging
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from billing import lookup
from billing.callbacks import strangers
from billing.errors import BadAnswer, Forged
from billing.metrics import CALLBACKS_TOTAL
from billing.models import AskedBy, Callback, Payment
from billing.payments import service as payments
from billing.payments.check import CHECK_QUEUE
from billing.providers import provider_of
from billing.providers.base import CallbackHint, CallbackRequest
from billing.states import OPEN_STATES
from config.due import shutting_down
from config.due.queue import Due, database_now
from config.messaging.nudges import nudge

log = logging.getLogger(__name__)

CALLBACK_QUEUE = Due(Callback, "process_after", lease=CHECK_QUEUE.lease + timedelta(seconds=2))
BATCH = 50

PRUNED_AT_ONCE = 500
"""Rows per delete: with bodies of up to 64 KiB each, it takes a fraction of a second."""

REPEATS_COUNTED = 1_000
"""More repeats of one callback are not written: each would be a new version of the row for VACUUM."""

NOT_STORED = "not_stored"
"""In the metric: a callback beyond what strangers may leave."""

NO_BODY = b""
"""Of a callback whose body was deleted: a provider's own is never empty."""

UNKNOWN_PAYMENT_WAIT = (timedelta(seconds=5), timedelta(seconds=60))
"""The waits before a callback about an unknown payment is tried again; then its outcome is UNKNOWN_PAYMENT."""


def receive(account: str, post: CallbackRequest) -> Callback:
    """Store a callback and request its processing; a repeat of a stored one is only counted.

    A forged one is kept for operators and not processed. If the same callback is received later with a valid
    signature, because our secret was wrong and has been corrected, it is processed.

    What a stranger may have sent is kept within bounds (`strangers`). Beyond them the returned row is not stored.
    """
    row = _row_of(account, post)  # judged before it is stored, so that no sweep takes a forged one for a genuine one
    if row.outcome == Callback.Outcome.FORGED and strangers.was_full(account):
        return _act_without_storing(row)
    known = Callback.objects.filter(account=account, digest=row.digest)
    if not row.is_proven and not known.exists() and not strangers.have_room(account, _payment_of(row)):
        return _act_without_storing(row)
    first = {name: getattr(row, name) for name in ("body", "sender", "is_proven", "outcome", "process_after")}
    callback, new = Callback.objects.get_or_create(account=account, digest=row.digest, defaults=first)
    CALLBACKS_TOTAL.labels(account, "received" if new else "repeated").inc()
    if not new:
        known.filter(repeats__lt=REPEATS_COUNTED).update(repeats=F("repeats") + 1)
    if row.outcome == Callback.Outcome.FORGED:
        if new:
            CALLBACKS_TOTAL.labels(account, Callback.Outcome.FORGED.value).inc()
    elif new or _takes_up(callback, row):
        _request_processing(callback)
    return callback


def replay(callback_id: int, by: str) -> bool:
    """Process a stored callback, a forged one too, as if it had just come: the provider is asked; False if it is
    unknown, or its body is deleted."""
    stored = Callback.objects.filter(pk=callback_id).exclude(body=NO_BODY)
    done = stored.exclude(outcome=Callback.Outcome.WAITING)
    done.update(**_waiting(), claims=0, errors=0)
    if not stored.update(replayed_at=Now(), replayed_by=by[:150]):
        return False
    CALLBACK_QUEUE.make_due(Q(pk=callback_id), AskedBy.OPERATOR)
    log.info("callback.replayed", extra={"callback": callback_id, "by": by})
    nudge("process_payment_callback", callback_id)
    return True


def process(callback_id: int) -> bool:
    """Process one stored callback now; False if it is not due, or another worker has claimed it."""
    callback = CALLBACK_QUEUE.claim_one(callback_id)
    if callback is not None:
        CALLBACK_QUEUE.work_on(callback, _process)
    return callback is not None


def process_due() -> int:
    """Process the callbacks whose nudges were lost; returns how many."""
    return CALLBACK_QUEUE.work_off(BATCH, _process)


def prune_callbacks(seconds: float) -> bool:
    """Delete callbacks older than CALLBACK_RETENTION_DAYS, and those of strangers after `strangers.KEPT`, for up to
    `seconds`; True if there may be more.

    Callbacks that are not processed are kept, and those of payments whose outcome is not known.
    """
    ends_at, deleted, full = time.monotonic() + seconds, 0, True
    while full and time.monotonic() < ends_at and not shutting_down.is_set():
        counts = [_delete(_old()), _delete(strangers.old())]
        deleted, full = deleted + sum(counts), PRUNED_AT_ONCE in counts
    if deleted:
        log.info("callbacks.pruned", extra={"deleted": deleted, "finished": not full})
    return full


def prune_bodies(seconds: float) -> bool:
    """Delete the bodies of callbacks older than CALLBACK_BODY_RETENTION_DAYS for up to `seconds`; True if there may be
    more. The rest of the row stays.
    """
    ends_at, full = time.monotonic() + seconds, True
    before = database_now() - timedelta(days=settings.CALLBACK_BODY_RETENTION_DAYS)
    old = _with_bodies().filter(received_at__lt=before).order_by("received_at", "pk")
    while full and time.monotonic() < ends_at and not shutting_down.is_set():
        keys = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
        full = _with_bodies().filter(pk__in=keys).update(body=NO_BODY) == PRUNED_AT_ONCE
    return full


def forget_bodies(reference: str) -> int:
    """Delete the bodies of the callbacks about payments of this reference; returns how many."""
    return _with_bodies().filter(payment__reference=reference).update(body=NO_BODY)


def _with_bodies() -> QuerySet[Callback]:
    return Callback.objects.exclude(body=NO_BODY).exclude(outcome=Callback.Outcome.WAITING)


def _delete(old: QuerySet[Callback]) -> int:
    batch = list(old.order_by("received_at").values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    return old.filter(pk__in=batch).delete()[0]


def _row_of(account: str, post: CallbackRequest) -> Callback:
    """The row that would be stored. A forged one keeps the begin of its body; the digest is of the whole."""
    digest, sender = hashlib.sha256(post.body).hexdigest(), post.sender or None
    row = Callback(account=account, digest=digest, body=post.body, sender=sender)
    try:
        row.is_proven = provider_of(account).verify(post)
    except Forged as error:
        strangers.warn("callback.forged", account, sender=post.sender, error=str(error))
        row.body, row.is_proven = post.body[: strangers.KEPT_BYTES], False
        row.outcome = Callback.Outcome.FORGED
    else:
        row.process_after = database_now()
    return row


def _act_without_storing(row: Callback) -> Callback:
    """Check its payment: it may be a true one among many that are not, and a check costs little."""
    CALLBACKS_TOTAL.labels(row.account, NOT_STORED).inc()
    strangers.warn("callback.not_stored", row.account, sender=row.sender)
    if row.outcome == Callback.Outcome.FORGED:
        return row
    hint, payment = _hint(row), _payment_of(row)
    if hint is None:
        row.outcome = Callback.Outcome.MALFORMED
    elif payment:
        payments.check_now(payment, AskedBy.CALLBACK, hint.refs)
    return row


def _waiting() -> dict[str, Any]:
    return {"outcome": Callback.Outcome.WAITING, "process_after": database_now()}


def _takes_up(callback: Callback, repeat: Callback) -> bool:
    """Does a repeat make a stored callback genuine? It was taken for a forged one, and brings the whole body again."""
    was_cut = repeat.is_proven and bytes(callback.body) not in (NO_BODY, bytes(repeat.body))
    if callback.outcome != Callback.Outcome.FORGED and not was_cut:
        return False
    facts = {"body": repeat.body, "is_proven": repeat.is_proven, **_waiting()}
    Callback.objects.filter(pk=callback.pk).exclude(outcome=Callback.Outcome.WAITING).update(**facts)
    callback.refresh_from_db()
    return True


def _request_processing(callback: Callback) -> None:
    """Nudge a worker. A callback that cannot be read is processed at once, so that the sender gets an error."""
    if _hint(callback) is None:
        process(callback.pk)
        callback.refresh_from_db(fields=["outcome"])
    else:
        nudge("process_payment_callback", callback.pk)


def _process(callback: Callback) -> None:
    hint, payment = _hint(callback), _payment_of(callback)
    if callback.died_too_often:
        log.error("callback.given_up", extra={"account": callback.account})
        _finish(callback, Callback.Outcome.GIVEN_UP)
    elif hint is None:
        _finish(callback, Callback.Outcome.MALFORMED)
    elif payment is None:
        _wait_for_its_payment(callback, hint)
    else:
        payments.check_now(payment, AskedBy.CALLBACK, hint.refs)
        _finish(callback, Callback.Outcome.LOOKED, event=hint.event, payment=payment)


def _wait_for_its_payment(callback: Callback, hint: CallbackHint) -> None:
    """Wait: the callback may have come before the answer with the provider's id, and name nothing else."""
    if callback.errors < len(UNKNOWN_PAYMENT_WAIT):
        _put_off(callback, UNKNOWN_PAYMENT_WAIT[callback.errors])
    else:
        strangers.warn("callback.unknown_payment", callback.account)
        _finish(callback, Callback.Outcome.UNKNOWN_PAYMENT, event=hint.event)


def _payment_of(callback: Callback) -> Payment | None:
    """The payment that it names; none for a forged one, which is not read."""
    hint = None if callback.outcome == Callback.Outcome.FORGED else _hint(callback)
    return lookup.at_provider(callback.account, hint.refs, hint.reference) if hint else None


def _hint(callback: Callback) -> CallbackHint | None:
    try:
        return provider_of(callback.account).read_callback(bytes(callback.body))
    except BadAnswer as error:
        strangers.warn("callback.malformed", callback.account, error=str(error))
        return None


def _finish(callback: Callback, outcome: Callback.Outcome, event: str = "", payment: Payment | None = None) -> None:
    with CALLBACK_QUEUE.holding(callback) as held:
        held.outcome, held.event, held.payment = outcome, event, payment
        if not held.is_proven:
            held.body = bytes(held.body)[: strangers.KEPT_BYTES]
        CALLBACK_QUEUE.done(held)
        held.save()
        transaction.on_commit(CALLBACKS_TOTAL.labels(callback.account, outcome.value).inc)


def _put_off(callback: Callback, wait: timedelta) -> None:
    with CALLBACK_QUEUE.holding(callback) as held:
        CALLBACK_QUEUE.put_off(held, wait)
        held.save()


def _old() -> QuerySet[Callback]:
    age = timedelta(days=settings.CALLBACK_RETENTION_DAYS)
    done = Callback.objects.filter(received_at__lt=Now() - age).exclude(outcome=Callback.Outcome.WAITING)
    return done.filter(Q(payment=None) | ~Q(payment__status__in=OPEN_STATES))
