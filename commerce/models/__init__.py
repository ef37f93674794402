"""The shop's models."""

from commerce.models.account import KeyDigest, LogIn, Throttle
from commerce.models.cart import Cart, CartItem, Obstacle
from commerce.models.catalogue import FOR_SALE, DeliveryMethod, Product, Seller
from commerce.models.notification import Notification
from commerce.models.order import Order, OrderEvent, OrderLine, OrderStatus
from commerce.models.report_numbers import DailyReport
from commerce.models.review import Review

__all__ = [
    "FOR_SALE",
    "Cart",
    "CartItem",
    "DailyReport",
    "DeliveryMethod",
    "KeyDigest",
    "LogIn",
    "Notification",
    "Obstacle",
    "Order",
    "OrderEvent",
    "OrderLine",
    "OrderStatus",
    "Product",
    "Review",
    "Seller",
    "Throttle",
]
