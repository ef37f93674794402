"""The shop's admin: products, orders, mails, reviews and reports."""

from django.contrib import admin

from commerce.admin import carts, catalogue, notifications, orders, reviews  # noqa: F401

admin.site.site_header = "Till Coffee"
admin.site.site_title = "Till Coffee"
admin.site.index_title = "Behind the counter"
