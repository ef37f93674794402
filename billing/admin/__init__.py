"""The admin of billing, for operators; the shop's own lists and pages stand on `bases`."""

from billing.admin import accounts, payments, proposals  # noqa: F401 - they register their pages
