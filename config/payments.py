"""The settings of `billing`, with the names and meanings of the seeds, and the only place of their defaults.

A module of its own, because another project that uses billing takes them over in one line of its settings,
`from config.payments import *`, and writes below it what shall be different.
"""

import re
from collections.abc import Callable
from ipaddress import ip_network

from config import env


def _sandbox(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(f"{prefix}_URL", "http://127.0.0.1:8100", schemes=("http", "https")),
        "api_key": env.text(f"{prefix}_API_KEY", "sandbox-key"),
        "callback_secret": env.text(f"{prefix}_CALLBACK_SECRET", "sandbox-secret"),
    }


def _yookassa(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(f"{prefix}_URL", "https://api.yookassa.ru/v3", schemes=("https", "http")),
        "shop_id": env.text(f"{prefix}_SHOP_ID"),
        "secret_key": env.text(f"{prefix}_SECRET_KEY"),
        # An unpaid payment ends there by itself: with cards after an hour, and their clock is not ours.
        "lapse_s": str(env.seconds(f"{prefix}_LAPSE_S", 3900, at_least=1, at_most=30 * 86_400)),
        # Off by default: the sender's address is only right where a proxy in front of us is trusted.
        "callback_networks": ",".join(env.networks(f"{prefix}_CALLBACK_NETWORKS")),
    }


def _stripe(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(f"{prefix}_URL", "https://api.stripe.com/v1", schemes=("https", "http")),
        "secret_key": env.text(f"{prefix}_SECRET_KEY"),
        "callback_secret": env.text(f"{prefix}_CALLBACK_SECRET"),
    }


def _paypal(prefix: str) -> dict[str, str]:
    return {
        "url": env.url(f"{prefix}_URL", "https://api-m.paypal.com", schemes=("https", "http")),
        "client_id": env.text(f"{prefix}_CLIENT_ID"),
        "client_secret": env.text(f"{prefix}_CLIENT_SECRET"),
    }


POLICIES = ("two-track", "growing")

PROVIDER_OPTIONS: dict[str, Callable[[str], dict[str, str]]] = {
    "sandbox": _sandbox,
    "yookassa": _yookassa,
    "stripe": _stripe,
    "paypal": _paypal,
}
"""What an account at each provider needs, read from settings that begin with the account's own name."""


def _account(word: str) -> tuple[str, dict[str, str]]:
    """`stripe` is an account at Stripe, `stripe-eu:stripe` another one, whose settings begin with STRIPE_EU."""
    name, _, provider = word.partition(":")
    provider = provider or name
    if provider not in PROVIDER_OPTIONS or not re.fullmatch("[a-z][a-z0-9-]{0,31}", name):
        known = ", ".join(PROVIDER_OPTIONS)
        env.refuse("PAYMENT_ACCOUNTS", word, f"write accounts like stripe or name:stripe; the providers are {known}")
    return name, {"provider": provider, **PROVIDER_OPTIONS[provider](_prefix(name))}


def _prefix(account: str) -> str:
    """What the names of the account's settings begin with."""
    return account.upper().replace("-", "_")


def _usual_limit(provider: str) -> int:
    return 0 if provider == "sandbox" else PROVIDER_RATE_LIMIT_PER_S


PAYMENT_ACCOUNTS = dict(map(_account, env.words("PAYMENT_ACCOUNTS", "sandbox")))
"""Our contracts with providers, by name. One that is taken away here must have no open payments any more."""

PAYMENT_ACCOUNT = env.choice("PAYMENT_ACCOUNT", next(iter(PAYMENT_ACCOUNTS), ""), tuple(PAYMENT_ACCOUNTS))
"""The account that new payments are made with."""

PAYMENT_CHECK_INTERVAL_S = env.integer("PAYMENT_CHECK_INTERVAL_S", 1, at_least=1, at_most=3600)
"""The tick of `check_pending_payments`. The seeds' 10 s cannot deliver a track of 5 s."""
if 86_400 % PAYMENT_CHECK_INTERVAL_S:
    env.refuse(
        "PAYMENT_CHECK_INTERVAL_S", str(PAYMENT_CHECK_INTERVAL_S), "write a number that divides a day, like 1 or 10"
    )

PAYMENT_SETTLING_ACTOR = "settle_orders"
"""The shop's actor that is nudged when a payment has moved. It claims payment events."""

PAYMENT_REFERENCE_MODEL = ""
"""The shop's model that a payment's `reference` names, like "commerce.Order": the admin links each payment to its list,
where the search must find it by the reference. Empty: no link."""

ATTENTION_SOURCES = ["billing.cases.cases"]
"""Functions that list what a person must look at, each at most so many cases; the shop adds its own."""

FAST_TRACK_LIMIT_S = env.seconds("FAST_TRACK_LIMIT_S", 300)
FAST_TRACK_INTERVAL_S = env.seconds("FAST_TRACK_INTERVAL_S", 5, at_least=0.5)
SLOW_TRACK_INTERVAL_S = env.seconds("SLOW_TRACK_INTERVAL_S", 60, at_least=0.5)

PAYMENT_ATTEMPTS_LIMIT = env.integer("PAYMENT_ATTEMPTS_LIMIT", 10, at_least=1)
"""Consecutive errors, not looks: running out of them means that a person must look, never that the payment failed."""

PAYMENT_API_TIMEOUT_S = env.seconds("PAYMENT_API_TIMEOUT_S", 3, at_least=0.1, at_most=60)
"""A deadline on the clock for the whole call, however slowly the provider's bytes drip."""

PAYMENT_API_MAX_BYTES = env.integer("PAYMENT_API_MAX_BYTES", 1_000_000, at_least=1_000)
PAYMENT_API_PROXY = env.url("PAYMENT_API_PROXY", "", schemes=("http", "https"))

PAYMENT_WINDOW_S = env.seconds("PAYMENT_WINDOW_S", 3600, at_least=1)
"""So long a customer may take to pay. The order expires then, and the payment is cancelled at the provider."""

PAYMENT_ERROR_BACKOFF_LIMIT_S = env.seconds("PAYMENT_ERROR_BACKOFF_LIMIT_S", 60, at_least=1)
ATTENTION_INTERVAL_S = env.seconds("ATTENTION_INTERVAL_S", 600, at_least=1)

REFUND_CHECK_INTERVAL_S = env.seconds("REFUND_CHECK_INTERVAL_S", 5, at_least=0.5)
REFUND_CHECK_INTERVAL_LIMIT_S = env.seconds("REFUND_CHECK_INTERVAL_LIMIT_S", 3600, at_least=1)
"""A refund on its way is asked about after a sixth of its age, but never more often, nor more seldom, than that."""
if REFUND_CHECK_INTERVAL_LIMIT_S < REFUND_CHECK_INTERVAL_S:
    env.refuse(
        "REFUND_CHECK_INTERVAL_LIMIT_S",
        f"{REFUND_CHECK_INTERVAL_LIMIT_S:g}",
        f"write at least REFUND_CHECK_INTERVAL_S, which is {REFUND_CHECK_INTERVAL_S:g}",
    )

REFUND_KEY_KEPT_S = env.seconds("REFUND_KEY_KEPT_S", 20 * 3600, at_least=60)
"""So long a refund without an answer is repeated. Providers remember a key for 24 h (Stripe: API reference, Idempotent
requests; YooKassa: Interaction format, Idempotence); after that the same request would give the money back again."""

PAYMENT_POLLING_POLICY = env.choice("PAYMENT_POLLING_POLICY", "two-track", POLICIES)
"""`two-track`: FAST_TRACK_INTERVAL_S until FAST_TRACK_LIMIT_S, then SLOW_TRACK_INTERVAL_S. `growing`: ever more seldom,
as YooKassa advises (it names Fibonacci's numbers). An account may have its own, like STRIPE_EU_POLLING_POLICY."""

PAYMENT_POLLING_POLICIES = {
    name: env.choice(f"{_prefix(name)}_POLLING_POLICY", PAYMENT_POLLING_POLICY, POLICIES) for name in PAYMENT_ACCOUNTS
}
GROWING_INTERVAL_LIMIT_S = env.seconds("GROWING_INTERVAL_LIMIT_S", 300, at_least=1)

PROVIDER_RATE_LIMIT_PER_S = env.integer("PROVIDER_RATE_LIMIT_PER_S", 20, at_most=10_000)
"""Calls per second to one account, by all processes together; 0: no limit. Stripe takes 25 a second for each of its
endpoints, and all looks are one endpoint (docs.stripe.com/rate-limits); YooKassa and PayPal publish no number."""

PROVIDER_RATE_LIMITS_PER_S = {
    name: env.integer(f"{_prefix(name)}_RATE_LIMIT_PER_S", _usual_limit(account["provider"]), at_most=10_000)
    for name, account in PAYMENT_ACCOUNTS.items()
}
"""By account; our own sandbox has none, unless SANDBOX_RATE_LIMIT_PER_S says so."""

PROVIDER_BURST_CALLS = env.integer("PROVIDER_BURST_CALLS", 5, at_most=1_000)
"""Calls that customers may make at once, ahead of their turn; they and the limit together stay within Stripe's 25."""

PROVIDER_PATIENCE_S = env.seconds("PROVIDER_PATIENCE_S", 1, at_most=10)
"""A customer at the checkout waits so long for a slot; then the sweep takes over, and the page says that we ask."""

PROVIDER_BREAKER_ERRORS = env.integer("PROVIDER_BREAKER_ERRORS", 5, at_least=1, at_most=PAYMENT_ATTEMPTS_LIMIT)
"""So many calls in a row without an answer open an account's circuit breaker. Not more than PAYMENT_ATTEMPTS_LIMIT: an
outage must be known as one before it has used up the attempts of a single payment."""

PROVIDER_BREAKER_WINDOW_S = env.seconds("PROVIDER_BREAKER_WINDOW_S", 120, at_least=PAYMENT_ERROR_BACKOFF_LIMIT_S)
"""Errors that are further apart are not in a row. At least PAYMENT_ERROR_BACKOFF_LIMIT_S, the wait after one."""

PROVIDER_BREAKER_PROBE_S = env.seconds("PROVIDER_BREAKER_PROBE_S", 10, at_least=0.1)
PROVIDER_PAUSE_LIMIT_S = env.seconds("PROVIDER_PAUSE_LIMIT_S", 300, at_least=1)
"""No Retry-After of a provider keeps us away for longer."""

PAYMENT_CHECK_CONCURRENCY = env.integer("PAYMENT_CHECK_CONCURRENCY", 64, at_least=1, at_most=512)
"""Calls to one provider side by side in one process; each provider has as many of its own."""

CALLBACK_MAX_BYTES = env.integer("CALLBACK_MAX_BYTES", 65_536, at_least=1_024)

TRUSTED_PROXIES = [ip_network(network) for network in env.networks("TRUSTED_PROXIES")]
"""Networks of our own proxies, whose X-Forwarded-For is believed; none: whoever connects is who sent the callback."""

CALLBACK_RETENTION_DAYS = env.integer("CALLBACK_RETENTION_DAYS", 90, at_least=1)
"""So long a callback is kept. Never less than until it was processed and its payment has ended."""

CALLBACK_SIGNATURE_TOLERANCE_S = env.seconds("CALLBACK_SIGNATURE_TOLERANCE_S", 300, at_least=1)
"""So old a signature may be when its callback arrives: an older one may have been recorded and sent again."""

RECONCILIATION_DELAY_S = env.seconds("RECONCILIATION_DELAY_S", 3600, at_least=0)
"""So long after its end in UTC a day is compared with the providers' lists."""

RECONCILIATION_NIGHTS = env.integer("RECONCILIATION_NIGHTS", 3, at_least=1)
"""So many nights in a row each day is compared: money may come late."""

RECONCILIATION_DAYS_BACK = env.integer("RECONCILIATION_DAYS_BACK", 30, at_least=1)
"""A day with standing differences is compared every night until it is so old; older days only by hand."""

RECONCILIATION_SHARED_ACCOUNTS = env.words("RECONCILIATION_SHARED_ACCOUNTS")
"""Accounts that others use too: payments there without a reference of ours are counted as theirs, not parked."""
if _unknown := set(RECONCILIATION_SHARED_ACCOUNTS) - set(PAYMENT_ACCOUNTS):
    env.refuse("RECONCILIATION_SHARED_ACCOUNTS", ",".join(sorted(_unknown)), "write names of PAYMENT_ACCOUNTS")
