"""One mail answers both "I want an account" and "I forgot my password": its reader may have either.

A page says the same about every address, and takes as long, because it writes one mail for each. Only the mailbox
learns whether there is an account.
"""

from datetime import timedelta
from secrets import token_hex
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.db.models.functions import Now
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from commerce.mail.queue import queue_account_link
from commerce.models import Notification

SIGN_UP_HOURS = 24
"""How long a link to a new account is valid (OWASP ASVS 5.0.0, 6.4.1). A mail server may delay a mail for hours."""


def send_link(email: str, language: str, back: str = "") -> int | None:
    """Mail the owner of this lower-case address a link. Returns the id of the account, if there is one.

    Staff get no link to a new password: it would be a way around their second factor.
    """
    token = token_hex(16)
    user = User.objects.filter(username=email, is_active=True).first()
    if user:
        path, hours = "" if user.is_staff else _new_password(user), settings.PASSWORD_RESET_TIMEOUT // 3600
    else:
        path, hours = _new_account(token, back), SIGN_UP_HOURS
    name = user.first_name if user else ""
    queue_account_link(token, email, name, language, path=path, hours=hours, has_account=bool(user))
    return user.pk if user else None


def address_of(token: str) -> str | None:
    """The address to which the link to a new account with this token was mailed; None if it is not valid."""
    mails = Notification.objects.filter(order__isnull=True, kind=Notification.Kind.ACCOUNT_LINK, occasion=token)
    mails = mails.filter(queued_at__gt=Now() - timedelta(hours=SIGN_UP_HOURS))
    return mails.values_list("recipient", flat=True).first()


def _new_account(token: str, back: str) -> str:
    query = f"?{urlencode({'next': back})}" if back else ""
    return f"{reverse('new-account', args=[token])}{query}"


def _new_password(user: User) -> str:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("new-password", args=[uid, default_token_generator.make_token(user)])
