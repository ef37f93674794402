"""A customer, known by a mail address: their account, orders and mails."""

from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from commerce.models import Notification, Order
from config.actions import ActionRefused


class NotACustomer(ActionRefused):
    """No address, or one of staff, whose name stands in the history of what they did."""


@dataclass(frozen=True)
class Person:
    """Orders count as theirs if they name the address, or belong to an account that does."""

    address: str

    @property
    def accounts(self) -> QuerySet[User]:
        return User.objects.filter(Q(username__iexact=self.address) | Q(email__iexact=self.address))

    @property
    def orders(self) -> QuerySet[Order]:
        """Read by index: first by address, then by account."""
        theirs = Q(email__iexact=self.address) | Q(customer__in=list(self.accounts.values_list("pk", flat=True)))
        return Order.objects.filter(theirs).order_by("pk")

    @property
    def mails(self) -> QuerySet[Notification]:
        """Also those that are about no order."""
        return Notification.objects.filter(recipient__iexact=self.address).order_by("pk")

    @property
    def is_known(self) -> bool:
        """Does any row name the address?"""
        return "@" in self.address and (self.orders.exists() or self.accounts.exists() or self.mails.exists())

    def check(self) -> None:
        """Raise NotACustomer for an address of staff, and for none: that would be all customers who were erased."""
        if "@" not in self.address:
            raise NotACustomer(_("The customer's data was erased already."))
        if self.accounts.filter(is_staff=True).exists():
            raise NotACustomer(_("This address belongs to a member of staff. Take the account's staff rights first."))
