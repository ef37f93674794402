"""Sets up Till Coffee, the demonstration shop: sellers, products and delivery methods from demoshop.toml."""

import tomllib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db import transaction

from commerce.models import DeliveryMethod, Product, Seller
from config.cli.command import Command as Base

DEMO: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


class Command(Base):
    help = "Creates or refreshes the products of the demonstration shop. Existing products keep their stock."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--stock", type=_stock, metavar="N", help="set the stock of every active product to N")
        parser.add_argument("--quiet", action="store_true", help="print nothing")

    @transaction.atomic
    def handle(self, *_args: Any, **options: Any) -> None:
        stock: int | None = options["stock"]
        for email, name in DEMO["sellers"].items():
            Seller.objects.get_or_create(email=email, defaults={"name": name})
        _offer_delivery()
        added = sum(_put_on_shelf(**goods) for goods in DEMO["products"])
        if stock is not None:
            Product.objects.filter(active=True).update(stock=stock)
        if not options["quiet"]:
            restocked = "" if stock is None else f"; {stock} in stock of each"
            self.stdout.write(f"{len(DEMO['products'])} products on the shelf, {added} of them new{restocked}")


def _offer_delivery() -> None:
    """Create the methods once: the shop may rename or delete them afterwards."""
    if not DeliveryMethod.objects.exists():
        for position, method in enumerate(DEMO["delivery"], start=1):
            DeliveryMethod.objects.create(position=position, **method)


def _put_on_shelf(slug: str, seller: str, stock: int, **texts_and_price: Any) -> bool:
    """Create or refresh the product; True if it is new. An existing product keeps its stock and "active"."""
    facts = {
        **texts_and_price,
        "seller": Seller.objects.get(email=seller),
        "picture": f"commerce/products/{slug}.svg",
        "currency": "EUR",
    }
    new_facts = {**facts, "stock": stock, "active": True}
    return Product.objects.update_or_create(slug=slug, defaults=facts, create_defaults=new_facts)[1]


def _stock(value: str) -> int:
    """Raises ValueError, which argparse reports, unless it is a whole number that fits the column."""
    number = int(value)
    if not 0 <= number <= 2_147_483_647:
        raise ValueError(value)
    return number
