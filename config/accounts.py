"""What an account at each provider needs, read from settings that begin with the account's own name."""

import re
from collections.abc import Callable

from config import env

POLICIES = ("two-track", "growing")

_KEY_GONE = "Every call is refused: the account's payments get attention, none is lost."
_SIGNATURE_WRONG = "Callbacks are refused as forged; payments are still found out, by the sweep."
_ADDRESS_GONE = "Calls reach nobody: the account's breaker opens and its payments wait."


def account(word: str) -> tuple[str, dict[str, str]]:
    """`stripe` is an account at Stripe, `stripe-eu:stripe` another one, whose settings begin with STRIPE_EU."""
    name, _, provider = word.partition(":")
    provider = provider or name
    if provider not in PROVIDER_OPTIONS or not re.fullmatch("[a-z][a-z0-9-]{0,31}", name):
        known = ", ".join(PROVIDER_OPTIONS)
        env.refuse("PAYMENT_ACCOUNTS", word, f"write accounts like stripe or name:stripe; the providers are {known}")
    return name, {"provider": provider, **PROVIDER_OPTIONS[provider](prefix_of(name))}


def prefix_of(account: str) -> str:
    """What the names of the account's settings begin with."""
    return account.upper().replace("-", "_")


def rate_limit(prefix: str, default: int) -> int:
    """The account's own limit, in calls per second."""
    return env.integer(
        f"{prefix}_RATE_LIMIT_PER_S", default, at_most=10_000,
        otherwise="`PROVIDER_RATE_LIMIT_PER_S`; a sandbox has none",
        help="Calls to this account, by all processes together; 0: no limit.",
        wrong="Above what the provider allows it answers 429, and the account pauses.",
        example="10",
    )  # fmt: skip


def polling_policy(prefix: str, default: str) -> str:
    """How often the account's payments are asked about."""
    return env.choice(
        f"{prefix}_POLLING_POLICY", default, POLICIES,
        otherwise="`PAYMENT_POLLING_POLICY`",
        help="How often payments of this account are asked about.",
        wrong="`growing` finds payments later where callbacks do not arrive.",
        example="growing",
    )  # fmt: skip


def _sandbox(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(
            f"{prefix}_URL", "http://127.0.0.1:8100", schemes=("http", "https"),
            help="Where the sandbox provider answers.", wrong=_ADDRESS_GONE, example="http://sandbox:8100",
        ),
        "api_key": env.secret(
            f"{prefix}_API_KEY", "sandbox-key", otherwise="a public one, refused in production",
            help="The key the sandbox was started with.", wrong=_KEY_GONE, example="sandbox-key",
        ),
        "callback_secret": env.secret(
            f"{prefix}_CALLBACK_SECRET", "sandbox-secret", otherwise="a public one, refused in production",
            help="What the sandbox signs its callbacks with.", wrong=_SIGNATURE_WRONG, example="sandbox-secret",
        ),
    }  # fmt: skip


def _yookassa(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(
            f"{prefix}_URL", "https://api.yookassa.ru/v3", schemes=("https", "http"),
            help="The provider's interface.", wrong=_ADDRESS_GONE, example="https://api.yookassa.ru/v3",
        ),
        "shop_id": env.text(
            f"{prefix}_SHOP_ID", help="The shop's number at YooKassa.", wrong=_KEY_GONE, example="100500",
        ),
        "secret_key": env.secret(
            f"{prefix}_SECRET_KEY", help="The shop's key at YooKassa.", wrong=_KEY_GONE, example="live_…",
        ),
        "lapse_s": str(env.seconds(
            f"{prefix}_LAPSE_S", 3900, at_least=1, at_most=30 * 86_400,
            help="An unpaid payment ends there by itself so long after its making: with cards after an hour, and their "
            "clock is not ours.",
            wrong="Too short: unpaid payments get attention. Too long: their orders expire late.",
            example="3900",
        )),
        "callback_networks": ",".join(env.networks(
            f"{prefix}_CALLBACK_NETWORKS",
            help="Only callbacks from here are taken; empty: all. Needs `TRUSTED_PROXIES` behind a proxy, or the "
            "sender's address is not the right one.",
            wrong="Callbacks are refused as forged; payments are still found out, by the sweep.",
            example="185.71.76.0/27,77.75.153.0/25",
        )),
    }  # fmt: skip


def _stripe(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(
            f"{prefix}_URL", "https://api.stripe.com/v1", schemes=("https", "http"),
            help="The provider's interface.", wrong=_ADDRESS_GONE, example="https://api.stripe.com/v1",
        ),
        "secret_key": env.secret(
            f"{prefix}_SECRET_KEY", help="The account's key, secret or restricted.", wrong=_KEY_GONE,
            example="sk_live_…",
        ),
        "callback_secret": env.secret(
            f"{prefix}_CALLBACK_SECRET", help="The signing secret of the webhook endpoint.", wrong=_SIGNATURE_WRONG,
            example="whsec_…",
        ),
    }  # fmt: skip


def _paypal(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(
            f"{prefix}_URL", "https://api-m.paypal.com", schemes=("https", "http"),
            help="The provider's interface.", wrong=_ADDRESS_GONE, example="https://api-m.paypal.com",
        ),
        "client_id": env.text(
            f"{prefix}_CLIENT_ID", help="The application's id at PayPal.", wrong=_KEY_GONE, example="AeA1QIZX…",
        ),
        "client_secret": env.secret(
            f"{prefix}_CLIENT_SECRET", help="The application's secret at PayPal.", wrong=_KEY_GONE, example="EGnHDxD_…",
        ),
    }  # fmt: skip


PROVIDER_OPTIONS: dict[str, Callable[[str], dict[str, str]]] = {
    "sandbox": _sandbox,
    "yookassa": _yookassa,
    "stripe": _stripe,
    "paypal": _paypal,
}
