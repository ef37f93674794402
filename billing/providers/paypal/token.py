"""The access token that all calls to PayPal need: https://developer.paypal.com/api/rest/authentication/"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from billing.errors import BadAnswer, DeadlinePassed, Unavailable, WrongCredentials
from billing.providers.http import ProviderClient

TOKEN_MARGIN_S = 60
"""How long before its end a token is replaced."""

LONGEST_S = 10**8
"""A token that lasts for years is an unreadable answer; PayPal's last for nine hours."""


class Token:
    """The access token of one account, for all threads of the process.

    "Rather than generate an OAuth 2.0 access token for each transaction, cache tokens":
    https://developer.paypal.com/api/rest/reference/rate-limiting. One thread fetches; the others wait for it, at most
    for the length of a call.
    """

    def __init__(self, http: ProviderClient, authorization: str) -> None:
        self._http, self._authorization = http, authorization
        self._lock = threading.Lock()
        self._value, self._ends_at = "", 0.0

    @contextmanager
    def header(self) -> Iterator[dict[str, str]]:
        """The header of one call. After 401 the token is no longer valid, and the next call fetches a new one."""
        token = self._get()
        try:
            yield {"Authorization": f"Bearer {token}"}
        except WrongCredentials as error:
            if not str(error).startswith("HTTP 401"):  # 403 is a refusal
                raise
            self._forget(token)
            raise Unavailable("the access token is no longer valid") from error

    def _get(self) -> str:
        """A valid token. Raises ProviderError if there is none."""
        if not self._lock.acquire(timeout=settings.PAYMENT_API_TIMEOUT_S):
            raise DeadlinePassed("another thread is fetching the access token")
        try:
            if time.monotonic() >= self._ends_at:
                self._fetch()
            return self._value
        finally:
            self._lock.release()

    def _forget(self, value: str) -> None:
        """Drop a refused token, unless another thread has already replaced it."""
        with self._lock:
            if self._value == value:
                self._ends_at = 0.0

    def _fetch(self) -> None:
        """https://developer.paypal.com/api/rest/authentication/"""
        form, headers = {"grant_type": "client_credentials"}, {"Authorization": self._authorization}
        answer = self._http.post_form("/v1/oauth2/token", form, headers=headers)
        lasts_s, value = answer.get("expires_in"), answer.get("access_token")
        if not (isinstance(value, str) and value.isascii() and value.isprintable()):
            raise BadAnswer("there is no access token in the answer")
        if type(lasts_s) is not int or not 0 <= lasts_s < LONGEST_S:
            raise BadAnswer("the access token has no readable end")
        self._value, self._ends_at = value, time.monotonic() + lasts_s - TOKEN_MARGIN_S
