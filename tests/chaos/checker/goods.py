"""The stock: what was there at the start is there, or belongs to an order."""

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checker.evidence import STOCK, Evidence, Finding, Row

HOLDING = ("awaiting_payment", "paid", "delivered")


def holds(order: Row) -> bool:
    """Goods that were sent do not come back by themselves when the money does."""
    return order["status"] in HOLDING or bool(
        order["status"] == "refunded" and (order["sent_at"] or order["delivered_at"])
    )


def stock_adds_up(found: Evidence) -> Iterator[Finding]:
    """For each product."""
    holding = {order["id"] for order in found.orders().values() if holds(order)}
    sold: Counter[int] = Counter()
    for line in found.tables["commerce_orderline"]:
        if line["order_id"] in holding:
            sold[line["product_id"]] += line["quantity"]
    for product in found.tables["commerce_product"]:
        left = found.run["stock"][str(product["id"])] - sold[product["id"]]
        if left != product["stock"]:
            yield Finding(STOCK, product["slug"], f"{left} pieces should be left, the shop has {product['stock']}")


RULES = (stock_adds_up,)
