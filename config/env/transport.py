"""TLS to other hosts: production insists on it, and a person writes down the exceptions."""

from config import env
from config.env.reference import section

section("Transport")

TLS_EXCEPTIONS = env.reasons(
    "TLS_EXCEPTIONS", ("database", "broker", "mail", "providers", "monitoring"),
    help="Parts on other hosts that production may reach without TLS and a verified certificate, each with the reason. "
    "Semicolons separate them. This host (loopback addresses, sockets) needs none.",
    wrong="The reason is not true: passwords, names and addresses can be read and changed on the way.",
    example="database: private network, encrypted by WireGuard; broker: the same",
)  # fmt: skip


def insist_on_tls(part: str, name: str, value: str | None, instead: str) -> None:
    """Refuse the setting unless a person has written why this part needs no verified TLS."""
    if part not in TLS_EXCEPTIONS:
        exception = f'TLS_EXCEPTIONS="{part}: the reason"'
        env.refuse(name, value, f"in production {instead}, or say why it may go without: {exception}")
