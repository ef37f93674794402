"""Settings of `billing`. Names and meanings come from the seeds. Each default is defined only here.

`billing.providers` reads the settings that belong to one provider's accounts (address, keys, limits).
"""

import re
from decimal import Decimal
from ipaddress import ip_network

from config import env
from config.env.reference import section

section("Payments")

PAYMENT_ACCOUNTS: dict[str, dict[str, str]] = {}
"""By name. `billing` adds each account's own settings at the start: address, keys, limits (`billing.providers`)."""

for _word in env.words(
    "PAYMENT_ACCOUNTS", "sandbox",
    help="Contracts with providers: `stripe`, or `stripe-eu:stripe` for a second one with its own settings.",
    wrong="An account with open payments is missing: no worker asks about them, and the log says so as an error.",
    example="stripe,stripe-eu:stripe",
):  # fmt: skip
    _name, _, _provider = _word.partition(":")
    if not re.fullmatch("[a-z][a-z0-9-]{0,31}", _name) or _name in PAYMENT_ACCOUNTS:
        env.refuse(
            "PAYMENT_ACCOUNTS", _word, "write accounts like stripe or name:stripe, in small letters, each name once"
        )
    PAYMENT_ACCOUNTS[_name] = {"provider": _provider or _name}
if not PAYMENT_ACCOUNTS:
    env.refuse("PAYMENT_ACCOUNTS", ",", "name at least one account, like stripe; empty means sandbox")

PAYMENT_ACCOUNT = env.choice(
    "PAYMENT_ACCOUNT", next(iter(PAYMENT_ACCOUNTS), ""), tuple(PAYMENT_ACCOUNTS),
    kind="one of `PAYMENT_ACCOUNTS`",
    otherwise="the first of `PAYMENT_ACCOUNTS`",
    help="The account for new payments.",
    wrong="Customers pay at the other provider.",
    example="stripe",
)  # fmt: skip

PAYMENT_CHECK_INTERVAL_S = env.integer(
    "PAYMENT_CHECK_INTERVAL_S", 1, at_least=1, at_most=3600,
    help="Interval of `check_pending_payments`; a divisor of a day. The seeds' 10 s cannot serve a track of 5 s.",
    wrong="Longer than `FAST_TRACK_INTERVAL_S`: it replaces that interval.",
)  # fmt: skip
if 86_400 % PAYMENT_CHECK_INTERVAL_S:
    env.refuse(
        "PAYMENT_CHECK_INTERVAL_S", str(PAYMENT_CHECK_INTERVAL_S), "write a number that divides a day, like 1 or 10"
    )

PAYMENT_SETTLING_ACTOR = "settle_orders"
"""The shop's actor that claims payment events. It gets a nudge when a payment has changed."""

PAYMENT_REFERENCE_MODEL = ""
"""The shop's model that a payment's `reference` names, like "commerce.Order". The admin links each payment to its list,
where the search must find it by the reference. Empty: no link."""

PAYMENT_REFERENCE_READER = ""
"""The shop's function that reads what customers call the thing they paid for, like an order number, and returns its
`reference`; None for other words. Payments are found by it too. Empty: by the reference only."""

ATTENTION_SOURCES = ["billing.attention_list.items"]
"""Functions that list what needs a person, each up to a limit that the caller gives. The shop adds its own."""

CALLBACK_MAX_BYTES = 65_536
"""Longest body of a callback; a longer one gets 413. nginx gets the same limit: `manage.py nginxconf`."""

FAST_TRACK_LIMIT_S = env.seconds(
    "FAST_TRACK_LIMIT_S", 300,
    help="Age at which a payment leaves the fast track.",
    wrong="Too long: many calls for customers who have left.",
)  # fmt: skip
FAST_TRACK_INTERVAL_S = env.seconds(
    "FAST_TRACK_INTERVAL_S", 5, at_least=0.5,
    help="Time between two checks of a payment on the fast track.",
    wrong="Too short: it uses up the rate limit. Too long: customers wait for their confirmation.",
)  # fmt: skip
SLOW_TRACK_INTERVAL_S = env.seconds(
    "SLOW_TRACK_INTERVAL_S", 60, at_least=0.5,
    help="Time between two checks after the fast track.",
    wrong="As above.",
)  # fmt: skip

PAYMENT_ATTEMPTS_LIMIT = env.integer(
    "PAYMENT_ATTEMPTS_LIMIT", 10, at_least=1,
    help="Consecutive errors, not checks, before a payment needs a person. It never means that the payment failed.",
    wrong="Too small: single faults of a provider become cases for a person.",
)  # fmt: skip

PAYMENT_API_TIMEOUT_S = env.seconds(
    "PAYMENT_API_TIMEOUT_S", 3, at_least=0.1, at_most=60,
    help="Deadline for a whole call to a provider, measured by the clock. The lease of a claim follows from it.",
    wrong="Too short: answers are cut off and count as errors. Too long: a hung provider holds threads and the "
    "checkout.",
)  # fmt: skip
PAYMENT_API_PROXY = env.url(
    "PAYMENT_API_PROXY", "", schemes=("http", "https"),
    help="HTTP proxy for calls to providers; empty: none. The environment's usual proxy variables are ignored.",
    wrong="Calls fail: the breakers open and payments wait.",
    example="http://egress.example.com:3128",
)  # fmt: skip

PAYMENT_WINDOW_S = env.seconds(
    "PAYMENT_WINDOW_S", 3600, at_least=1,
    help="Time a customer has to pay. Then the order expires, and the payment is cancelled at the provider.",
    wrong="Too short: slow customers find an expired order. Too long: goods stay reserved.",
    example="1800",
)  # fmt: skip

ATTENTION_INTERVAL_S = env.seconds(
    "ATTENTION_INTERVAL_S", 600, at_least=1,
    help="Time between two checks of a payment that needs a person.",
    wrong="Too short: calls about cases that only a person can solve.",
)  # fmt: skip

PAYMENT_POLLING_POLICY = env.choice(
    "PAYMENT_POLLING_POLICY", "two-track", ("two-track", "growing"),
    help="`two-track`: `FAST_TRACK_INTERVAL_S` until `FAST_TRACK_LIMIT_S`, then `SLOW_TRACK_INTERVAL_S`. `growing`: "
    "intervals that grow up to 300 s, as YooKassa advises (it names Fibonacci's numbers).",
    wrong="`growing` finds payments later where callbacks do not arrive.",
    example="growing",
)  # fmt: skip

PAYMENT_CHECK_CONCURRENCY = env.integer(
    "PAYMENT_CHECK_CONCURRENCY", 64, at_least=1, at_most=512,
    help="Parallel calls to one provider in one process. Each provider has its own.",
    wrong="Too small: payments at a slow provider are found late. Too large: threads and memory.",
)  # fmt: skip

MONEY_DECISION_LIMIT: dict[str, Decimal] = {}
"""By currency: the largest amount that one person decides about alone. Empty: no decision needs a second person."""

for _word in env.words(
    "MONEY_DECISION_LIMIT",
    help="The largest amount that one person may refund, accept or write off alone, by currency. A decision above it "
    "waits for a second person; one in a currency that is not named always does. Empty: none waits. Set it in "
    "production as soon as two people have the role *Money: decide*.",
    wrong="Too small: daily refunds wait for a second person. Too large or empty: one stolen login can empty the "
    "account.",
    example="EUR:100,USD:120,RUB:10000",
):  # fmt: skip
    _amount = re.fullmatch(r"([A-Z]{3}):([0-9]{1,12}(?:\.[0-9]{1,3})?)", _word)
    if _amount is None or _amount[1] in MONEY_DECISION_LIMIT:
        env.refuse(
            "MONEY_DECISION_LIMIT", _word, "write currencies with amounts, like EUR:100,USD:120.50, each currency once"
        )
    MONEY_DECISION_LIMIT[_amount[1]] = Decimal(_amount[2])

section("Callbacks")

TRUSTED_PROXIES = [ip_network(network) for network in env.networks(
    "TRUSTED_PROXIES",
    help="Networks of the shop's own proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed. None: the "
    "connecting address is the sender.",
    wrong="Too wide: any host in it can claim any address. Missing: every sender looks like the proxy.",
    example="127.0.0.1,10.0.0.0/8",
)]  # fmt: skip

CALLBACK_RETENTION_DAYS = env.integer(
    "CALLBACK_RETENTION_DAYS", 90, at_least=1,
    help="Retention of callbacks. One stays longer until it is processed and its payment has ended.",
    wrong="Too short: a dispute finds no trace. Too long: the table grows.",
)  # fmt: skip

CALLBACK_BODY_RETENTION_DAYS = env.integer(
    "CALLBACK_BODY_RETENTION_DAYS", 30, at_least=1,
    help="Retention of their bodies, which may name the customer. Such a callback cannot be processed again.",
    wrong="Too short: the reason of a strange callback cannot be read any more.",
    example="14",
)  # fmt: skip

section("Reconciliation")

RECONCILIATION_SHARED_ACCOUNTS = env.words(
    "RECONCILIATION_SHARED_ACCOUNTS",
    help="Accounts that other systems use too. A payment there without a reference of ours counts as theirs and is "
    "not parked.",
    wrong="An account that only we use is listed: unknown money there no longer needs a person.",
    example="stripe-eu",
)  # fmt: skip
if _unknown := set(RECONCILIATION_SHARED_ACCOUNTS) - set(PAYMENT_ACCOUNTS):
    env.refuse("RECONCILIATION_SHARED_ACCOUNTS", ",".join(sorted(_unknown)), "write names of PAYMENT_ACCOUNTS")
