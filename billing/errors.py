"""What can go wrong with a provider, as named outcomes.

    ProviderError
    ├── Unknown              the outcome is unknown: ask again, or repeat with the same idempotency key
    │   ├── Unreachable      no connection, or it broke
    │   ├── DeadlinePassed   no whole answer in time
    │   ├── Unavailable      5xx, or 429: too many requests
    │   │   └── StoredFailure  a 5xx that repeating the same idempotency key only brings back
    │   └── BadAnswer        HTML instead of JSON, too long, a field is missing
    ├── Refused              the provider has answered, and the answer was no
    │   ├── WrongCredentials 401, 403
    │   ├── NotFound         404
    │   └── NotOffered       the provider has no such call at all
    └── NotNow               the provider was not asked: its account is down, paused, or at its limit

    Forged                   a callback that the provider did not send
    CannotReconcile          the day is not over, or somebody else is at it

A network error never decides a payment. Texts of these errors hold no secrets: they go to logs and to operators.
"""

from config.actions import ActionRefused


class ProviderError(Exception):
    """A call to a provider that brought no usable answer; `outcome` names it in logs and metrics."""

    outcome = "error"

    is_trouble = False
    """Does it speak against the whole provider? Enough of them in a row open the account's circuit breaker."""


class Unknown(ProviderError):
    """Whether the provider did what was asked is not known."""

    outcome = "unknown"


class Unreachable(Unknown):
    outcome = "unreachable"
    is_trouble = True


class DeadlinePassed(Unknown):
    outcome = "deadline_passed"
    is_trouble = True


class Unavailable(Unknown):
    """The provider is busy or broken; `retry_after_s` is its own wish, if it told one."""

    outcome = "unavailable"
    is_trouble = True

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StoredFailure(Unavailable):
    outcome = "stored_failure"


class BadAnswer(Unknown):
    outcome = "bad_answer"


class Refused(ProviderError):
    """The provider understood and said no."""

    outcome = "refused"


class WrongCredentials(Refused):
    outcome = "wrong_credentials"


class NotFound(Refused):
    outcome = "not_found"


class NotOffered(Refused):
    """Raised by the adapter itself, without asking: this provider's API cannot do it for anybody."""

    outcome = "not_offered"


class NotNow(ProviderError):
    """The provider was not asked at all; to be tried again soon, and no error of the row it was about."""

    outcome = "not_now"


class Forged(Exception):
    """A callback that cannot be the provider's: the signature is wrong, or too old, or it came from elsewhere."""


def is_definite_no(error: ProviderError) -> bool:
    """Did the provider refuse the thing itself? Keys that do not fit, or an id it does not know, may be our mistake."""
    return isinstance(error, Refused) and not isinstance(error, WrongCredentials | NotFound)


class CannotReconcile(ActionRefused):
    """The day was not compared; the message says why."""
