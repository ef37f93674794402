"""Every setting of Tillkeeper, read from the environment; without any, this is the embedded mode on SQLite."""

from functools import partial
from urllib.parse import urlsplit

from config import env, production
from config.console import *  # noqa: F403
from config.databases import postgresql, sqlite
from config.declared import section
from config.jobs import *  # noqa: F403
from config.logging import configuration
from config.monitoring import *  # noqa: F403
from config.monitoring import RELEASE, SENTRY_DSN
from config.payments import *  # noqa: F403 (settings are settings, wherever they are written down)
from config.payments import PAYMENT_ACCOUNTS, TRUSTED_PROXIES
from config.places import BASE_DIR as BASE_DIR
from config.places import VAR_DIR, make_public
from config.secret_files import kept_secret
from config.shop import *  # noqa: F403
from config.shop import DEFAULT_FROM_EMAIL, EMAIL_HOST

section("The web")

VAR_DIR.mkdir(parents=True, exist_ok=True)

PRODUCTION = env.flag(
    "PRODUCTION", False,
    help="Customers pay with real money here: defaults that are only good for a trial stop the start.",
    wrong="No: trial defaults are in use without a word (a key on the disk, SQLite, mails into files).",
    example="yes",
)  # fmt: skip
DEBUG = False

SHOP_URL = env.url(
    "SHOP_URL", "http://127.0.0.1:8000", schemes=("http", "https"),
    help="Where customers and providers reach the shop: links in mails, return pages and callbacks start with it. In "
    "production `https://`.",
    wrong="Customers come back to nowhere, callbacks do not arrive, and forms are refused (403).",
    example="https://shop.tillcoffee.example",
)  # fmt: skip

ALLOWED_HOSTS = env.words(
    "ALLOWED_HOSTS", "127.0.0.1,localhost," + (urlsplit(SHOP_URL).hostname or ""),
    otherwise="`127.0.0.1`, `localhost` and the host of `SHOP_URL`",
    help="Names by which the shop may be asked for; for another name it answers 400.",
    wrong="Too few: 400. `*`: a forged name stands in links; refused in production.",
    example="shop.tillcoffee.example,127.0.0.1",
)  # fmt: skip
CSRF_TRUSTED_ORIGINS = [SHOP_URL]

SECRET_KEY = env.secret(
    "SECRET_KEY", "" if PRODUCTION else partial(kept_secret, VAR_DIR / "secret-key", 48),
    otherwise="none in production; else made at the first start, in `VAR_DIR/secret-key`",
    help="Signs sessions, forms and links: at least 50 random characters.",
    wrong="Another one on each host: customers are logged out and forms refused at random. Known to others: they can "
    "sign in as anybody.",
    example="SECRET_KEY_FILE=/run/secrets/key",
)  # fmt: skip
if len(SECRET_KEY) < 50:
    env.refuse(
        "SECRET_KEY",
        "***" if SECRET_KEY else None,
        "in production write at least 50 random characters, or SECRET_KEY_FILE",
    )

SECRET_KEY_FALLBACKS = env.words(
    "SECRET_KEY_FALLBACKS",
    kind="keys, separated by commas",
    help="Earlier keys: what was signed with them, links in mails for example, stays valid.",
    wrong="Without the last key, a change of keys logs everybody out and breaks links in mails.",
    example="SECRET_KEY_FALLBACKS_FILE=/run/secrets/earlier-keys",
)  # fmt: skip
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
make_public(STATIC_ROOT)
WHITENOISE_USE_FINDERS = not PRODUCTION  # no collectstatic needed on somebody's own machine
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # With the content's hash in the name a file may be cached for ever, and a deploy is seen at once.
        "BACKEND": "config.web.static_files.HashedFiles"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

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
SECURE_SSL_REDIRECT = PRODUCTION
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]  # watchers ask the process itself, in plain HTTP
# Only a proxy of ours may say so, because anybody could; it writes the header anew (deploy/nginx).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = env.integer(
    "HSTS_S", 3600 if PRODUCTION else 0, at_most=63_072_000,
    otherwise="3600 in production, else 0",
    help="So long browsers refuse to speak to the shop without TLS; 0: they are not told.",
    wrong="Cannot be taken back before it is over: raise it to a year once TLS has worked for a while.",
    example="31536000",
)  # fmt: skip
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: the shop cannot speak for its neighbours
    "security.W021",  # and the preload list takes whole domains only
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
TIME_ZONE = env.time_zone(
    "SHOP_TIME_ZONE", "UTC",
    help="The shop's midnight: what belongs to a day's report, and the times on pages.",
    wrong="A change moves orders between days that were reported already.",
    example="Europe/Berlin",
)  # fmt: skip
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]


# --- the database: the truth ---------------------------------------------------------------------------------------

section("The database")

DATABASE_URL = env.url(
    "DATABASE_URL", f"sqlite:///{VAR_DIR / 'shop.sqlite3'}", schemes=("postgres", "postgresql", "sqlite"),
    otherwise="SQLite in `VAR_DIR`; refused in production",
    help="The truth: `postgres://user:password@host:port/name`, special characters as in every URL.",
    wrong="The wrong database is another shop: `/readyz` says 503 where its migrations are missing.",
    example="postgres://till@db.internal:5432/shop",
)  # fmt: skip
DATABASE_STATEMENT_TIMEOUT_S = env.seconds(
    "DATABASE_STATEMENT_TIMEOUT_S", 30, at_least=1,
    help="No statement takes longer, and no transaction sits idle for longer.",
    wrong="Too short: reports are cut off. Too long: a stuck query holds a worker, and its rows' locks.",
    example="30",
)  # fmt: skip
DATABASE_LOCK_TIMEOUT_S = env.seconds(
    "DATABASE_LOCK_TIMEOUT_S", 10, at_least=1,
    help="Nobody waits longer for a lock. A migration that cannot get one gives up instead of stopping the shop.",
    wrong="Too long: a migration that waits for a lock lets everybody behind it wait as well.",
    example="10",
)  # fmt: skip
DATABASE_CONNECT_TIMEOUT_S = env.integer(
    "DATABASE_CONNECT_TIMEOUT_S", 5, at_least=1,
    help="So long a connection may take.",
    wrong="Too long: with the database away, web threads are used up by waiting.",
    example="5",
)  # fmt: skip

DATABASES = {
    "default": sqlite(DATABASE_URL, VAR_DIR / "test.sqlite3")
    if DATABASE_URL.startswith("sqlite:")
    else postgresql(
        DATABASE_URL,
        connect_timeout_s=DATABASE_CONNECT_TIMEOUT_S,
        statement_timeout_s=DATABASE_STATEMENT_TIMEOUT_S,
        lock_timeout_s=DATABASE_LOCK_TIMEOUT_S,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# --- the broker: it carries nudges, nothing that may not be lost -----------------------------------------------------

section("The broker")

BROKER_URL = env.url(
    "BROKER_URL", "", schemes=("amqp", "amqps"),
    otherwise="none: the broker inside the process, which is only of use to `runlocal`; refused in production",
    help="RabbitMQ: `amqp://user:password@host:port/vhost`.",
    wrong="Nudges are dropped and sweeps do not run: customers buy and pay, and nothing goes on until it is right.",
    example="amqp://till@mq.internal:5672/till",
)  # fmt: skip

DRAMATIQ_BROKER = {
    "BROKER": "config.messaging.broker.Rabbitmq" if BROKER_URL else "config.messaging.broker.InMemory",
    "OPTIONS": {"url": BROKER_URL} if BROKER_URL else {},
    # "Before" hooks run in this order, "after" hooks in reverse: database connections are cleared last of all, and what
    # skips a message stands behind what counts it.
    "MIDDLEWARE": [
        "actors.metrics.middleware.Prometheus",
        "django_dramatiq.middleware.DbConnectionsMiddleware",
        "actors.runtime.middleware.AboutMessage",
        "actors.runtime.last_attempt.LastAttempt",
        "actors.runtime.middleware.FinishWhatWasBegun",
        "actors.runtime.probes.Probes",
        "actors.runtime.job_middleware.WorkerHeartbeat",
        "actors.runtime.job_middleware.JobHistory",
        "periodiq.PeriodiqMiddleware",
        "config.messaging.consumers.HandBackPaused",
        "config.messaging.broker.DropStale",
        "actors.runtime.job_middleware.Quarantine",
        "dramatiq.middleware.TimeLimit",
        "dramatiq.middleware.Retries",
    ],
}
DRAMATIQ_ENCODER = "config.messaging.broker.StrictEncoder"
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
ACTOR_SCHEDULE = "actors.scheduling.table.entries"
"""The function that returns the table of all recurring work."""


PAYMENT_REFERENCE_MODEL = "commerce.Order"
ATTENTION_SOURCES = ["billing.attention_list.cases", "commerce.attention_list.cases"]


# --- mail ----------------------------------------------------------------------------------------------------------

EMAIL_BACKEND = f"{'commerce.mailserver' if EMAIL_HOST else 'django.core.mail.backends.filebased'}.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"

# --- logs ------------------------------------------------------------------------------------------------------------

section("Logs")

LOG_STYLE = env.choice(
    "LOG_STYLE", "json" if PRODUCTION else "readable", ("json", "readable"),
    otherwise="`json` in production, else `readable`",
    help="One JSON object a line, or lines for a person.",
    wrong="`readable` cannot be searched by field.",
    example="json",
)  # fmt: skip
LOG_LEVEL = env.choice(
    "LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"),
    help="What is logged, at least.",
    wrong="Above INFO the story of a payment cannot be read from the log.",
    example="INFO",
)  # fmt: skip
LOGGING = configuration(LOG_STYLE, LOG_LEVEL)


if PRODUCTION:
    production.insist(
        shop_url=SHOP_URL,
        allowed_hosts=ALLOWED_HOSTS,
        database_url=DATABASE_URL,
        broker_url=BROKER_URL,
        email_host=EMAIL_HOST,
        email_from=DEFAULT_FROM_EMAIL,
        accounts=PAYMENT_ACCOUNTS,
    )


# --- errors ----------------------------------------------------------------------------------------------------------

if SENTRY_DSN:
    from config.errors import scrubbing, sentry

    sentry.begin(SENTRY_DSN, RELEASE, scrubbing.secrets_in(globals()))
