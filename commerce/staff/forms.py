"""The forms of staff's log-ins."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class ConfirmForm(forms.Form):
    """Asks for the password again. A try counts like one at the log-in."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        self.request = request

    def clean_password(self) -> str:
        """Raises ValidationError if it is not that of the user who is logged in."""
        password: str = self.cleaned_data["password"]
        found = authenticate(self.request, username=self.request.user.get_username(), password=password)
        if found is None or found.pk != self.request.user.pk:
            raise forms.ValidationError(_("That is not right. Please try again."))
        return password
