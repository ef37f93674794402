"""deploy/SETTINGS.md, made from the declarations: `manage.py settings --markdown`."""

from collections.abc import Iterable
from itertools import groupby

from config.accounts import PROVIDER_OPTIONS, polling_policy, prefix_of, rate_limit
from config.declared import SETTINGS, Setting, described
from config.payments import PAYMENT_ACCOUNTS

TITLE = """\
# Settings

Made from the code by `manage.py settings --markdown`; a test compares it. Settings are variables of the environment. An
empty one counts as not set, and `NAME_FILE=/path` stands for `NAME` with the content of a file. A value that cannot be
used stops the start with a sentence that says what to write; what a *usable* value does when it is the wrong one
stands in the last column. A whole example: [production.env](production.env).
"""
OF_EACH_ACCOUNT = "Of each account at {provider}"
OF_EACH_ACCOUNT_NOTE = (
    "Of the account `{provider}`; one named `shop-eu:{provider}` has the same settings beginning with `SHOP_EU`."
)


def markdown() -> str:
    """The whole page; the same wherever it is made, whatever is set there."""
    general = groupby(_general(), key=lambda setting: setting.section)
    parts = [TITLE, *(_part(title, settings) for title, settings in general)]
    parts += [_part_of(provider) for provider in PROVIDER_OPTIONS]
    return "\n".join(parts)


def names() -> set[str]:
    """Every setting there is, those of an account at each provider included."""
    return {setting.name for setting in [*_general(), *(one for name in PROVIDER_OPTIONS for one in of(name, name))]}


def of(account: str, provider: str) -> list[Setting]:
    """The settings of one account."""
    prefix = prefix_of(account)
    return [
        *described(lambda: PROVIDER_OPTIONS[provider](prefix)),
        *described(lambda: rate_limit(prefix, 0)),
        *described(lambda: polling_policy(prefix, "two-track")),
    ]


def _general() -> list[Setting]:
    """What does not belong to an account: those that this process happens to have are no part of the page."""
    taken = {one.name for name, account in PAYMENT_ACCOUNTS.items() for one in of(name, account["provider"])}
    return [setting for setting in SETTINGS.values() if setting.name not in taken]


def _part_of(provider: str) -> str:
    return _part(
        OF_EACH_ACCOUNT.format(provider=provider),
        of(provider, provider),
        OF_EACH_ACCOUNT_NOTE.format(provider=provider),
    )


def _part(title: str, settings: Iterable[Setting], note: str = "") -> str:
    head = f"\n## {title}\n\n" + (f"{note}\n\n" if note else "")
    columns = "| setting | type, unit | default | example | what for | what a wrong one does |\n"
    return head + columns + "| --- | --- | --- | --- | --- | --- |\n" + "\n".join(map(_line, settings)) + "\n"


def _line(setting: Setting) -> str:
    kind = setting.kind + (f"; {setting.unit}" if setting.unit else "")
    return (
        f"| `{setting.name}` | {kind} | {_default(setting)} | `{setting.example}` | {setting.help} | {setting.wrong} |"
    )


def _default(setting: Setting) -> str:
    if setting.default is None:
        return "**has to be set**"
    plain = " " not in setting.default and "`" not in setting.default
    return f"`{setting.default}`" if setting.default and plain else setting.default or "none"
