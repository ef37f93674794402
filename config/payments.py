"""The settings of `billing`, with the names and meanings of the seeds, and the only place of their defaults.

A module of its own, because another project that uses billing takes them over in one line of its settings,
`from config.payments import *`, and writes below it what shall be different.
"""

from ipaddress import ip_network

from config import accounts, env
from config.accounts import POLICIES
from config.declared import section

section("Payments")

PAYMENT_ACCOUNTS = dict(map(accounts.account, env.words(
    "PAYMENT_ACCOUNTS", "sandbox",
    help="Our contracts with providers: `stripe`, or `stripe-eu:stripe` for a second one with settings of its own.",
    wrong="One that is taken away while it has open payments leaves those unasked, with an error in the log.",
    example="stripe,stripe-eu:stripe",
)))  # fmt: skip

PAYMENT_ACCOUNT = env.choice(
    "PAYMENT_ACCOUNT", next(iter(PAYMENT_ACCOUNTS), ""), tuple(PAYMENT_ACCOUNTS),
    kind="one of `PAYMENT_ACCOUNTS`",
    otherwise="the first of `PAYMENT_ACCOUNTS`",
    help="The account that new payments are made with.",
    wrong="Customers pay at the other provider.",
    example="stripe",
)  # fmt: skip

PAYMENT_CHECK_INTERVAL_S = env.integer(
    "PAYMENT_CHECK_INTERVAL_S", 1, at_least=1, at_most=3600,
    help="The tick of `check_pending_payments`; it divides a day. The seeds' 10 s cannot deliver a track of 5 s.",
    wrong="Longer than `FAST_TRACK_INTERVAL_S`, it is the real interval.",
    example="1",
)  # fmt: skip
if 86_400 % PAYMENT_CHECK_INTERVAL_S:
    env.refuse(
        "PAYMENT_CHECK_INTERVAL_S", str(PAYMENT_CHECK_INTERVAL_S), "write a number that divides a day, like 1 or 10"
    )

PAYMENT_SETTLING_ACTOR = "settle_orders"
"""The shop's actor that is nudged when a payment has moved. It claims payment events."""

PAYMENT_REFERENCE_MODEL = ""
"""The shop's model that a payment's `reference` names, like "commerce.Order": the admin links each payment to its list,
where the search must find it by the reference. Empty: no link."""

ATTENTION_SOURCES = ["billing.attention_list.cases"]
"""Functions that list what a person must look at, each at most so many cases; the shop adds its own."""

FAST_TRACK_LIMIT_S = env.seconds(
    "FAST_TRACK_LIMIT_S", 300,
    help="So long a new payment is on the fast track.",
    wrong="Too long: many calls about customers who have left.",
    example="300",
)  # fmt: skip
FAST_TRACK_INTERVAL_S = env.seconds(
    "FAST_TRACK_INTERVAL_S", 5, at_least=0.5,
    help="The time between two looks at a payment on the fast track.",
    wrong="Too short: the rate limit is used up by it. Too long: customers wait for their confirmation.",
    example="5",
)  # fmt: skip
SLOW_TRACK_INTERVAL_S = env.seconds(
    "SLOW_TRACK_INTERVAL_S", 60, at_least=0.5,
    help="The same, after the fast track.",
    wrong="As above.",
    example="60",
)  # fmt: skip

PAYMENT_ATTEMPTS_LIMIT = env.integer(
    "PAYMENT_ATTEMPTS_LIMIT", 10, at_least=1,
    help="Consecutive errors, not looks: running out of them means that a person must look, never that the payment "
    "failed.",
    wrong="Too small: single faults of a provider become cases for a person.",
    example="10",
)  # fmt: skip

PAYMENT_API_TIMEOUT_S = env.seconds(
    "PAYMENT_API_TIMEOUT_S", 3, at_least=0.1, at_most=60,
    help="A deadline on the clock for a whole call, however slowly the provider's bytes drip. The claim's lease "
    "follows from it.",
    wrong="Too short: answers are cut off and count as errors. Too long: a hanging provider holds threads, and the "
    "checkout, for that time.",
    example="3",
)  # fmt: skip

PAYMENT_API_MAX_BYTES = env.integer(
    "PAYMENT_API_MAX_BYTES", 1_000_000, at_least=1_000,
    help="The longest answer of a provider that is read.",
    wrong="Too small: long lists cannot be read, and reconciliation is put off.",
    example="1000000",
)  # fmt: skip
PAYMENT_API_PROXY = env.url(
    "PAYMENT_API_PROXY", "", schemes=("http", "https"),
    help="An HTTP proxy for the calls to providers; empty: none. The usual variables of the environment are not read.",
    wrong="Calls reach nobody: the breakers open and payments wait.",
    example="http://egress.example.com:3128",
)  # fmt: skip

PAYMENT_WINDOW_S = env.seconds(
    "PAYMENT_WINDOW_S", 3600, at_least=1,
    help="So long a customer may take to pay. The order expires then, and the payment is cancelled at the provider.",
    wrong="Too short: customers who look for their card find an expired order. Too long: goods wait for nobody.",
    example="1800",
)  # fmt: skip

PAYMENT_ERROR_BACKOFF_LIMIT_S = env.seconds(
    "PAYMENT_ERROR_BACKOFF_LIMIT_S", 60, at_least=1,
    help="The longest wait after an error about one payment; it doubles up to that.",
    wrong="Too long: payments are found late after a fault.",
    example="60",
)  # fmt: skip
ATTENTION_INTERVAL_S = env.seconds(
    "ATTENTION_INTERVAL_S", 600, at_least=1,
    help="The time between two looks at a payment that needs a person.",
    wrong="Too short: calls about what only a person can solve.",
    example="600",
)  # fmt: skip

PAYMENT_POLLING_POLICY = env.choice(
    "PAYMENT_POLLING_POLICY", "two-track", POLICIES,
    help="`two-track`: `FAST_TRACK_INTERVAL_S` until `FAST_TRACK_LIMIT_S`, then `SLOW_TRACK_INTERVAL_S`. `growing`: "
    "ever more seldom, as YooKassa advises (it names Fibonacci's numbers).",
    wrong="`growing` finds payments later where callbacks do not arrive.",
    example="growing",
)  # fmt: skip
PAYMENT_POLLING_POLICIES = {
    name: accounts.polling_policy(accounts.prefix_of(name), PAYMENT_POLLING_POLICY) for name in PAYMENT_ACCOUNTS
}
GROWING_INTERVAL_LIMIT_S = env.seconds(
    "GROWING_INTERVAL_LIMIT_S", 300, at_least=1,
    help="The longest interval of the policy `growing`.",
    wrong="Too long: payments without a callback are found late.",
    example="300",
)  # fmt: skip

PAYMENT_CHECK_CONCURRENCY = env.integer(
    "PAYMENT_CHECK_CONCURRENCY", 64, at_least=1, at_most=512,
    help="Calls to one provider side by side in one process; each provider has as many of its own.",
    wrong="Too small: a slow provider's payments are found late. Too large: threads and memory.",
    example="64",
)  # fmt: skip


section("Refunds")

REFUND_CHECK_INTERVAL_S = env.seconds(
    "REFUND_CHECK_INTERVAL_S", 5, at_least=0.5,
    help="A refund on its way is asked about after a sixth of its age, but never more often than that.",
    wrong="Too short: the rate limit is used up by it.",
    example="5",
)  # fmt: skip
REFUND_CHECK_INTERVAL_LIMIT_S = env.seconds(
    "REFUND_CHECK_INTERVAL_LIMIT_S", 3600, at_least=1,
    help="And never more seldom than that; at least `REFUND_CHECK_INTERVAL_S`.",
    wrong="Too long: the customer's mail comes late.",
    example="3600",
)  # fmt: skip
if REFUND_CHECK_INTERVAL_LIMIT_S < REFUND_CHECK_INTERVAL_S:
    env.refuse(
        "REFUND_CHECK_INTERVAL_LIMIT_S",
        f"{REFUND_CHECK_INTERVAL_LIMIT_S:g}",
        f"write at least REFUND_CHECK_INTERVAL_S, which is {REFUND_CHECK_INTERVAL_S:g}",
    )

REFUND_KEY_KEPT_S = env.seconds(
    "REFUND_KEY_KEPT_S", 20 * 3600, at_least=60,
    help="So long a refund without an answer is repeated. Providers remember a key for 24 h (Stripe: API reference, "
    "Idempotent requests; YooKassa: Interaction format, Idempotence).",
    wrong="Longer than the provider remembers keys, the same request gives the money back a second time.",
    example="72000",
)  # fmt: skip


section("Protecting the provider, and us from it")

PROVIDER_RATE_LIMIT_PER_S = env.integer(
    "PROVIDER_RATE_LIMIT_PER_S", 20, at_most=10_000,
    help="Calls per second to one account, by all processes together; 0: no limit. Stripe takes 25 a second for each "
    "of its endpoints, and all looks are one endpoint (docs.stripe.com/rate-limits); YooKassa and PayPal publish no "
    "number.",
    wrong="Above what the provider allows it answers 429, and the account pauses. Too low: payments are found late.",
    example="20",
)  # fmt: skip
PROVIDER_RATE_LIMITS_PER_S = {
    name: accounts.rate_limit(
        accounts.prefix_of(name), 0 if account["provider"] == "sandbox" else PROVIDER_RATE_LIMIT_PER_S
    )
    for name, account in PAYMENT_ACCOUNTS.items()
}
"""By account; our own sandbox has none, unless SANDBOX_RATE_LIMIT_PER_S says so."""

PROVIDER_BURST_CALLS = env.integer(
    "PROVIDER_BURST_CALLS", 5, at_most=1_000,
    help="Calls that customers may make at once, ahead of their turn; they and the limit together stay within Stripe's "
    "25.",
    wrong="Too large: 429 at busy times. 0: customers queue behind sweeps.",
    example="5",
)  # fmt: skip

PROVIDER_PATIENCE_S = env.seconds(
    "PROVIDER_PATIENCE_S", 1, at_most=10,
    help="A customer at the checkout waits so long for a slot; then the sweep takes over, and the page says so.",
    wrong="Too long: web threads are held by waiting customers.",
    example="1",
)  # fmt: skip

PROVIDER_BREAKER_ERRORS = env.integer(
    "PROVIDER_BREAKER_ERRORS", 5, at_least=1, at_most=PAYMENT_ATTEMPTS_LIMIT,
    kind="whole number from 1 to `PAYMENT_ATTEMPTS_LIMIT`",
    help="So many calls in a row without an answer open an account's circuit breaker. Not more than the attempts "
    "limit: an outage must be known as one before it has used up the attempts of a single payment.",
    wrong="Too small: a hiccup of the provider stops all looks for a probe's time.",
    example="5",
)  # fmt: skip

PROVIDER_BREAKER_WINDOW_S = env.seconds(
    "PROVIDER_BREAKER_WINDOW_S", 120, at_least=PAYMENT_ERROR_BACKOFF_LIMIT_S,
    kind="number from `PAYMENT_ERROR_BACKOFF_LIMIT_S`",
    help="Errors that are further apart are not in a row. At least the wait after one.",
    wrong="Too long: rare faults add up to an outage that is none.",
    example="120",
)  # fmt: skip

PROVIDER_BREAKER_PROBE_S = env.seconds(
    "PROVIDER_BREAKER_PROBE_S", 10, at_least=0.1,
    help="While a breaker is open, one payment is asked about so often.",
    wrong="Too long: the end of an outage is noticed late.",
    example="10",
)  # fmt: skip
PROVIDER_PAUSE_LIMIT_S = env.seconds(
    "PROVIDER_PAUSE_LIMIT_S", 300, at_least=1,
    help="No Retry-After of a provider keeps us away for longer.",
    wrong="Shorter than the provider means it: it may lock us out.",
    example="300",
)  # fmt: skip


section("Callbacks")

CALLBACK_MAX_BYTES = env.integer(
    "CALLBACK_MAX_BYTES", 65_536, at_least=1_024,
    help="A longer body is refused with 413. The proxy in front needs the same limit: deploy/nginx.",
    wrong="Too small: callbacks are refused; payments are still found out, by the sweep.",
    example="65536",
)  # fmt: skip

TRUSTED_PROXIES = [ip_network(network) for network in env.networks(
    "TRUSTED_PROXIES",
    help="Networks of our own proxies, whose X-Forwarded-For and X-Forwarded-Proto are believed; none: whoever "
    "connects is who sent the request.",
    wrong="Too wide: whoever is in it can pretend to be anybody. Missing: every sender is the proxy.",
    example="127.0.0.1,10.0.0.0/8",
)]  # fmt: skip

CALLBACK_RETENTION_DAYS = env.integer(
    "CALLBACK_RETENTION_DAYS", 90, at_least=1,
    help="So long a callback is kept. Never less than until it was processed and its payment has ended.",
    wrong="Too short: a dispute finds no trace. Too long: the table grows.",
    example="90",
)  # fmt: skip

CALLBACK_SIGNATURE_TOLERANCE_S = env.seconds(
    "CALLBACK_SIGNATURE_TOLERANCE_S", 300, at_least=1,
    help="So old a signature may be when its callback arrives: an older one may have been recorded and sent again.",
    wrong="Too short, or a clock that is wrong: callbacks are refused as forged.",
    example="300",
)  # fmt: skip


section("Reconciliation")

RECONCILIATION_DELAY_S = env.seconds(
    "RECONCILIATION_DELAY_S", 3600, at_least=0,
    help="So long after its end in UTC a day is compared with the providers' lists.",
    wrong="Too short: what the provider has not listed yet is looked at once more for nothing.",
    example="3600",
)  # fmt: skip
RECONCILIATION_NIGHTS = env.integer(
    "RECONCILIATION_NIGHTS", 3, at_least=1,
    help="So many nights in a row each day is compared: money may come late.",
    wrong="Too few: later money is found only by callbacks.",
    example="3",
)  # fmt: skip
RECONCILIATION_DAYS_BACK = env.integer(
    "RECONCILIATION_DAYS_BACK", 30, at_least=1,
    help="A day with standing differences is compared every night until it is so old; older days only by hand.",
    wrong="Too few: an old difference is not noticed as mended.",
    example="30",
)  # fmt: skip
RECONCILIATION_SHARED_ACCOUNTS = env.words(
    "RECONCILIATION_SHARED_ACCOUNTS",
    help="Accounts that others use too: payments there without a reference of ours are counted as theirs, not parked.",
    wrong="An account too many: money that we know nothing of is no case for a person any more.",
    example="stripe-eu",
)  # fmt: skip
if _unknown := set(RECONCILIATION_SHARED_ACCOUNTS) - set(PAYMENT_ACCOUNTS):
    env.refuse("RECONCILIATION_SHARED_ACCOUNTS", ",".join(sorted(_unknown)), "write names of PAYMENT_ACCOUNTS")
