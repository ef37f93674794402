"""The settings of an account: address, keys and limits. Their names begin with the account's name.

Each adapter reads what it needs (`read_options`). Settings that every account has are read here. `complete` reads
those of all accounts when the process starts, after Django has loaded the apps: `config` cannot import adapters.
"""

from collections.abc import Mapping
from functools import partial
from typing import Unpack

from django.conf import settings

from billing.providers.base import Provider
from config import env
from config.env import reference
from config.env.reference import About, only_described, section
from config.env.transport import insist_on_tls
from config.hosts import is_private

CALLS_REFUSED = "Every call is refused: the account's payments need a person, none is lost."
CALLBACKS_REFUSED = "Callbacks are refused as forged; the sweep still finds every outcome."

OF_EACH_ACCOUNT = "Each account at {provider}"
NOTE = "For the account `{provider}`. The settings of an account `shop-eu:{provider}` begin with `SHOP_EU`."

Registry = Mapping[str, type[Provider]]


def complete(accounts: Mapping[str, dict[str, str]], registry: Registry) -> None:
    """Add each account's own settings to PAYMENT_ACCOUNTS. Raises WrongSetting for an unknown provider or option."""
    for name, account in accounts.items():
        provider = account["provider"]
        if provider not in registry:
            word = name if name == provider else f"{name}:{provider}"
            instead = f"write accounts like stripe or name:stripe; the providers are {', '.join(registry)}"
            env.refuse("PAYMENT_ACCOUNTS", word, instead)
        section(OF_EACH_ACCOUNT.format(provider=provider))
        account.update(read(name, registry[provider]))


def describe(registry: Registry) -> None:
    """Add a section for each provider to the reference of all settings."""
    reference.REPEATED[:] = [
        reference.Repeated(
            OF_EACH_ACCOUNT.format(provider=name), NOTE.format(provider=name), partial(read, name, provider)
        )
        for name, provider in registry.items()
    ]


def read(account: str, provider: type[Provider]) -> dict[str, str]:
    """Read one account's settings from the environment. Raises WrongSetting."""
    prefix = prefix_of(account)
    return {
        **provider.read_options(prefix),
        "rate_limit_per_s": _rate_limit(prefix, provider.rate_limit_per_s),
        "polling_policy": _polling_policy(prefix),
    }


def prefix_of(account: str) -> str:
    """What the names of the account's settings begin with: `SHOP_EU` for the account `shop-eu`."""
    return account.upper().replace("-", "_")


def api_url(name: str, default: str, schemes: tuple[str, ...] = ("https", "http"), example: str = "") -> str:
    """Read the address of the provider's API. Production refuses one that can be read on the way."""
    value = env.url(
        name, default, schemes=schemes,
        help="Address of the provider's API.",
        wrong="Calls fail: the account's breaker opens and its payments wait.",
        example=example or default,
    )  # fmt: skip
    if _is_production() and not is_private(value):
        insist_on_tls("providers", name, value, "write an address like https://host")
    return value


def own_secret(name: str, public: str, **about: Unpack[About]) -> str:
    """Read a secret with a public default. Production refuses the default: it would let anyone pay without money."""
    about |= {"otherwise": "a public one, refused in production", "example": public}
    value = env.secret(name, public, **about)
    if value == public and _is_production():
        env.refuse(name, "***", "in production write a secret of your own")
    return value


def _is_production() -> bool:
    return getattr(settings, "PRODUCTION", False) and not only_described()


def _rate_limit(prefix: str, default: int) -> str:
    limit = env.integer(
        f"{prefix}_RATE_LIMIT_PER_S", default, at_most=10_000,
        help="Calls to this account by all processes together; 0: no limit.",
        wrong="Above the provider's limit: it answers 429, and the account pauses. Too low: payments are found late.",
        example="10",
    )  # fmt: skip
    return str(limit)


def _polling_policy(prefix: str) -> str:
    return env.choice(
        f"{prefix}_POLLING_POLICY", settings.PAYMENT_POLLING_POLICY, ("two-track", "growing"),
        otherwise="`PAYMENT_POLLING_POLICY`",
        help="How often payments of this account are checked.",
        wrong="`growing` finds payments later where callbacks do not arrive.",
        example="growing",
    )  # fmt: skip
