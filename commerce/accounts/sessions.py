"""The browsers in which a customer is logged in, and their end.

Each has a row beside its session. It is written at the log-in, and once on each day on which the browser opens a page.
So a session that began before these rows existed gets one as well.
"""

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from commerce import visitors
from commerce.models import LogIn

NOTED, SINCE = "noted", "since"
"""In the session: the day and key that the row has, and the time of the log-in. A new password changes the key."""

FAMILIES = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("YaBrowser/", "Yandex"), ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("CriOS/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
"""Marks in the header User-Agent, the more special ones first: most browsers also name others."""


def note(request: HttpRequest) -> None:
    """Write the row of a browser that is logged in. A page that did not read the session does not read it now."""
    session = request.session
    if not session.accessed or SESSION_KEY not in session:
        return
    now, today = timezone.now(), timezone.localdate()
    if not session.session_key:
        session.create()
    noted = [today.isoformat(), session.session_key]
    if session.get(NOTED) == noted:
        return
    since = parse_datetime(session.setdefault(SINCE, now.isoformat())) or now
    user_id, browser = int(session[SESSION_KEY]), _family(request)
    row = LogIn(pk=session.session_key, user_id=user_id, since=since, seen_on=today, browser=browser)
    # One statement: requests of one session at once may write the row, or end the session, between two of them.
    LogIn.objects.bulk_create(
        [row], update_conflicts=True, unique_fields=["session"], update_fields=["user", "since", "seen_on", "browser"]
    )
    session[NOTED] = noted


def of(request: HttpRequest) -> QuerySet[LogIn]:
    """The user's browsers, the newest first."""
    theirs = LogIn.objects.filter(user=visitors.customer(request))
    return theirs.filter(session__expire_date__gt=timezone.now()).order_by("-since", "pk")


def end_others(request: HttpRequest) -> int:
    """End all sessions of this user but this one: the sessions are deleted. Returns how many."""
    others = LogIn.objects.filter(user=visitors.customer(request)).exclude(session_id=request.session.session_key)
    _, deleted = Session.objects.filter(pk__in=list(others.values_list("pk", flat=True))).delete()
    return deleted.get(Session._meta.label, 0)


def _family(request: HttpRequest) -> str:
    agent = request.META.get("HTTP_USER_AGENT", "")
    return next((family for mark, family in FAMILIES if mark in agent), "")
