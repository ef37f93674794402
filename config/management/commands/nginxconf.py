"""nginx's configuration for this shop."""

import math
import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings

from config.cli.arguments import count
from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.hosts import host_of, is_address

TEMPLATE = settings.BASE_DIR / "deploy/nginx/tillkeeper.conf.template"

CALLBACKS_PER_S = 20
"""About ten payments a second through one address of a provider, at two callbacks each. A flood beyond it costs nginx
alone; with 100 a second a flood more than doubled the time of a purchase (tests/system/test_callback_flood.py). What a
provider has to repeat later, the sweep finds before.
"""

QUEUED_S = 5
"""Time that a callback may wait for its turn; providers wait at least 10 s for an answer."""

REQUESTS_AT_ONCE = 40
"""Forms that the web works on or that wait for it, and as many pages for who has a cart or a log-in. With one web
process, and every part of the shop on two processors, a page took at most five seconds so (`make surge`).
"""

NEWCOMERS_PERCENT = 20
"""Pages for all others, of `REQUESTS_AT_ONCE`: about one page in ten that a customer opens comes before the cart."""

SUITES = ":".join(
    f"ECDHE-{key}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for key in ("ECDSA", "RSA")
)
"""The suites of TLS 1.2, all with forward secrecy: https://ssl-config.mozilla.org/guidelines/5.7.json, intermediate."""


class Command(Base):
    """`manage.py nginxconf --certificate … --key … > /etc/nginx/conf.d/tillkeeper.conf`."""

    help = "Print a configuration for nginx, made from deploy/nginx and the shop's settings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The values that only the proxy needs."""
        parser.add_argument("--certificate", type=_readable, required=True, help="TLS certificate with its chain")
        parser.add_argument("--key", type=Path, required=True, help="its private key")
        parser.add_argument("--web", default="127.0.0.1:8000", help="where gunicorn listens")
        several = "ports, or addresses and ports, for plain HTTP; with IPv6: 80 [::]:80"
        parser.add_argument("--http", nargs="+", default=["80"], help=several)
        parser.add_argument("--https", nargs="+", default=["443"], help="the same for TLS")
        parser.add_argument(
            "--operators", type=_readable, default=settings.BASE_DIR / "deploy/nginx/operators.conf",
            help="file with allow and deny lines for the admin and the metrics",
        )  # fmt: skip
        log = Path("/var/log/nginx/access.log")
        parser.add_argument("--access-log", type=Path, default=log, help="where nginx logs requests, without their ids")
        parser.add_argument("--logins-per-minute", type=count, default=10, help="from one address")
        parser.add_argument("--orders-per-minute", type=count, default=30, help="from one address")
        parser.add_argument(
            "--callbacks-per-second", type=count, default=CALLBACKS_PER_S, help="from one address of a provider"
        )
        parser.add_argument(
            "--requests-at-once", type=count, default=REQUESTS_AT_ONCE,
            help="forms, and as many pages, that may wait for the web; others are told to try again",
        )  # fmt: skip

    def handle(self, *_args: Any, **options: Any) -> None:
        """Needs a shop with TLS: without it browsers do not send its cookies."""
        if not settings.SHOP_URL.startswith("https://"):
            raise NoAnswer(f"SHOP_URL is {settings.SHOP_URL!r}: write an address like https://host.")
        host = host_of(settings.SHOP_URL)
        if is_address(host):
            raise NoAnswer(f"SHOP_URL is {settings.SHOP_URL!r}: write a name; browsers do not name an address in TLS.")
        values = {
            **{name.upper(): value for name, value in options.items()},
            "SHOP_URL": settings.SHOP_URL,
            "SHOP_HOST": host,
            "STATIC_ROOT": settings.STATIC_ROOT,
            "CALLBACK_MAX_BYTES": settings.CALLBACK_MAX_BYTES,
            "WEB_ADDRESS": options["web"],
            "SUITES": SUITES,
            "SESSION_COOKIE": settings.SESSION_COOKIE_NAME,
            "NEWCOMERS_AT_ONCE": math.ceil(options["requests_at_once"] * NEWCOMERS_PERCENT / 100),
            "CALLBACKS_QUEUED": options["callbacks_per_second"] * QUEUED_S,
        }
        values = {name: _for_nginx(value) if isinstance(value, Path) else value for name, value in values.items()}
        template = TEMPLATE.read_text(encoding="utf-8")
        for scheme in ("http", "https"):
            template = _repeated(template, f"${{{scheme.upper()}_ADDRESS}}", options[scheme])
        self.stdout.write(re.sub(r"\$\{([A-Z_]+)\}", lambda found: str(values[found[1]]), template), ending="")


def _repeated(template: str, name: str, values: list[str]) -> str:
    """Write each line with this name once per value."""
    lines = template.splitlines(keepends=True)
    return "".join(line.replace(name, value) for line in lines for value in (values if name in line else [""]))


def _readable(path: str) -> Path:
    if not Path(path).is_file():
        raise ArgumentTypeError(f"{path!r} is not a file")
    return Path(path)


def _for_nginx(path: Path) -> Path:
    """nginx would look for a relative path in its own directory. A link stays: certbot turns it at each renewal.

    Quotes do not keep nginx from reading a variable, a pattern or an escape.
    """
    found = path.absolute()
    if wrong := [character for character in str(found) if character in '$*?["\\' or not character.isprintable()]:
        raise NoAnswer(f"nginx cannot read {wrong[0]!a} in {str(found)!a}: write another path.")
    return found
