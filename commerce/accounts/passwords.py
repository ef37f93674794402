"""What a new password must not be, and what follows from one."""

import re
from typing import Any

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.utils.translation import gettext as _

from commerce.accounts import throttling
from config.hosts import host_of
from config.security_log import SecurityEvent, security_event

SHOP_WORDS = ("tillkeeper", "till", "coffee")

SHORTEST_WORD_CHARS = 4
"""A shorter part of the shop's address says nothing."""

OTHER_CHARS = 4
"""What must be left of a password without these words: the words are the first that a stranger tries, with a year."""

_IS_NEW = "commerce_is_new"


class NewPassword:
    """Django asks it about every new password: on a page, in the admin or by a command."""

    def validate(self, password: str, user: object = None) -> None:
        """Raises ValidationError for the shop's own words with little beside them (OWASP ASVS 5.0.0, 6.2.11)."""
        left = re.sub("|".join(map(re.escape, _words())), "", password.casefold())
        if left != password.casefold() and len(re.sub(r"[\W\d_]", "", left)) < OTHER_CHARS:
            raise ValidationError(_("This password is too much like the name of the shop."), code="context")

    def password_changed(self, password: str, user: AbstractBaseUser) -> None:
        """Earlier guesses say nothing about it, so an account that strangers have closed is open again."""
        throttling.reopen(user.get_username())
        if not getattr(user, _IS_NEW, False):
            security_event(SecurityEvent.PASSWORD_CHANGED, user.pk)

    def get_help_text(self) -> str:
        return _("It must not be the name of the shop.")


@receiver(post_save, sender=User, dispatch_uid="commerce.accounts.passwords")
def _saved(instance: User, created: bool, **_more: Any) -> None:
    """The first password of an account is no change. Django tells the validators after this signal."""
    setattr(instance, _IS_NEW, created)


def _words() -> list[str]:
    """The longest first, so that a word is not left over because of a shorter one in it."""
    labels = [label for label in host_of(settings.SHOP_URL).casefold().split(".") if len(label) >= SHORTEST_WORD_CHARS]
    return sorted({*SHOP_WORDS, *labels}, key=len, reverse=True)
