"""What the shop tells when somebody looks."""

from collections.abc import Iterator

from billing.gauges import ATTENTION_GAUGE
from commerce.models import Notification, Order
from config.database.counts import COUNTED_AT_MOST, capped, in_one_round_trip
from config.metrics.registry import DATABASE, Value, reader, reading

UNSENT_GAUGE = reading(
    "tillkeeper_unsent_mails",
    f"Mails that were not sent: queued, or given up; {COUNTED_AT_MOST} means as many or more.",
    "status",
)


@reader(DATABASE)
def mails() -> Iterator[Value]:
    """By the partial indexes of the sweep and of the admin's filter."""
    rows = Notification.objects.all()
    queued = rows.filter(send_after__isnull=False).order_by("send_after")
    given_up = rows.filter(status=Notification.Status.GIVEN_UP).order_by("-pk")
    waiting, lost = in_one_round_trip(capped(queued, "send_after"), capped(given_up, "pk"))
    yield UNSENT_GAUGE, ("queued",), waiting
    yield UNSENT_GAUGE, ("given_up",), lost


@reader(DATABASE)
def orders_attention() -> Iterator[Value]:
    """Orders with a note for a person."""
    [found] = in_one_round_trip(capped(Order.objects.exclude(attention_note="").order_by("-pk"), "pk"))
    yield ATTENTION_GAUGE, ("order",), found
