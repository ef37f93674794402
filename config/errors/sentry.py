"""Errors for Sentry: ids instead of personal data, and only the last attempt of a job."""

import logging
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.atexit import AtexitIntegration
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.django import DjangoIntegration
from sentry_sdk.integrations.dramatiq import DramatiqIntegration
from sentry_sdk.integrations.excepthook import ExcepthookIntegration
from sentry_sdk.integrations.logging import LoggingIntegration, ignore_logger
from sentry_sdk.integrations.threading import ThreadingIntegration
from sentry_sdk.types import Event, Hint

from config.errors.report import NOT_OURS
from config.errors.scrubbing import ids_of, known_secrets, scrubbed
from config.logging import context_ids

_TOLD_ABOUT = ("level", "timestamp", "event_id", "platform", "release", "environment", "transaction", "logger", "sdk")


def begin(dsn: str, release: str, **options: Any) -> None:
    """Call it before the broker is created: the integration adds its middleware to each later broker.

    No default integrations: only the fields named here are sent.
    """
    for name in NOT_OURS:
        ignore_logger(name)
        ignore_logger(f"{name}.*")
    sentry_sdk.init(
        dsn=dsn,
        release=release or None,
        before_send=_clean,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            DedupeIntegration(),
            DjangoIntegration(),
            DramatiqIntegration(),
            ExcepthookIntegration(),
            LoggingIntegration(level=None, event_level=logging.ERROR),
            ThreadingIntegration(propagate_scope=False),
        ],
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        send_default_pii=False,
        auto_session_tracking=False,
        trace_propagation_targets=[],  # send no headers of ours to the providers
        **options,
    )


def _clean(event: Event, hint: Hint) -> Event | None:
    """Drop the integration's event of each attempt: the log reports the last attempt again, and that one is sent."""
    if not hint.get("exc_info") or _mechanism(event) == DramatiqIntegration.identifier:
        return None
    secrets = known_secrets()
    told: dict[str, Any] = {name: event[name] for name in _TOLD_ABOUT if name in event}  # type: ignore[literal-required]
    told["tags"] = ids_of({**event.get("extra", {}), **context_ids()})
    told["exception"] = {"values": [_exception(value, secrets) for value in event["exception"]["values"]]}
    return told  # type: ignore[return-value]


def _mechanism(event: Event) -> str:
    values = event.get("exception", {}).get("values") or [{}]
    return str((values[-1].get("mechanism") or {}).get("type", ""))


def _exception(value: dict[str, Any], secrets: set[str]) -> dict[str, Any]:
    """Class, place and code stay; the message is scrubbed, and there are no values of variables."""
    return {**value, "value": scrubbed(str(value.get("value") or ""), secrets)}
