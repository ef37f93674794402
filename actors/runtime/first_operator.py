"""The first operator of a shop that runs on a developer's machine."""

from django.conf import settings
from django.contrib.auth import get_user_model

from config.env.files import kept_secret

NAME = "operator"

PASSWORD_BYTES = 9
"""Random bytes: twelve letters, short enough to type."""


def login() -> str:
    """Create the operator with a random password, kept in a file that only its owner can read. Returns name and
    password."""
    password = kept_secret(settings.VAR_DIR / "operator-password", PASSWORD_BYTES)
    user, _ = get_user_model().objects.get_or_create(username=NAME, defaults={"is_staff": True, "is_superuser": True})
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return f"{NAME} / {password}"
