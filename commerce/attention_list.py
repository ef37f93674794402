"""Orders that a person must look at, beside billing's own cases."""

from billing.attention_list import Case, offered, page
from commerce.admin.ways_out_of_orders import OF_ORDERS
from commerce.models import Order

LOOKED_AT = "It has been looked at"


def cases(limit: int) -> list[Case]:
    """The newest orders with a note for a person."""
    rows = Order.objects.exclude(attention_note="").order_by("-pk")[:limit]
    return [
        Case(
            "order", order.pk, order.public_id, order.placed_at, f"order {order.get_status_display()}",
            order.attention_note, (*offered(OF_ORDERS, order), LOOKED_AT), page(Order, order.pk),
        )
        for order in rows
    ]  # fmt: skip
