"""Mails: send again what was given up."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from actors.console.access import ACT
from actors.console.acting import Act, Subject
from billing.lookup import number_in
from commerce import notifications
from commerce.models import Notification


def _given_up(key: str) -> Subject | None:
    """Named with what is to be known before it is sent again."""
    mail = Notification.objects.defer("text", "html").filter(Q(pk=number_in(key))).first()
    return Subject(key, f"{mail.get_kind_display()} → {mail.recipient}: {mail.error}", mail) if mail else None


def _again(key: str, by: str, why: str) -> bool:
    return notifications.send_again(int(key))


ACTS = (
    Act(
        "send-mail-again", _("Send again"),
        _("The same mail is tried again. One that may have been sent already may arrive twice."),
        (ACT, "commerce.change_notification"), _given_up, _again, _("Mails that are sent again"),
        _("Mails that were not given up"), asks_why=True,
    ),
)  # fmt: skip
