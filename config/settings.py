"""Every setting of Tillkeeper, read from the environment; without any, this is the embedded mode on SQLite."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from config import env
from config.logging import configuration
from config.monitoring import *  # noqa: F403
from config.payments import *  # noqa: F403 (settings are settings, wherever they are written down)

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("VAR_DIR", str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)


# --- the web ------------------------------------------------------------------------------------------------------

PRODUCTION = env.flag("PRODUCTION", False)
DEBUG = False

SHOP_URL = env.url("SHOP_URL", "http://127.0.0.1:8000", schemes=("http", "https"))
"""Where customers and providers reach the shop: links in mails, return pages and callbacks start with it."""

ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost," + (urlsplit(SHOP_URL).hostname or ""))
CSRF_TRUSTED_ORIGINS = [SHOP_URL]

SECRET_KEY = env.text("SECRET_KEY", "" if PRODUCTION else env.kept_secret(VAR_DIR / "secret-key", 48))
if len(SECRET_KEY) < 50:
    env.refuse("SECRET_KEY", None, "in production write at least 50 random characters, or SECRET_KEY_FILE")

SECRET_KEY_FALLBACKS = env.words("SECRET_KEY_FALLBACKS")
"""Earlier keys, separated by commas: what was signed with them, links in mails for example, stays valid."""
if any(len(key) < 50 for key in SECRET_KEY_FALLBACKS):
    env.refuse("SECRET_KEY_FALLBACKS", "***", "write whole earlier keys of at least 50 characters, or none")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_dramatiq",
    "config",
    "billing",
    "commerce",
    "actors",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
WHITENOISE_USE_FINDERS = True  # no collectstatic needed where no proxy serves the files

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "catalogue"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SHOP_URL.startswith("https://")
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
TIME_ZONE = env.time_zone("SHOP_TIME_ZONE", "UTC")
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]


# --- the database: the truth ---------------------------------------------------------------------------------------

DATABASE_URL = env.url(
    "DATABASE_URL", f"sqlite:///{VAR_DIR / 'shop.sqlite3'}", schemes=("postgres", "postgresql", "sqlite")
)
DATABASE_STATEMENT_TIMEOUT_S = env.seconds("DATABASE_STATEMENT_TIMEOUT_S", 30, at_least=1)
DATABASE_LOCK_TIMEOUT_S = env.seconds("DATABASE_LOCK_TIMEOUT_S", 10, at_least=1)
DATABASE_CONNECT_TIMEOUT_S = env.integer("DATABASE_CONNECT_TIMEOUT_S", 5, at_least=1)


def _postgresql(url: str) -> dict[str, object]:
    """A hanging database must end in an error: no socket and no query waits without a limit."""
    parts = urlsplit(url)
    limits = {
        "statement_timeout": DATABASE_STATEMENT_TIMEOUT_S,
        "lock_timeout": DATABASE_LOCK_TIMEOUT_S,
        "idle_in_transaction_session_timeout": DATABASE_STATEMENT_TIMEOUT_S,
    }
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": parts.port or 5432,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": DATABASE_CONNECT_TIMEOUT_S,
            "options": " ".join(f"-c {name}={int(limit * 1000)}" for name, limit in limits.items()),
        },
    }


def _sqlite(url: str) -> dict[str, object]:
    """With Django's default transactions most read-then-write transactions of two threads fail; IMMEDIATE ones wait."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": unquote(url.removeprefix("sqlite:///")),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        },
        # A file, because threads cannot share the transactions of an in-memory database.
        "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
    }


DATABASES = {"default": _sqlite(DATABASE_URL) if DATABASE_URL.startswith("sqlite:") else _postgresql(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# --- the broker: it carries nudges, nothing that may not be lost -----------------------------------------------------

BROKER_URL = env.url("BROKER_URL", "", schemes=("amqp", "amqps"))
"""RabbitMQ; empty: the broker inside the process, which is only of use to `runlocal`."""

DRAMATIQ_BROKER = {
    "BROKER": "config.broker.Rabbitmq" if BROKER_URL else "config.broker.InMemory",
    "OPTIONS": {"url": BROKER_URL} if BROKER_URL else {},
    # "Before" hooks run in this order, "after" hooks in reverse: database connections are cleared last of all, and what
    # skips a message stands behind what counts it.
    "MIDDLEWARE": [
        "actors.metrics.middleware.Prometheus",
        "django_dramatiq.middleware.DbConnectionsMiddleware",
        "actors.middleware.AboutMessage",
        "actors.middleware.FinishWhatWasBegun",
        "periodiq.PeriodiqMiddleware",
        "config.broker.DropStale",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.Retries",
    ],
}
DRAMATIQ_ENCODER = "config.broker.StrictEncoder"
DRAMATIQ_AUTODISCOVER_MODULES = ()  # the app `actors` declares them in every process, senders included
DRAMATIQ_IGNORED_MODULES = ["django_dramatiq.tasks"]  # cleans up a table that nothing here writes to

ACTOR_MODULES = [
    "actors.payments",
    "actors.orders",
    "actors.notifications",
    "actors.reports",
    "actors.reviews",
    "actors.maintenance",
]
ACTOR_SCHEDULE = "actors.schedule.entries"
"""The function that returns the table of all recurring work."""


PAYMENT_REFERENCE_MODEL = "commerce.Order"
ATTENTION_SOURCES = ["billing.cases.cases", "commerce.cases.cases"]

# --- money --------------------------------------------------------------------------------------------------------

LATE_MONEY_POLICY = env.choice("LATE_MONEY_POLICY", "accept", ("accept", "park", "refund"))
"""What becomes of money that came after its order had ended, or on top of other money: commerce/late_money.py."""

# --- retention times ---------------------------------------------------------------------------------------------

CART_RETENTION_DAYS = env.integer("CART_RETENTION_DAYS", 14, at_least=1)
"""So long an anonymous cart is kept after it was last changed. Never while money or an open payment is behind it."""

CUSTOMER_CART_RETENTION_DAYS = env.integer("CUSTOMER_CART_RETENTION_DAYS", 180, at_least=1)
"""The same for the cart of a customer who has an account."""


# --- reviews -------------------------------------------------------------------------------------------------------

REVIEW_REQUEST_AFTER_DAYS = env.integer("REVIEW_REQUEST_AFTER_DAYS", 7, at_least=1, at_most=365)
"""So long after the delivery the customer is asked for reviews."""

REVIEW_REQUEST_UNTIL_DAYS = env.integer(
    "REVIEW_REQUEST_UNTIL_DAYS", REVIEW_REQUEST_AFTER_DAYS + 14, at_least=REVIEW_REQUEST_AFTER_DAYS + 1, at_most=3650
)
"""Orders delivered longer ago are not asked about: those of years before the shop began to ask, for example."""

REVIEW_LINK_VALID_DAYS = env.integer("REVIEW_LINK_VALID_DAYS", 60, at_least=1, at_most=3650)
"""So long the links of a reminder open the form, from when it was written."""

REVIEW_MAX_CHARS = env.integer("REVIEW_MAX_CHARS", 2000, at_least=1, at_most=100_000)
"""The longest text of a review."""


# --- mail ----------------------------------------------------------------------------------------------------------

EMAIL_HOST = env.text("EMAIL_HOST", "")
EMAIL_PORT = env.integer("EMAIL_PORT", 25, at_least=1, at_most=65_535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT_S = env.seconds("EMAIL_TIMEOUT_S", 10, at_least=1)
EMAIL_TIMEOUT = EMAIL_TIMEOUT_S
EMAIL_CONNECTIONS = env.integer("EMAIL_CONNECTIONS", 3, at_least=1)
"""Connections to the mail server that a worker process may open for a backlog. Each leaves one mail in doubt if the
process dies; a nudge for one order opens one of its own for as long as that mail takes."""

EMAIL_BACKEND = f"{'commerce.mailserver' if EMAIL_HOST else 'django.core.mail.backends.filebased'}.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "Till Coffee <shop@example.com>")

REPORT_RECIPIENTS = env.addresses("REPORT_RECIPIENTS")
"""Managers who get the report of each day, separated by commas; empty: reports are built, and nobody is written to."""


# --- logs ------------------------------------------------------------------------------------------------------------

LOG_STYLE = env.choice("LOG_STYLE", "json" if PRODUCTION else "readable", ("json", "readable"))
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = configuration(LOG_STYLE, LOG_LEVEL)
