"""The providers, a module or package each. To add one, write it and add a line here. Calls are timed and counted."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any, TypeVar

from django.conf import settings

from billing.errors import BadAnswer, ProviderError
from billing.metrics import REQUEST_SECONDS
from billing.providers.base import Account, PaymentSnapshot, Provider
from billing.providers.pay_pages import is_pay_page
from billing.providers.paypal.adapter import PayPal
from billing.providers.sandbox import Sandbox
from billing.providers.stripe.adapter import Stripe
from billing.providers.yookassa import YooKassa
from billing.states import Status

REGISTRY: dict[str, type[Provider]] = {
    "sandbox": Sandbox,
    "yookassa": YooKassa,
    "stripe": Stripe,
    "paypal": PayPal,
}

A = TypeVar("A")

log = logging.getLogger(__name__)

OPERATIONS = ("create", "status", "cancel", "capture", "refund", "refund_status", "disputes_of")
"""The methods of adapters that call the provider. Lists are timed apart: they call once for each page."""

ANSWERED, BUG = "answered", ProviderError.outcome


@cache
def provider_of(account: str) -> Provider:
    """The adapter for this account, with this process's connections. Raises KeyError if PAYMENT_ACCOUNTS lacks it."""
    options = settings.PAYMENT_ACCOUNTS[account]
    return _timed_adapter(REGISTRY[options["provider"]](Account(account, options)), account)


def outcome_of(call: Callable[[], A], account: str) -> A | ProviderError:
    """The answer or the error; a bug in an adapter is an error like any other. Uses no database."""
    try:
        return call()
    except ProviderError as error:
        return error
    except Exception as error:
        log.exception("provider.adapter_failed", extra={"account": account})
        return ProviderError(f"the adapter failed ({type(error).__name__})")


def _timed_adapter(provider: Provider, account: str) -> Provider:
    for operation in OPERATIONS:
        if ask := getattr(provider, operation, None):
            setattr(provider, operation, partial(_timed, account, operation, partial(_believed, provider, ask)))
    for listing in ("payments_between", "movements_between"):
        setattr(provider, listing, partial(_timed_list, account, getattr(provider, listing)))
    return provider


def _believed(provider: Provider, ask: Callable[..., Any], *args: Any) -> Any:
    """The answer. Raises BadAnswer if it would send the customer to a page that is not the provider's."""
    answer = ask(*args)
    if not isinstance(answer, PaymentSnapshot) or not answer.pay_url or is_pay_page(answer.pay_url, provider.pay_hosts):
        return answer
    if answer.status == Status.PENDING:
        raise BadAnswer("the address of the payment page is not the provider's")
    return replace(answer, pay_url="")


def _timed(account: str, operation: str, ask: Callable[..., Any], *args: Any) -> Any:
    outcome, started = BUG, time.perf_counter()
    try:
        answer = ask(*args)
        outcome = ANSWERED
        return answer
    except ProviderError as error:
        outcome = error.outcome
        raise
    finally:
        REQUEST_SECONDS.labels(account, operation, outcome).observe(time.perf_counter() - started)


def _timed_list(account: str, listed: Callable[..., Iterator[Any]], *args: Any) -> Iterator[Any]:
    """One observation for a whole list: the time spent waiting for its pages, not the time between them."""
    outcome, waited_s, answers = ANSWERED, 0.0, listed(*args)
    try:
        while True:
            started = time.perf_counter()
            try:
                answer = next(answers)
            except StopIteration:
                return
            finally:
                waited_s += time.perf_counter() - started
            yield answer
    except Exception as error:
        outcome = error.outcome if isinstance(error, ProviderError) else BUG
        raise
    finally:
        REQUEST_SECONDS.labels(account, "list", outcome).observe(waited_s)
