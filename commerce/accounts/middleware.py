"""What accounts add to each request."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from commerce.accounts import devices, sessions, throttling
from commerce.accounts.hashing import Busy
from commerce.accounts.throttling import Purpose, Throttled
from config.security_log import SecurityEvent, security_event


class Accounts:
    """Middleware: answers every refused try in one way, remembers browsers, and keeps the list of sessions."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 500:  # after an error the database is left alone
            sessions.note(request)
        if name := getattr(request, "logged_in_as", ""):
            devices.remember(response, name)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """429, with the time to wait. No password was checked."""
        if not isinstance(exception, Throttled):
            return None
        if isinstance(exception, Busy) and (name := getattr(request, "tried_as", "")):
            throttling.take_back(request, Purpose.LOG_IN, name)
        view = request.resolver_match.view_name if request.resolver_match else ""
        security_event(SecurityEvent.THROTTLED, view=view)
        answer = render(request, "commerce/account/wait.html", {"wait_s": exception.wait_s}, status=429)
        answer["Retry-After"] = str(exception.wait_s)
        return answer


@receiver(user_logged_in, dispatch_uid="commerce.accounts.logged_in")
def _logged_in(request: HttpRequest, user: AbstractBaseUser, **_more: Any) -> None:
    """Here and not where the password is checked: the public page refuses the right password of staff."""
    throttling.succeeded(request, user.get_username())
    sessions.note(request)
    request.logged_in_as = user.get_username()  # type: ignore[attr-defined]
