"""Says in the security log that a key of the shop has changed: by an operator, it is hoped.

A digest is keyed with SECRET_KEY, so a table that is stolen does not let anyone try out keys.
"""

import re

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from commerce.models import KeyDigest
from config.security_log import SecurityEvent, security_event

SALT = "commerce.accounts.keys"
OWN = "SECRET_KEY"

SECRET = re.compile("key|secret|password")
"""The names of those settings of a payment account that are keys."""


def log_changes() -> list[str]:
    """The names of the keys that differ from the last look, each with an event. The first look only remembers them.

    With a new SECRET_KEY, keys of accounts are compared by an earlier one in SECRET_KEY_FALLBACKS. Without it they
    cannot be compared, and are remembered anew.
    """
    with transaction.atomic():
        known = dict(KeyDigest.objects.select_for_update().values_list("name", "digest"))
        by_key = [_digests(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
        changed = _changed(known, by_key)
        for name, digest in by_key[0].items() - known.items():
            KeyDigest.objects.update_or_create(name=name, defaults={"digest": digest})
    for name in changed:
        security_event(SecurityEvent.KEY_CHANGED, key=name)
    return changed


def _changed(known: dict[str, str], by_key: list[dict[str, str]]) -> list[str]:
    secret_is_new = OWN in known and known[OWN] != by_key[0][OWN]
    if secret_is_new and known[OWN] not in [digests[OWN] for digests in by_key]:
        return [OWN]
    others = known.keys() & by_key[0].keys() - {OWN}
    return [OWN] * secret_is_new + sorted(
        name for name in others if known[name] not in [digests[name] for digests in by_key]
    )


def _digests(key: str) -> dict[str, str]:
    """By name: of SECRET_KEY, and of the keys of each account together."""
    keys = {OWN: ""} | {
        account: repr(sorted((name, value) for name, value in options.items() if SECRET.search(name)))
        for account, options in settings.PAYMENT_ACCOUNTS.items()
    }
    return {name: _digest(f"{name} {text}", key) for name, text in keys.items()}


def _digest(text: str, key: str) -> str:
    return salted_hmac(SALT, text, key, algorithm="sha256").hexdigest()
