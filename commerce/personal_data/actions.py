"""Export and erase, as actions: the history says who did it and why, and names nobody."""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from commerce.models import Order
from commerce.personal_data.erasing import erase
from commerce.personal_data.export import export
from commerce.personal_data.people import Person
from config.actions import Action, Reason, Subject, row_of


def of_order(order: Any) -> Subject:
    """The customer of an order; one that was erased meanwhile has no address."""
    name = gettext("the customer of order %(number)s") % {"number": order.number}
    return Subject(str(order.pk), name, order, Person(order.email))


def at_terminal(address: str) -> Subject:
    """For the log of a command."""
    return Subject("", gettext("a customer"), Order(), Person(address))


def _told(_about: Subject, erased: Any) -> str:
    return gettext("Erased: %(what)s.") % {"what": erased}


EXPORT = Action(
    "export-personal-data", _("Export the customer's data"), _("All data of this customer as JSON."),
    ("commerce.export_personal_data",), row_of(Order), lambda person, by: export(person), _("Personal data exported"),
    offered=lambda order: order.erased_at is None, subject_of=of_order,
)  # fmt: skip
ERASE = Action(
    "erase-personal-data", _("Erase the customer's data"),
    _("For all orders with this mail address or of its account: name, address and mail address are deleted, with the "
      "account, reviews and the texts of mails. Goods, amounts and payments stay. The provider has data of its own: "
      "delete it in its pages. Make sure that the customer asked for it. This cannot be undone."),
    ("commerce.erase_personal_data",), row_of(Order), lambda person, by, why: erase(person),
    _("Personal data erased"), form=Reason, offered=lambda order: order.erased_at is None, subject_of=of_order,
    one_by_one=True, told=_told, stops=True,
)  # fmt: skip
