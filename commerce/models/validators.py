"""Validators that forms and models share."""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from config.mail_address import NotADomain, in_ascii, is_control


def validate_mail_domain(email: str) -> None:
    """Refuse an address whose domain no mail server can have, or with a control character, which Django allows in
    quotes. The rest of the address has its own validator."""
    if any(map(is_control, email)):
        raise ValidationError(_("An e-mail address has no control characters. Please check it."), code="control")
    try:
        in_ascii(email)
    except NotADomain:
        domain = email.rpartition("@")[2]
        wrong = _("No mail can be sent to the domain “%(domain)s”. Please check it, or write another address.")
        raise ValidationError(wrong, code="domain", params={"domain": domain}) from None
