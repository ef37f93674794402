"""Calls a provider without raising: any error is an outcome."""

import logging
from collections.abc import Callable
from typing import TypeVar

from billing.errors import ProviderError

A = TypeVar("A")

log = logging.getLogger(__name__)


def outcome_of(call: Callable[[], A], account: str) -> A | ProviderError:
    """The answer or the error; a bug in an adapter is an error like any other. Uses no database."""
    try:
        return call()
    except ProviderError as error:
        return error
    except Exception as error:
        log.exception("provider.adapter_failed", extra={"account": account})
        return ProviderError(f"the adapter failed ({type(error).__name__})")
