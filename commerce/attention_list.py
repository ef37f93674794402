"""The orders on the attention list, beside billing's items."""

from billing.attention_list import Item, item
from commerce.admin.resolutions import OF_ORDERS
from commerce.attention import ORDERS


def items(limit: int) -> list[Item]:
    """The newest orders with an attention note."""
    return [
        item(row, OF_ORDERS, row.public_id, row.placed_at, f"order {row.get_status_display()}", row.attention_note)
        for row in ORDERS.rows()[:limit]
    ]
