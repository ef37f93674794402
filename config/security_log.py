"""The security log: who got in, who was refused, and what was changed about passwords, factors, sessions and keys.

One event a line, on the logger `security`, which LOG_LEVEL does not hide. An event carries ids and nothing that a
person typed: no address, user name or network (OWASP ASVS 5.0.0, 16.2.5 and 16.3.1 to 16.3.3).
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from config.metrics.registry import counter

log = logging.getLogger("security")


class SecurityEvent(StrEnum):
    """All events. A metric has one series for each, so the list is closed."""

    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    LOGGED_OUT = "logged_out"
    THROTTLED = "throttled"
    SIGN_UP_ASKED = "sign_up_asked"
    SIGNED_UP = "signed_up"
    PASSWORD_CHANGED = "password_changed"  # nosec B105  # noqa: S105 (the name of an event)
    PASSWORD_RESET_ASKED = "password_reset_asked"  # nosec B105  # noqa: S105
    PASSWORD_RESET = "password_reset"  # nosec B105  # noqa: S105
    SESSIONS_ENDED = "sessions_ended"
    PERMISSION_REFUSED = "permission_refused"
    SECOND_FACTOR_SET_UP = "second_factor_set_up"
    SECOND_FACTOR_REMOVED = "second_factor_removed"
    SECOND_FACTOR_ACCEPTED = "second_factor_accepted"
    SECOND_FACTOR_REFUSED = "second_factor_refused"
    RECOVERY_CODE_USED = "recovery_code_used"
    KEY_CHANGED = "key_changed"


REFUSALS = frozenset(
    {
        SecurityEvent.LOG_IN_FAILED,
        SecurityEvent.THROTTLED,
        SecurityEvent.PERMISSION_REFUSED,
        SecurityEvent.SECOND_FACTOR_REFUSED,
    }
)
"""Logged as warnings."""

SECURITY_EVENTS_TOTAL = counter(
    "tillkeeper_security_events_total",
    f"Events of the security log: {', '.join(SecurityEvent)}.",
    "event",
)


def security_event(event: SecurityEvent, user_id: int | None = None, **ids: str | int) -> None:
    """Log and count an event. `user_id` is whom it is about; `ids` are further ids, never what a person typed.

    It does not wait for a commit: a refusal stays true after its transaction is rolled back. Call it for a change after
    the transaction that made it.
    """
    about = ids if user_id is None else {"user": user_id, **ids}
    log.log(logging.WARNING if event in REFUSALS else logging.INFO, f"security.{event}", extra=about)
    SECURITY_EVENTS_TOTAL.labels(event).inc()


class RefusedPermissions:
    """Middleware: logs each PermissionDenied of a view with the view's name, since a path may hold an order's id."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, PermissionDenied):
            view = request.resolver_match.view_name if request.resolver_match else ""
            security_event(SecurityEvent.PERMISSION_REFUSED, request.user.pk, view=view)


@receiver(user_logged_in, dispatch_uid="config.security_log.logged_in")
def _logged_in(user: AbstractBaseUser, **_more: Any) -> None:
    security_event(SecurityEvent.LOGGED_IN, user.pk)


@receiver(user_logged_out, dispatch_uid="config.security_log.logged_out")
def _logged_out(user: AbstractBaseUser | None, **_more: Any) -> None:
    """A log-out without a user is only a click."""
    if user:
        security_event(SecurityEvent.LOGGED_OUT, user.pk)


@receiver(user_login_failed, dispatch_uid="config.security_log.failed")
def _failed(credentials: dict[str, Any], **_more: Any) -> None:
    """With the id of the account that was tried, if there is one: an operator sees which account is guessed."""
    model = get_user_model()
    name = credentials.get("username") or ""
    found = model._default_manager.filter(**{model.USERNAME_FIELD: name}).values_list("pk", flat=True).first()
    security_event(SecurityEvent.LOG_IN_FAILED, found)
