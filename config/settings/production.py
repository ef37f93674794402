"""Defaults that suit a trial and are dangerous with customers. In production they stop the start."""

from collections.abc import Sequence

from config import env


def insist(
    *,
    shop_url: str,
    allowed_hosts: Sequence[str],
    database_url: str,
    broker_url: str,
    email_host: str,
    email_from: str,
) -> None:
    """Raise WrongSetting for the first setting that still has its value for a trial."""
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
