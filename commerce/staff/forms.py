"""The forms of staff's log-ins."""

from typing import Any

from django import forms
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from commerce.staff import second_factor

WRONG = _("That is not right. Please try again.")


def code_field(**options: Any) -> forms.CharField:
    """For a code of the app, or a recovery code."""
    attributes = {"autocomplete": "one-time-code", "autocapitalize": "off", "spellcheck": "false"}
    return forms.CharField(label=_("Code"), max_length=20, widget=forms.TextInput(attrs=attributes), **options)


class StaffLoginForm(AdminAuthenticationForm):
    """The admin's log-in, with the code of those who have a second factor.

    One sentence for a wrong password and a wrong or missing code: it does not tell which of them was right.
    """

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": _(
            "Please write the name and password of a staff account, and the code of its second factor if it has one."
        ),
    }
    code = code_field(required=False)

    def clean(self) -> dict[str, Any]:
        super().clean()
        user: Any = self.get_user()
        if user is not None and second_factor.has_one(user):
            user.otp_device = second_factor.verify(user, self.cleaned_data.get("code") or "")
            if user.otp_device is None:
                raise self.get_invalid_login_error()
        return self.cleaned_data


class ConfirmForm(forms.Form):
    """Asks for the second factor again, or for the password of a user who has none. A try counts like a log-in's."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = code_field()

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        self.request = request
        self.device: Any = None
        del self.fields["password" if second_factor.has_one(request.user) else "code"]

    def clean_password(self) -> str:
        """Raises ValidationError if it is not that of the user who is logged in."""
        password: str = self.cleaned_data["password"]
        found = authenticate(self.request, username=self.request.user.get_username(), password=password)
        if found is None or found.pk != self.request.user.pk:
            raise forms.ValidationError(WRONG)
        return password

    def clean_code(self) -> str:
        """Raises ValidationError if no device of the user takes it."""
        code: str = self.cleaned_data["code"]
        self.device = second_factor.verify(self.request.user, code)
        if self.device is None:
            raise forms.ValidationError(WRONG)
        return code


class SetUpForm(forms.Form):
    """Asks for the first code."""

    code = code_field()
