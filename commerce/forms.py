"""The forms of the shop's pages."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext_lazy as _

from commerce.carts import MAX_QUANTITY
from commerce.delivery import Offer
from commerce.mail.content import without_line_breaks
from commerce.models.validators import validate_mail_domain
from commerce.orders import Wishes

REVIEW_MAX_CHARS = 2_000
"""Longest text of a review."""


class AddForm(forms.Form):
    """A quantity to add; empty: 1."""

    quantity = forms.IntegerField(min_value=1, max_value=MAX_QUANTITY, required=False)


class QuantityForm(forms.Form):
    """A new quantity of a product; 0 removes it from the cart."""

    product = forms.IntegerField(min_value=1, max_value=models.BigIntegerField.MAX_BIGINT)
    quantity = forms.IntegerField(min_value=0, max_value=MAX_QUANTITY)


class ParagraphsField(forms.CharField):
    """A multi-line text. Browsers send a line break as two characters, but count it as one; so does the limit."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> str:
        text: str = super().to_python(value) or ""
        return text.replace("\r\n", "\n").replace("\r", "\n")


class LineField(forms.CharField):
    """A one-line text. Browsers send no line break in it; one that another program sends becomes a space.

    A null character stays: the field's own validator refuses it.
    """

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return text if "\0" in text else without_line_breaks(text)


class CheckoutForm(forms.Form):
    """Customer, address and delivery. It sets no price: it only says what the customer has seen.

    Without a `delivery` value the first offer is used, which is the page's default; a value must be one of the offers.
    The address is asked for only if that delivery needs one. Browsers enforce it only if every offer does.
    """

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        validators=[validate_mail_domain],
        help_text=_("We send the confirmation there."),
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
    )
    name = LineField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    address = ParagraphsField(
        label=_("Delivery address"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "street-address"}),
    )
    delivery = forms.TypedChoiceField(
        label=_("Delivery"),
        coerce=int,
        empty_value=None,
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Please choose a delivery method."),
            "invalid_choice": _("This delivery method is no longer offered. Please choose another one."),
        },
    )

    def __init__(self, *args: Any, offers: Sequence[Offer], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offers = offers
        field = self.fields["delivery"]
        field.choices = [(offer.method.pk, offer.method.title) for offer in offers]  # type: ignore[attr-defined]
        field.required = "delivery" in self.data
        self.fields["address"].required = all(offer.method.needs_address for offer in offers)

    def clean(self) -> dict[str, Any]:
        """Requires an address if the chosen delivery needs one, and else drops what an unseen field may have sent."""
        address = self.fields["address"]
        if not self._needs_address:
            self.cleaned_data["address"] = ""
            self.errors.pop("address", None)
        elif not (self.cleaned_data.get("address") or self.has_error("address")):
            self.add_error("address", address.error_messages["required"])
        return self.cleaned_data

    @property
    def contact(self) -> list[forms.BoundField]:
        """The fields that every customer fills in."""
        return [self["email"], self["name"]]

    @property
    def chosen(self) -> str:
        """The selected delivery on the page; an unknown value selects none."""
        first = str(self.offers[0].method.pk) if self.offers else ""
        return str(self.data.get("delivery", first))

    @property
    def _needs_address(self) -> bool:
        needs = {str(offer.method.pk): offer.method.needs_address for offer in self.offers}
        return needs.get(self.chosen, True)

    @property
    def customer(self) -> dict[str, str]:
        """The customer's data, once the form is valid."""
        return {name: self.cleaned_data[name] for name in ("email", "name", "address")}

    @property
    def wishes(self) -> Wishes:
        """The delivery and what the page showed with it, once the form is valid."""
        delivery_id = self.cleaned_data["delivery"]
        return Wishes(delivery_id, self.data.get(f"shown-{delivery_id}" if delivery_id else "shown", ""))


class ReviewForm(forms.Form):
    """A review. Only the stars and a name are required."""

    rating = forms.TypedChoiceField(
        label=_("Your rating"),
        coerce=int,
        choices=[
            (5, _("5 stars: very good")),
            (4, _("4 stars: good")),
            (3, _("3 stars: all right")),
            (2, _("2 stars: poor")),
            (1, _("1 star: bad")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": _("Please choose the stars.")},
    )
    text = ParagraphsField(
        label=_("What should others know?"),
        max_length=REVIEW_MAX_CHARS,
        required=False,
        help_text=_("You may leave this empty."),
        widget=forms.Textarea(attrs={"rows": 6, "dir": "auto"}),
    )
    name = LineField(
        label=_("Your name"),
        max_length=100,
        help_text=_("Shown under your review. A first name or a nickname is enough."),
        widget=forms.TextInput(attrs={"autocomplete": "nickname", "dir": "auto"}),
    )
