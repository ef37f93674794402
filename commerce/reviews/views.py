"""The review page, opened by the link of a reminder: the link is the proof, so no login is needed."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from commerce.errors import NothingToReview, ReviewPublished
from commerce.forms import ReviewForm
from commerce.models import OrderLine, Review
from commerce.reviews import links
from commerce.reviews import service as reviews
from commerce.reviews.links import Subject

PRIVATE_HEADERS = {
    "X-Robots-Tag": "noindex, nofollow",
    # The URL is a secret. "no-referrer" would hide it from this shop as well, and Django would refuse the form, because
    # it could not verify that the form comes from this shop.
    "Referrer-Policy": "same-origin",
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, token: str) -> HttpResponse:
    """The form, the review and its state. A GET changes nothing, because mail scanners open links.

    404 if the link is not ours; 410 if it is too old, or if there is nothing to review now.
    """
    try:
        subject = links.read(token)
        line = reviews.line_of(subject)
        answer = _write(request, subject, line) if request.method == "POST" else _show(request, subject, line)
    except links.Forged:
        raise Http404 from None
    except (links.Expired, NothingToReview) as error:
        page = {"expired": isinstance(error, links.Expired)}
        answer = render(request, "commerce/review_over.html", page, status=410)
    for name, value in PRIVATE_HEADERS.items():
        answer[name] = value
    return answer


def _show(request: HttpRequest, subject: Subject, line: OrderLine) -> HttpResponse:
    written = reviews.written(subject)
    known = {"rating": written.rating, "text": written.text, "name": written.name} if written else {}
    return _page(request, line, written, ReviewForm(initial=known or {"name": line.order.name}))


def _write(request: HttpRequest, subject: Subject, line: OrderLine) -> HttpResponse:
    form, status = ReviewForm(request.POST), 200
    if form.is_valid():
        try:
            reviews.write(subject, **form.cleaned_data)
        except ReviewPublished as error:
            form.add_error(None, str(error))
            status = 409
        else:
            messages.success(request, _("Thank you. We read every review before it is shown."))
            return redirect(request.path)
    return _page(request, line, reviews.written(subject), form, status)


def _page(
    request: HttpRequest, line: OrderLine, written: Review | None, form: ReviewForm, status: int = 200
) -> HttpResponse:
    page = {"line": line, "product": line.product, "review": written, "form": form}
    return render(request, "commerce/review.html", page, status=status)
