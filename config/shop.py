"""The settings of `commerce`: money, retention, reviews and mail."""

from config import env
from config.declared import section

section("The shop")

LATE_MONEY_POLICY = env.choice(
    "LATE_MONEY_POLICY", "accept", ("accept", "park", "refund"),
    help="What becomes of money that came after its order had ended, or on top of another payment.",
    wrong="`accept` delivers what the customer may have bought elsewhere by now; `park` needs somebody who looks.",
    example="park",
)  # fmt: skip

CART_RETENTION_DAYS = env.integer(
    "CART_RETENTION_DAYS", 14, at_least=1,
    help="So long an anonymous cart is kept after it was last changed. Never while money or an open payment is behind "
    "it.",
    wrong="Too short: customers come back to an empty cart. Too long: the table grows with every robot.",
    example="14",
)  # fmt: skip
CUSTOMER_CART_RETENTION_DAYS = env.integer(
    "CUSTOMER_CART_RETENTION_DAYS", 180, at_least=1,
    help="The same for the cart of a customer who has an account.",
    wrong="As above.",
    example="180",
)  # fmt: skip


section("Reviews")

REVIEW_REQUEST_AFTER_DAYS = env.integer(
    "REVIEW_REQUEST_AFTER_DAYS", 7, at_least=1, at_most=365,
    help="So long after the delivery the customer is asked for reviews.",
    wrong="Too short: they have not used it yet.",
    example="7",
)  # fmt: skip
REVIEW_REQUEST_UNTIL_DAYS = env.integer(
    "REVIEW_REQUEST_UNTIL_DAYS", REVIEW_REQUEST_AFTER_DAYS + 14, at_least=REVIEW_REQUEST_AFTER_DAYS + 1, at_most=3650,
    kind="whole number above `REVIEW_REQUEST_AFTER_DAYS`, to 3650",
    otherwise="14 more than `REVIEW_REQUEST_AFTER_DAYS`",
    help="Orders delivered longer ago are not asked about: those of years before the shop began to ask, for example.",
    wrong="Too long: a shop that begins to ask writes to customers of years ago.",
    example="21",
)  # fmt: skip
REVIEW_LINK_VALID_DAYS = env.integer(
    "REVIEW_LINK_VALID_DAYS", 60, at_least=1, at_most=3650,
    help="So long the links of a reminder open the form, from when it was written.",
    wrong="Too short: customers find a page that says it is too late.",
    example="60",
)  # fmt: skip
REVIEW_MAX_CHARS = env.integer(
    "REVIEW_MAX_CHARS", 2000, at_least=1, at_most=100_000,
    help="The longest text of a review.",
    wrong="Too short: the form refuses what customers wrote.",
    example="2000",
)  # fmt: skip


section("Mail")

EMAIL_HOST = env.text(
    "EMAIL_HOST", "",
    otherwise="none: mails become files in `VAR_DIR/mail`; refused in production",
    help="The mail server.",
    wrong="No mail is claimed: they wait until it can be reached, and `mail.server_away` stands in the log.",
    example="smtp.example.com",
)  # fmt: skip
EMAIL_PORT = env.integer(
    "EMAIL_PORT", 25, at_least=1, at_most=65_535,
    help="Its port: 25 for a relay of one's own, 587 for submission with `EMAIL_USE_TLS`.",
    wrong="As above.",
    example="587",
)  # fmt: skip
EMAIL_HOST_USER = env.text(
    "EMAIL_HOST_USER", "",
    help="The login there; empty: none.",
    wrong="The login is refused: mails are put off, none is lost.",
    example="shop",
)  # fmt: skip
EMAIL_HOST_PASSWORD = env.secret(
    "EMAIL_HOST_PASSWORD", "",
    help="Its password.",
    wrong="As above.",
    example="EMAIL_HOST_PASSWORD_FILE=/run/secrets/smtp",
)  # fmt: skip
EMAIL_USE_TLS = env.flag(
    "EMAIL_USE_TLS", False,
    help="STARTTLS before anything else is said.",
    wrong="No: password and addresses are readable on the way. Yes at a server without it: mails are put off.",
    example="yes",
)  # fmt: skip
EMAIL_TIMEOUT_S = env.seconds(
    "EMAIL_TIMEOUT_S", 10, at_least=1,
    help="So long one answer of the mail server may take; the claim of a mail lasts five of them.",
    wrong="Too short: a mail whose answer came late may be sent twice.",
    example="10",
)  # fmt: skip
EMAIL_TIMEOUT = EMAIL_TIMEOUT_S
EMAIL_CONNECTIONS = env.integer(
    "EMAIL_CONNECTIONS", 3, at_least=1,
    help="Connections to the mail server that a worker process may open for a backlog; a nudge for one order opens one "
    "of its own for as long as that mail takes.",
    wrong="Each leaves one mail in doubt if the process dies. More than the server likes: it answers 421.",
    example="3",
)  # fmt: skip
DEFAULT_FROM_EMAIL = env.text(
    "EMAIL_FROM", "Till Coffee <shop@example.com>",
    help="The sender of all mails.",
    wrong="Mail servers refuse a sender that is not theirs; the example's own domain is refused in production.",
    example="Till Coffee <shop@tillcoffee.example>",
)  # fmt: skip
REPORT_RECIPIENTS = env.addresses(
    "REPORT_RECIPIENTS",
    help="Managers who get the report of each day; empty: reports are built, and nobody is written to.",
    wrong="Strangers read the shop's revenue.",
    example="owner@tillcoffee.example",
)  # fmt: skip
