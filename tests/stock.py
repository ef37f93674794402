"""Stock adds up: what can be ordered, and what orders hold, together are what there was."""

from django.db.models import Q, Sum

from commerce.models import OrderLine, OrderStatus, Product

HOLDING = Q(order__status__in=(OrderStatus.AWAITING_PAYMENT, OrderStatus.PAID, OrderStatus.DELIVERED)) | Q(
    order__status=OrderStatus.REFUNDED, order__delivered_at__isnull=False
)


def stock_adds_up(product: Product, initial: int) -> bool:
    """Is nothing of the product lost, and nothing sold twice?"""
    left = Product.objects.get(pk=product.pk).stock
    return left >= 0 and left + held(product) == initial


def held(product: Product) -> int:
    """How many of the product belong to orders that may have them, or did."""
    lines = OrderLine.objects.filter(HOLDING, product=product)
    return lines.aggregate(held=Sum("quantity"))["held"] or 0
