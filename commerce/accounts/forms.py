"""The forms of accounts."""

from typing import Any

from django import forms
from django.contrib.auth import authenticate
from django.contrib.auth.forms import AuthenticationForm, BaseUserCreationForm, PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from commerce.forms import LineField
from commerce.models.validators import validate_mail_domain

PASSWORD_HELP = _("At least 8 characters, better 15 or more. Not a common password.")


class LoginForm(AuthenticationForm):
    """Customers log in with their mail address."""

    error_messages = {
        "invalid_login": _("No account has this e-mail address and password. Capital letters in the password count."),
        "inactive": _("This account is closed."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("E-mail")
        self.fields["username"].widget.attrs |= {"autocomplete": "username", "inputmode": "email"}

    def clean_username(self) -> str:
        """As the sign-up stored it."""
        name: str = self.cleaned_data["username"]
        return name.lower() if "@" in name else name

    def confirm_login_allowed(self, user: User) -> None:
        """Staff log in at /admin/ only. Here their right password is a wrong one, also for the log and the limits."""
        super().confirm_login_allowed(user)
        if user.is_staff:
            credentials = {"username": user.get_username()}
            user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
            raise self.get_invalid_login_error()


class AddressForm(forms.Form):
    """The address that gets a link. It becomes the user name, which is shorter than an address may be."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=150,
        validators=[validate_mail_domain],
        widget=forms.EmailInput(attrs={"autocomplete": "username", "inputmode": "email"}),
    )

    def clean_email(self) -> str:
        """One account per address, ignoring case."""
        return str(self.cleaned_data["email"]).lower()


class NewAccountForm(BaseUserCreationForm):  # type: ignore[type-arg]  # it cannot be subscripted
    """The name and password of a new account. The link has proved the address."""

    first_name = LineField(label=_("Name"), max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))

    class Meta:
        model = User
        fields = ("first_name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self.fields["password1"], self.fields["password2"])


class NewPasswordForm(SetPasswordForm):  # type: ignore[type-arg]
    """A new password, for the holder of a link."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _label(self.fields["new_password1"], self.fields["new_password2"])


class ChangePasswordForm(PasswordChangeForm):
    """A new password, for the holder of the old one. Guesses at the old one count as everywhere."""

    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.fields["old_password"].label = _("Your password until now")
        _label(self.fields["new_password1"], self.fields["new_password2"])

    def clean_old_password(self) -> str:
        """Raises Throttled, too."""
        old: str = self.cleaned_data["old_password"]
        if authenticate(self.request, username=self.user.get_username(), password=old) is None:
            raise forms.ValidationError(_("This is not your password."), code="password_incorrect")
        return old


def _label(first: forms.Field, second: forms.Field) -> None:
    first.label, second.label = _("Password"), _("Password, once more")
    first.help_text, second.help_text = PASSWORD_HELP, ""
