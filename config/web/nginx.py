"""nginx's configuration, filled in with the shop's own settings."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from django.conf import settings

TEMPLATE = settings.BASE_DIR / "deploy/nginx/tillkeeper.conf.template"

QUEUED_S = 5
"""Time that a callback may wait for its turn; providers wait at least 10 s for an answer."""


def configuration(given: Mapping[str, str]) -> str:
    """Fill in the template: replace every name in capitals. Raises KeyError for a name without a value."""
    known = {**_of_the_shop(), **given}
    return re.sub(r"\$\{([A-Z_]+)\}", lambda found: known[found[1]], TEMPLATE.read_text(encoding="utf-8"))


def _of_the_shop() -> dict[str, str]:
    return {
        "SHOP_URL": settings.SHOP_URL,
        "SHOP_HOST": urlsplit(settings.SHOP_URL).hostname or "",
        "STATIC_ROOT": str(settings.STATIC_ROOT),
        "CALLBACK_MAX_BYTES": str(settings.CALLBACK_MAX_BYTES),
    }
