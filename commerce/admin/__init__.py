"""The shop's admin: products, orders, mails, reviews and reports."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from commerce.admin import carts, catalogue, notifications, orders, people, reviews  # noqa: F401

admin.site.site_header = "Till Coffee"
admin.site.site_title = "Till Coffee"
admin.site.index_title = _("Behind the counter")
