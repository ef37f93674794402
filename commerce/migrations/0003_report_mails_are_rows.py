"""Moves the state of report mails into rows of `Notification`, and removes the old columns from the model.

The columns stay in the database for the previous release, and are dropped by a later one. Its code may still run: it
finds nothing to send, and if one of its workers is sending now, it loses its claim.
"""

from datetime import timedelta

from django.conf import settings
from django.db import migrations
from django.utils import timezone

UNCERTAIN = "it may have been sent"

OLD_WORKERS_ARE_GONE = timedelta(minutes=30)
"""The previous release gives up a mail of an unknown kind. So a due mail waits this long."""


def write_rows(apps, editor):
    """A row for each report and current recipient. The text of a sent mail was not stored: the new one is a link."""
    reports = apps.get_model("commerce", "DailyReport").objects.using(editor.connection.alias)
    for report in reports.exclude(mail_state="none").select_for_update().order_by("pk"):
        for number, recipient in enumerate(sorted(set(settings.REPORT_RECIPIENTS)), start=1):
            report.notifications.create(
                kind="report",
                recipient=recipient,
                subject=f"Report of {report.day}",
                text=f"{settings.SHOP_URL}/reports/{report.day}/\n",
                message_id=f"<report-{report.day}.{number}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2].rstrip('>')}>",
                **outcome(report),
            )
    reports.filter(mail_state="queued").update(mail_state="uncertain", mail_after=None, claims=0, errors=0)


def outcome(report):
    """The columns for a mail in this state."""
    why = report.mail_error.removeprefix(f"{UNCERTAIN}: ")
    if report.mail_state == "queued" and report.claims == 0:
        return {"status": "queued", "send_after": timezone.now() + OLD_WORKERS_ARE_GONE, "error": report.mail_error}
    if report.mail_state == "sent":
        return {"status": "sent", "sent_at": report.mailed_at}
    if report.mail_state == "given_up":
        return {"status": "given_up", "error": why}
    return {"status": "given_up", "error": f"{UNCERTAIN}: {why or 'the shop was upgraded meanwhile'}"[:200]}


def delete_rows(apps, editor):
    """The previous release can neither send nor show these rows."""
    apps.get_model("commerce", "Notification").objects.using(editor.connection.alias).filter(kind="report").delete()


class Migration(migrations.Migration):
    dependencies = [("commerce", "0002_report_mails")]

    operations = [
        migrations.RunPython(write_rows, delete_rows),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("dailyreport", "report_mail_is_due_until_its_end"),
                migrations.RemoveIndex("dailyreport", "report_mail_due"),
                *(
                    migrations.RemoveField("dailyreport", name)
                    for name in (
                        "mail_state", "mail_after", "mail_error", "mailed_at", "claims", "errors", "asked_by",
                    )
                ),
            ]
        ),
    ]  # fmt: skip
