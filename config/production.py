"""What is good for a trial and dangerous with customers: in production it stops the start."""

from collections.abc import Mapping, Sequence

from config import env
from config.accounts import prefix_of


def insist(
    *,
    shop_url: str,
    allowed_hosts: Sequence[str],
    database_url: str,
    broker_url: str,
    email_host: str,
    email_from: str,
    accounts: Mapping[str, Mapping[str, str]],
) -> None:
    """Refuse the first setting that was left as it is for a trial; raises WrongSetting."""
    if not shop_url.startswith("https://"):
        env.refuse("SHOP_URL", shop_url, "in production write an address like https://host; passwords travel there")
    if "*" in allowed_hosts:
        env.refuse("ALLOWED_HOSTS", "*", "in production write the shop's own names, or nothing")
    if database_url.startswith("sqlite:"):
        env.refuse("DATABASE_URL", "SQLite", "in production write an address like postgres://host")
    if not broker_url:
        env.refuse("BROKER_URL", None, "in production write an address like amqp://host")
    if not email_host:
        env.refuse("EMAIL_HOST", None, "in production write a mail server; without one mails only become files")
    if "@example.com" in email_from:
        env.refuse("EMAIL_FROM", email_from, "in production write the shop's own address")
    for name, account in accounts.items():
        _insist_on_own_keys(name, account)


def _insist_on_own_keys(name: str, account: Mapping[str, str]) -> None:
    """The sandbox's usual keys stand in public code: with them anybody pays without money."""
    for option, public in (("api_key", "sandbox-key"), ("callback_secret", "sandbox-secret")):
        if account.get(option) == public:
            env.refuse(f"{prefix_of(name)}_{option.upper()}", "***", "in production write a secret of your own")
