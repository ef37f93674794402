"""All recurring work, in one table.

The sweeps are the promise: they find every due row, also if its message was lost. Nudges make it quicker.
"""

from dataclasses import dataclass
from datetime import timedelta

import dramatiq
from django.conf import settings
from django.utils.module_loading import import_string

from actors.scheduling.periods import Cron, Every


@dataclass(frozen=True)
class Entry:
    """An actor and its period. A missed tick is caught up if it is not older than `catch_up`."""

    actor: str
    period: Every | Cron
    catch_up: timedelta = timedelta(seconds=10)


def table() -> list[Entry]:
    """The table that ACTOR_SCHEDULE names."""
    found: list[Entry] = import_string(settings.ACTOR_SCHEDULE)()
    return found


def of_billing() -> list[Entry]:
    """What every project needs."""
    return [
        Entry("check_pending_payments", Every(settings.PAYMENT_CHECK_INTERVAL_S)),
        Entry("process_waiting_callbacks", Every(2)),
        Entry("reconcile_payments", Every(300), catch_up=timedelta(minutes=5)),
        Entry("follow_refunds", Every(5)),
        Entry("prune_history", Cron("17 * * * *"), catch_up=timedelta(hours=2)),
    ]


def entries() -> list[Entry]:
    """The shop's."""
    return [
        *of_billing(),
        Entry("settle_orders", Every(2)),
        Entry("send_pending_emails", Every(5)),
        Entry("expire_orders", Every(5)),
        Entry("remind_unpaid_orders", Every(60)),
        Entry("cleanup_old_carts", Cron("0 3 * * *"), catch_up=timedelta(hours=12)),
        Entry("prune_accounts", Cron("30 3 * * *"), catch_up=timedelta(hours=12)),
        Entry("log_key_changes", Every(300), catch_up=timedelta(minutes=5)),
        Entry("erase_old_data", Cron("30 3 * * *"), catch_up=timedelta(hours=12)),
        Entry("generate_daily_report", Cron("0 0 * * *"), catch_up=timedelta(hours=23)),
        Entry("build_missing_reports", Every(300), catch_up=timedelta(minutes=5)),
        Entry("request_reviews", Cron("0 10 * * *"), catch_up=timedelta(hours=12)),
    ]


def attach() -> list["dramatiq.Actor[..., object]"]:
    """Set each entry on its actor, where periodiq's scheduler reads it (`options["periodic"]`)."""
    broker = dramatiq.get_broker()
    actors = []
    for entry in table():
        actor = broker.get_actor(entry.actor)
        actor.options.update(periodic=entry.period, catch_up=entry.catch_up)
        actors.append(actor)
    return actors
