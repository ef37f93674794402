"""Findings about goods that unpaid orders hold. None of them is urgent: a stranger must not wake a person."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from actors.operations.findings.finding import NAMES_SHOWN, Finding, Snapshot
from commerce.unpaid.held import crowd, scarce_products
from config.database.counts import counted

SECTION = "goods-held-by-unpaid-orders"
PAGE = "admin:commerce_order_changelist"


def crowded_networks(seen: Snapshot) -> Iterator[Finding]:
    """Networks whose next order is refused."""
    if found := crowd():
        text = ngettext(
            "%(n)s network has as many of them as UNPAID_ORDERS_PER_NETWORK allows",
            "%(n)s networks have as many of them as UNPAID_ORDERS_PER_NETWORK allows",
            found.networks,
        )
        advice = _("Robots: cancel their orders. Many customers behind one address: raise the limit.")
        yield Finding(
            _("unpaid orders"), text % {"n": counted(found.networks)}, advice, SECTION, found.since, page=PAGE
        )


def goods_held(seen: Snapshot) -> Iterator[Finding]:
    """Products that nobody can buy though they are not sold."""
    products = scarce_products()
    for product, held in products[:NAMES_SHOWN]:
        values = {"held": counted(held), "all": counted(product.stock + held)}
        problem = _("unpaid orders hold %(held)s of %(all)s") % values
        advice = _("The goods come back when the orders expire. If robots placed them, cancel them.")
        yield Finding(_("product %(name)s") % {"name": product.title}, problem, advice, SECTION, page=PAGE)
