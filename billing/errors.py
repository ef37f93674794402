"""What can go wrong with a provider, as named outcomes.

    ProviderError
    ├── Unknown              was it done? ask again, or repeat with the same idempotency key
    │   ├── Unreachable      no connection, or it broke
    │   ├── DeadlinePassed   no whole answer in time
    │   ├── Unavailable      5xx, or 429: too many requests
    │   │   └── StoredFailure  a 5xx that repeating the same idempotency key only brings back
    │   └── BadAnswer        HTML instead of JSON, too long, a field is missing
    ├── Refused              the provider answered, and the answer was no
    │   ├── AmountNotAccepted  too small, too fine, or in another currency than the provider takes
    │   ├── WrongCredentials 401, 403
    │   ├── NotFound         404
    │   └── NotOffered       the provider's API has no such call
    └── NotNow               the provider was not asked: its account is down, paused, or at its limit

    Forged                   a callback that the provider did not send
    CannotReconcile          the day is not over, or another process compares it

A network error never decides a payment. The texts of these errors hold no secrets: they go to logs and to operators.
"""

from billing.money import Money
from config.actions import ActionRefused


class ProviderError(Exception):
    """A call to a provider without a usable answer; `outcome` names the error in logs and metrics."""

    outcome = "error"

    is_trouble = False
    """Is the whole provider in trouble? Enough such errors in a row open the account's circuit breaker."""

    retry_after_s: float | None = None
    """The wait that the provider asked for, if any."""


class Unknown(ProviderError):
    outcome = "unknown"


class Unreachable(Unknown):
    outcome = "unreachable"
    is_trouble = True


class DeadlinePassed(Unknown):
    outcome = "deadline_passed"
    is_trouble = True


class Unavailable(Unknown):
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
    outcome = "refused"

    code = ""
    """The provider's short code for its reason, if it gave one."""


class WrongCredentials(Refused):
    outcome = "wrong_credentials"


class NotFound(Refused):
    outcome = "not_found"


class NotOffered(Refused):
    """Raised by the adapter itself, without a call: this provider's API cannot do it."""

    outcome = "not_offered"


class AmountNotAccepted(Refused):
    """Raised by the adapter itself, before anything is sent: the provider does not take this amount.

    `smallest` is the least amount that it takes in this currency; None if it does not take the currency, or not so
    many decimals.
    """

    outcome = "amount_not_accepted"

    def __init__(self, message: str, smallest: Money | None = None) -> None:
        super().__init__(message)
        self.smallest = smallest


class NotNow(ProviderError):
    """The provider was not asked at all. Try again soon; it does not count as an error of the row."""

    outcome = "not_now"


class Forged(Exception):
    """A callback that the provider cannot have sent: a wrong or old signature, or a foreign address."""


def is_definite_no(error: ProviderError) -> bool:
    """Did the provider refuse the request itself? Wrong credentials or an unknown id may be our mistake."""
    return isinstance(error, Refused) and not isinstance(error, WrongCredentials | NotFound)


class CannotReconcile(ActionRefused):
    """The day was not compared; the message tells the operator why."""
