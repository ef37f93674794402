"""Settings of the web: its hosts, the key and the time zone. `config.env.address` has its address."""

from functools import partial

from config import env
from config.env.address import SHOP_URL
from config.env.files import VAR_DIR, kept_secret
from config.env.mode import PRODUCTION
from config.env.reference import section
from config.hosts import host_of, in_brackets

section("The web")

ALLOWED_HOSTS = [in_brackets(host) for host in env.words(
    "ALLOWED_HOSTS", "127.0.0.1,localhost," + host_of(SHOP_URL),
    otherwise="`127.0.0.1`, `localhost` and the host of `SHOP_URL`",
    help="Host names that the shop accepts; another name gets 400.",
    wrong="Too few: 400. `*`: links contain forged names; production refuses it.",
    example="shop.tillcoffee.example,127.0.0.1",
)]  # fmt: skip

SECRET_KEY = env.secret(
    "SECRET_KEY", "" if PRODUCTION else partial(kept_secret, VAR_DIR / "secret-key", 48),
    otherwise="none in production; else generated at the first start, in `VAR_DIR/secret-key`",
    help="Signs sessions, forms and links: at least 50 random characters.",
    wrong="Different on each host: customers are logged out and forms refused at random. Known to others: they can log "
    "in as any user.",
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
    help="Earlier keys. What they signed stays valid, for example links in mails.",
    wrong="The last key is missing after a change: all users are logged out, and links in mails break.",
    example="SECRET_KEY_FALLBACKS_FILE=/run/secrets/earlier-keys",
)  # fmt: skip
if any(len(key) < 50 for key in SECRET_KEY_FALLBACKS):
    env.refuse("SECRET_KEY_FALLBACKS", "***", "write whole earlier keys of at least 50 characters, or none")

SECURE_HSTS_SECONDS = env.integer(
    "HSTS_S", 3600 if PRODUCTION else 0, at_most=63_072_000,
    otherwise="3600 in production, else 0",
    help="Time for which browsers refuse to reach the shop without TLS; 0: no such rule.",
    wrong="It cannot be taken back before it ends: raise it to a year once TLS has worked for a while.",
    example="31536000",
)  # fmt: skip

TIME_ZONE = env.time_zone(
    "SHOP_TIME_ZONE", "UTC",
    help="The shop's midnight: it sets the days of reports, and the times on pages.",
    wrong="A change moves orders between days that already have a report.",
    example="Europe/Berlin",
)  # fmt: skip
