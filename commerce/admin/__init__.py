"""The shop's admin: products, orders, mails, reviews and reports."""

from django.contrib import admin

from commerce.admin.carts import CartAdmin
from commerce.admin.catalogue import DeliveryMethodAdmin, ProductAdmin, SellerAdmin
from commerce.admin.notifications import DailyReportAdmin, NotificationAdmin
from commerce.admin.orders import OrderAdmin
from commerce.admin.reviews import ReviewAdmin

__all__ = [
    "CartAdmin",
    "DailyReportAdmin",
    "DeliveryMethodAdmin",
    "NotificationAdmin",
    "OrderAdmin",
    "ProductAdmin",
    "ReviewAdmin",
    "SellerAdmin",
]

admin.site.site_header = "Till Coffee"
admin.site.site_title = "Till Coffee"
admin.site.index_title = "Behind the counter"
