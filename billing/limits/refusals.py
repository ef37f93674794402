"""Refusals to create: the provider answers, and takes none of our payments.

The mistake is ours, in a setting or a form. Refusals in a row are counted by account; one created payment ends the row.
"""

import logging
from collections.abc import Sequence

from billing.errors import AmountNotAccepted, Refused
from billing.limits.breaker import known, locked
from config.due.queue import database_now

log = logging.getLogger(__name__)


def note(account: str, outcomes: Sequence[object]) -> None:
    """Note the outcomes of attempts to create payments, in their order. Writes only news.

    Of a refusal it keeps the provider's code and the parameter's name. An amount that is not accepted says nothing
    about the account.
    """
    for outcome in outcomes:
        if isinstance(outcome, Refused) and not isinstance(outcome, AmountNotAccepted):
            _note_refusal(account, str(outcome))
        elif not isinstance(outcome, Exception) and known(account).creations_refused:
            with locked(account) as state:
                state.creations_refused, state.refused_since = 0, None
                state.save(update_fields=["creations_refused", "refused_since"])
            log.warning("provider.creates_again", extra={"account": account})


def _note_refusal(account: str, text: str) -> None:
    with locked(account) as state:
        if not state.creations_refused:
            state.refused_since = database_now()
            log.error("provider.refuses_to_create", extra={"account": account, "error": text})
        state.creations_refused += 1
        state.last_refusal = text[:200]
        state.save(update_fields=["creations_refused", "refused_since", "last_refusal"])
