"""The first operator of a shop that runs on somebody's own machine."""

from django.conf import settings
from django.contrib.auth import get_user_model

from config.env.secret_files import kept_secret

NAME = "operator"

PASSWORD_BYTES = 9
"""Random bytes: twelve letters, which one can still type."""


def login() -> str:
    """Create the operator with a password of its own, kept in a file only its owner can read; returns both."""
    password = kept_secret(settings.VAR_DIR / "operator-password", PASSWORD_BYTES)
    user, _ = get_user_model().objects.get_or_create(username=NAME, defaults={"is_staff": True, "is_superuser": True})
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return f"{NAME} / {password}"
