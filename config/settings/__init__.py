"""Django's settings. `config.env` reads the environment; without any variable this is the embedded mode on SQLite.

Other projects take over `config.env.embedding` and nothing of this package.
"""

from urllib.parse import urlsplit

from config import env
from config.env.address import *
from config.env.broker import *
from config.env.files import *
from config.env.mode import *
from config.env.monitoring import *
from config.env.payments import *
from config.env.process import *
from config.env.shop import *
from config.env.transport import *
from config.env.web import *
from config.logging import configuration
from config.settings import transport
from config.settings.databases import database

with var_dir_is_ours():
    # A proxy reads the static files of a production; in a trial nothing is for other users.
    VAR_DIR.mkdir(mode=0o755 if PRODUCTION else 0o700, parents=True, exist_ok=True)

DEBUG = False
CSRF_TRUSTED_ORIGINS = [SHOP_URL]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "django_dramatiq",
    "config",
    "billing",
    "commerce",
    "actors",
]

MIDDLEWARE = [
    "commerce.metrics.MeasureCheckout",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.web.headers.PageHeaders",
    "config.web.malformed.RefuseMalformed",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.security_log.RefusedPermissions",
    "commerce.accounts.middleware.Accounts",
    "config.web.races.RetryLostRace",
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
                "commerce.visitors.header",
                "commerce.mail.pages.link",
            ]
        },
    }
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
make_public(STATIC_ROOT)
WHITENOISE_USE_FINDERS = not PRODUCTION  # a trial needs no collectstatic
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        # A name with the content's hash may be cached forever, and a deploy is visible at once.
        "BACKEND": "config.web.static_files.HashedFiles"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

OTP_TOTP_ISSUER = "Till Coffee"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "account"
LOGOUT_REDIRECT_URL = "catalogue"
AUTHENTICATION_BACKENDS = ["commerce.accounts.backend.CountTries", "django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["commerce.accounts.hashing.BoundedHasher"]
AUTH_PASSWORD_VALIDATORS = [
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
    ),
    {"NAME": "commerce.accounts.passwords.NewPassword"},
]
PASSWORD_RESET_TIMEOUT = 3600
"""Seconds. Long enough for a slow mail, and short, because the mailbox keeps the link (OWASP ASVS 5.0.0, 6.4.1)."""

SECURE_CONTENT_TYPE_NOSNIFF = True
# An order's URL opens it, and other sites get no referrer. With "no-referrer" browsers send forms with `Origin: null`,
# which Django must refuse.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"

# "__Host-": browsers take such a cookie only over TLS, for this host and all of its paths, so no neighbour can set it.
WITH_TLS = SHOP_URL.startswith("https://")
COOKIE_PREFIX = "__Host-" if WITH_TLS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
LANGUAGE_COOKIE_NAME = f"{COOKIE_PREFIX}django_language"
MESSAGES_COOKIE_NAME = f"{COOKIE_PREFIX}messages"
MESSAGE_STORAGE = "config.web.cookies.Messages"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = WITH_TLS
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True  # no script of ours reads a cookie
# Not Strict: a customer who comes back from the provider would be a stranger, and get another token than open forms.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"

X_FRAME_OPTIONS = "DENY"
SECURE_SSL_REDIRECT = PRODUCTION
# Not the host of the request, which is not checked yet at that point.
SECURE_SSL_HOST = urlsplit(SHOP_URL).netloc
# Monitoring calls the process directly, in plain HTTP.
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$", "^metrics$"]
# Any client could send this header. It is believed only behind our own proxy, which overwrites it (deploy/nginx).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # HSTS for subdomains: the shop does not own its neighbours
    "security.W021",  # the preload list takes only whole domains
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("ru", "Русский")]
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]


# --- the database ---------------------------------------------------------------------------------------

DATABASES = {"default": database(DATABASE_URL)}
DATABASE_OWNER = database(DATABASE_OWNER_URL, "DATABASE_OWNER_URL") if DATABASE_OWNER_URL else None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"


# --- the broker and the actors -----------------------------------------------------

DRAMATIQ_AUTODISCOVER_MODULES = ()  # the app `actors` declares them in every process
DRAMATIQ_IGNORED_MODULES = ["django_dramatiq.tasks"]  # cleans a table that we do not use

ACTOR_MODULES = [
    "actors.payments",
    "actors.orders",
    "actors.notifications",
    "actors.reports",
    "actors.reviews",
    "actors.maintenance",
    "actors.pruning",
]
ACTOR_SCHEDULE = "actors.scheduling.table.entries"
"""The function that returns the table of all recurring work."""


ACTOR_PROJECT = "actors.shop.SHOP"

PAYMENT_REFERENCE_MODEL = "commerce.Order"
PAYMENT_REFERENCE_READER = "commerce.order_search.reference_of"
ATTENTION_SOURCES = ["billing.attention_list.items", "commerce.admin.resolutions.attention_list"]


# --- mail ----------------------------------------------------------------------------------------------------------

EMAIL_BACKEND = f"commerce.mail.{'smtp' if EMAIL_HOST else 'files'}.EmailBackend"
EMAIL_FILE_PATH = VAR_DIR / "mail"

# --- logs ------------------------------------------------------------------------------------------------------------

LOGGING = configuration(LOG_STYLE, LOG_LEVEL, LOG_FILE)

# --- what suits a trial and is dangerous with customers -------------------------------------------------------------

if PRODUCTION:
    if not SHOP_URL.startswith("https://"):
        env.refuse("SHOP_URL", SHOP_URL, "in production write an address like https://host; passwords travel there")
    if "*" in ALLOWED_HOSTS:
        env.refuse("ALLOWED_HOSTS", "*", "in production write the shop's own names, or nothing")
    if DATABASE_URL.startswith("sqlite:"):
        env.refuse("DATABASE_URL", "SQLite", "in production write an address like postgres://host")
    if not BROKER_URL:
        env.refuse("BROKER_URL", None, "in production write an address like amqp://host")
    if not EMAIL_HOST:
        env.refuse("EMAIL_HOST", None, "in production write a mail server; without one mails only become files")
    if "@example.com" in DEFAULT_FROM_EMAIL:
        env.refuse("EMAIL_FROM", DEFAULT_FROM_EMAIL, "in production write the shop's own address")
    transport.insist({"DATABASE_URL": DATABASES["default"], "DATABASE_OWNER_URL": DATABASE_OWNER})


# --- errors ----------------------------------------------------------------------------------------------------------

if SENTRY_DSN:
    from config.errors import sentry

    sentry.begin(SENTRY_DSN, RELEASE)
