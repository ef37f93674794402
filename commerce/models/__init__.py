"""The shop's models."""

from commerce.models.cart import Cart, CartItem, Obstacle
from commerce.models.delivery_method import DeliveryMethod
from commerce.models.notification import Notification
from commerce.models.order import Order, OrderLine, OrderStatus
from commerce.models.order_event import OrderEvent
from commerce.models.product import FOR_SALE, Product
from commerce.models.report import DailyReport
from commerce.models.review import Review
from commerce.models.seller import Seller

__all__ = [
    "FOR_SALE",
    "Cart",
    "CartItem",
    "DailyReport",
    "DeliveryMethod",
    "Notification",
    "Obstacle",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderStatus",
    "Product",
    "Review",
    "Seller",
]
