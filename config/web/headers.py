"""Headers that tell browsers what a page may do, and that no cache keeps it.

One policy for every page; no template has a script or a style of its own. django-csp was considered: it has nonces,
reports and per-view settings, none of which these pages need, and a policy is one string.
"""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers

CSP = "Content-Security-Policy"

DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "object-src": "'none'",
    "frame-ancestors": "'none'",
}
"""W3C CSP level 3, and OWASP ASVS 5.0.0, 3.4.3. The only frame is that of a mail of a trial."""

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("accelerometer", "camera", "geolocation", "gyroscope", "microphone", "payment", "usb")
)
"""The pages use none of them; providers ask for a card on pages of their own."""

View = Callable[..., HttpResponse]


def policy(**changes: str) -> str:
    """The policy, with other sources for some directives: `policy(form_action="'self' https:")`."""
    directives = DIRECTIVES | {name.replace("_", "-"): sources for name, sources in changes.items()}
    return "; ".join(f"{name} {sources}" for name, sources in directives.items())


class PageHeaders:
    """Middleware, before all that may answer. What a view sets itself stays."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        answer.headers.setdefault(CSP, policy())
        answer.headers.setdefault("Permissions-Policy", PERMISSIONS)
        if "Cache-Control" not in answer:  # static files have one; every page may show a cart, an order or an account
            add_never_cache_headers(answer)
        return answer


def form_leads_to_provider(view: View) -> View:
    """A form of the page is answered with a redirect to a provider's page, which may lead on to a bank's.

    Chromium applies form-action to every redirect that follows a form. Which banks there are, only the provider knows.
    """

    @wraps(view)
    def with_policy(request: HttpRequest, **path: str) -> HttpResponse:
        answer = view(request, **path)
        answer.headers[CSP] = policy(form_action=f"'self' {' '.join(_schemes())}")
        return answer

    return with_policy


def _schemes() -> list[str]:
    """Only https, and http where a provider is reached so: the sandbox on loopback."""
    is_plain = any(str(account.get("url", "")).startswith("http:") for account in settings.PAYMENT_ACCOUNTS.values())
    return ["https:", *["http:"] * is_plain]
