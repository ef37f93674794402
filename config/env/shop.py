"""Settings of `commerce`: late payments, retention, reviews and mail."""

from config import env
from config.env.reference import section

section("The shop")

LATE_MONEY_POLICY = env.choice(
    "LATE_MONEY_POLICY", "accept", ("accept", "park", "refund"),
    help="What happens to a late payment: money that arrives after its order has ended, or in addition to other money.",
    wrong="`accept` delivers what the customer may have bought elsewhere meanwhile; `park` needs a person who decides.",
    example="park",
)  # fmt: skip

CART_RETENTION_DAYS = env.integer(
    "CART_RETENTION_DAYS", 14, at_least=1,
    help="Retention of an anonymous cart after its last change. A cart with money or an open payment stays.",
    wrong="Too short: customers come back to an empty cart. Too long: every robot makes the table grow.",
)  # fmt: skip
CUSTOMER_CART_RETENTION_DAYS = env.integer(
    "CUSTOMER_CART_RETENTION_DAYS", 180, at_least=1,
    help="The same for the cart of a customer with an account.",
    wrong="As above.",
)  # fmt: skip

PAYMENT_REMINDER_AFTER_S = env.seconds(
    "PAYMENT_REMINDER_AFTER_S", 600,
    help="Time from the order to one mail with the link, if the customer has not paid; 0: never. With less than five "
    "minutes left to pay there is no mail.",
    wrong="Too short: customers who are just paying get a mail. Longer than `PAYMENT_WINDOW_S`: no customer gets one.",
    example="900",
)  # fmt: skip

UNPAID_ORDERS_PER_CUSTOMER = env.integer(
    "UNPAID_ORDERS_PER_CUSTOMER", 5, at_least=1,
    help="Orders that may wait for payment at the same time for one browser, account, or mail address of a guest. They "
    "hold goods that others cannot buy.",
    wrong="1: a customer whose payment failed cannot order again before the first order ends. Too many: a few visitors "
    "empty the shop without paying.",
)  # fmt: skip
UNPAID_ORDERS_PER_NETWORK = env.integer(
    "UNPAID_ORDERS_PER_NETWORK", 50, at_least=1,
    help="The same for one IPv4 address or one IPv6 /64 of the Internet. Private addresses have no such limit.",
    wrong="Too few: families, offices and mobile networks share an address, and their customers are refused.",
)  # fmt: skip
UNPAID_SHARE_OF_STOCK_PERCENT = env.integer(
    "UNPAID_SHARE_OF_STOCK_PERCENT", 50, at_least=1, at_most=100,
    help="Share of a product's stock that one customer, and one network, may hold unpaid; five pieces are always "
    "allowed.",
    wrong="Too small: large orders are refused. 100: one visitor can hold all of it for `PAYMENT_WINDOW_S`.",
)  # fmt: skip

section("Personal data")

CUSTOMER_DATA_RETENTION_DAYS = env.integer(
    "CUSTOMER_DATA_RETENTION_DAYS", 3650, at_least=1,
    help="Retention of name, address and mail address of an order after its end. Then they are deleted, with its "
    "mails, reviews, and link to an account; goods, amounts and payments stay.",
    wrong="Too short: a dispute or a return finds no customer, and invoices break the law of your country. Too long: "
    "data of people who have left.",
    example="2555",
)  # fmt: skip
MAIL_RETENTION_DAYS = env.integer(
    "MAIL_RETENTION_DAYS", 1095, at_least=1,
    help="Retention of the texts of mails about orders; that they were sent, and when, stays.",
    wrong="Too short: support cannot see what a customer was told, nor write it again.",
    example="365",
)  # fmt: skip

section("Reviews")

REVIEW_REQUEST_AFTER_DAYS = env.integer(
    "REVIEW_REQUEST_AFTER_DAYS", 7, at_least=1, at_most=365,
    help="Time from the delivery to the mail that asks for reviews. Orders delivered two weeks earlier than that get "
    "no mail.",
    wrong="Too short: customers have not used the product yet.",
)  # fmt: skip
REVIEW_LINK_VALID_DAYS = env.integer(
    "REVIEW_LINK_VALID_DAYS", 60, at_least=1, at_most=3650,
    help="Lifetime of the links in that mail, from when it was written.",
    wrong="Too short: customers find a page that says it is too late.",
)  # fmt: skip

section("Mail")

EMAIL_HOST = env.host(
    "EMAIL_HOST", "",
    otherwise="none: mails become files in `VAR_DIR/mail`; refused in production",
    help="The mail server.",
    wrong="Mails wait until the server can be reached, and the log says `mail.server_away`.",
    example="smtp.example.com",
)  # fmt: skip
EMAIL_PORT = env.integer(
    "EMAIL_PORT", 25, at_least=1, at_most=65_535,
    help="Its port: 25 for the shop's own relay, 587 for submission with `EMAIL_USE_TLS`, 465 with `EMAIL_USE_SSL`.",
    wrong="As above.",
    example="587",
)  # fmt: skip
EMAIL_HOST_USER = env.text(
    "EMAIL_HOST_USER", "",
    help="Login at the mail server; empty: no login.",
    wrong="The login is refused: mails are put off, none is lost.",
    example="shop",
)  # fmt: skip
env.check_login("EMAIL_HOST_USER", EMAIL_HOST_USER)
EMAIL_HOST_PASSWORD = env.secret(
    "EMAIL_HOST_PASSWORD", "",
    help="Password for this login.",
    wrong="As above.",
    example="EMAIL_HOST_PASSWORD_FILE=/run/secrets/smtp",
)  # fmt: skip
env.check_login("EMAIL_HOST_PASSWORD", EMAIL_HOST_PASSWORD)
EMAIL_OAUTH2_TOKEN = env.secret(
    "EMAIL_OAUTH2_TOKEN", "",
    help="Access token for a login by OAuth 2 (XOAUTH2) instead of a password. `EMAIL_OAUTH2_TOKEN_FILE` is read at "
    "each login: the tool that renews the token replaces the file.",
    wrong="An expired token: the login is refused, and mails wait.",
    example="EMAIL_OAUTH2_TOKEN_FILE=/run/secrets/smtp-token",
)  # fmt: skip
env.check_login("EMAIL_OAUTH2_TOKEN", EMAIL_OAUTH2_TOKEN)
EMAIL_OAUTH2_TOKEN_FILE = env.file_of("EMAIL_OAUTH2_TOKEN")
if EMAIL_OAUTH2_TOKEN_FILE and not EMAIL_OAUTH2_TOKEN:
    env.refuse("EMAIL_OAUTH2_TOKEN_FILE", EMAIL_OAUTH2_TOKEN_FILE, "the file is empty; write the token into it")
if EMAIL_OAUTH2_TOKEN and EMAIL_HOST_PASSWORD:
    env.refuse("EMAIL_OAUTH2_TOKEN", "***", "EMAIL_HOST_PASSWORD is set too; keep one of them")
if EMAIL_OAUTH2_TOKEN and not EMAIL_HOST_USER:
    env.refuse("EMAIL_HOST_USER", None, "EMAIL_OAUTH2_TOKEN needs it; write the user whose token it is")
EMAIL_USE_TLS = env.flag(
    "EMAIL_USE_TLS", False,
    help="STARTTLS before the login and every mail.",
    wrong="No: password and addresses travel readable. Yes at a server without it: mails are put off.",
    example="yes",
)  # fmt: skip
EMAIL_USE_SSL = env.flag(
    "EMAIL_USE_SSL", False,
    help="TLS from the first byte (RFC 8314), usually at port 465, instead of `EMAIL_USE_TLS`.",
    wrong="Yes at a port that begins without TLS, or no at one that wants it: mails wait.",
    example="yes",
)  # fmt: skip
if EMAIL_USE_SSL and EMAIL_USE_TLS:
    env.refuse("EMAIL_USE_SSL", "yes", "EMAIL_USE_TLS is set too; keep it for port 587, or EMAIL_USE_SSL for port 465")
EMAIL_HELO_NAME = env.host(
    "EMAIL_HELO_NAME", "",
    otherwise="the full name of the machine",
    help="The name by which the shop greets the mail server (EHLO): the one that the DNS has for its address.",
    wrong="Strict servers refuse a greeting with a name that does not exist, such as a container's.",
    example="shop.tillcoffee.example",
)  # fmt: skip
EMAIL_TIMEOUT_S = env.seconds(
    "EMAIL_TIMEOUT_S", 10, at_least=1,
    help="Timeout for one reply of the mail server. A mail's lease is six times this.",
    wrong="Too short: a mail whose reply came late may be sent twice.",
)  # fmt: skip
EMAIL_TIMEOUT = EMAIL_TIMEOUT_S
EMAIL_CONNECTIONS = env.integer(
    "EMAIL_CONNECTIONS", 3, at_least=1,
    help="Connections to the mail server that a worker process may open for a backlog. A nudge for one order opens "
    "one more for its mail.",
    wrong="Each leaves one mail in doubt if the process dies. More than the server allows: it answers 421.",
)  # fmt: skip
EMAIL_MAX_PER_MINUTE = env.integer(
    "EMAIL_MAX_PER_MINUTE", 0,
    help="Mails that the mail server takes in a minute, from all processes; 0: no limit. Further ones wait, and the "
    "log says `mail.limit_reached`. Mails to `ADMIN_EMAILS` do not count.",
    wrong="Too low: confirmations are late. Higher than the server's own limit: it refuses mails, which are put off.",
    example="100",
)  # fmt: skip
EMAIL_MAX_PER_DAY = env.integer(
    "EMAIL_MAX_PER_DAY", 0,
    help="The same for any 24 hours.",
    wrong="As above.",
    example="10000",
)  # fmt: skip
DEFAULT_FROM_EMAIL = env.text(
    "EMAIL_FROM", "Till Coffee <shop@example.com>",
    help="The sender of all mails.",
    wrong="Mail servers refuse a sender of a foreign domain. Production refuses `example.com`.",
    example="Till Coffee <shop@tillcoffee.example>",
)  # fmt: skip
env.check_sender("EMAIL_FROM", DEFAULT_FROM_EMAIL)
REPORT_RECIPIENTS = env.addresses(
    "REPORT_RECIPIENTS",
    help="Managers who get the daily report; empty: reports are built and not sent.",
    wrong="Strangers read the shop's revenue.",
    example="owner@tillcoffee.example",
)  # fmt: skip
REPORT_LANGUAGE = env.choice(
    "REPORT_LANGUAGE", "en", ("en", "ru"),
    help="The language of the mails to these managers.",
    wrong="Managers get reports that they cannot read.",
    example="ru",
)  # fmt: skip
