"""The web's metrics page, for permitted networks."""

import logging
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from actors.metrics import page
from config.web.proxies import sender

log = logging.getLogger(__name__)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """403 for strangers. In the embedded mode this page is that of workers and scheduler too."""
    if not _is_allowed(request):
        log.warning("metrics.refused", extra={"sender": request.META.get("REMOTE_ADDR", "")})
        return HttpResponse("Only networks in METRICS_ALLOWED may read this.\n", status=403, content_type="text/plain")
    status, content_type, body = page.of_web() if settings.BROKER_URL else page.of_everything()
    return HttpResponse(body, status=status, content_type=content_type)


def _is_allowed(request: HttpRequest) -> bool:
    """An unknown proxy makes strangers look like neighbours: all have its address."""
    forwarded_for = request.headers.get("X-Forwarded-For", "")
    if forwarded_for and not settings.TRUSTED_PROXIES:
        return False
    found = sender(request.META.get("REMOTE_ADDR", ""), forwarded_for, settings.TRUSTED_PROXIES)
    return bool(found) and any(ip_address(found) in network for network in settings.METRICS_ALLOWED)
