"""A decision about money needs a log-in that is fresh: a browser that was left open, or a stolen cookie, is not enough.

The log-in stamps the session; so does the page that asks for the password again. What was typed meanwhile comes back.
"""

import time
from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from config.actions.pages import keep_typed

FRESH_S = 900.0
"""Age of a log-in that may decide about money. OWASP ASVS 5.0.0, 7.5.3, asks for a new one before sensitive deeds; 15
minutes are the idle limit of NIST SP 800-63B-4, AAL3."""

STAMP = "logged_in_at"


@receiver(user_logged_in, dispatch_uid="commerce.staff.fresh")
def stamp(request: HttpRequest, **_more: Any) -> None:
    """The person has just shown who they are."""
    request.session[STAMP] = time.time()


def is_fresh(request: HttpRequest) -> bool:
    """A stamp of the future is none: a clock was set back."""
    age_s = time.time() - float(request.session.get(STAMP, 0))
    return 0 <= age_s <= FRESH_S


def to_confirm(request: HttpRequest) -> HttpResponse | None:
    """Send an old log-in to the page that asks again; None: it is fresh."""
    if is_fresh(request):
        return None
    keep_typed(request)
    return HttpResponseRedirect(f"{reverse('confirm-login')}?{urlencode({'next': request.get_full_path()})}")
