"""The pages of one order.

Its id, in their addresses, shows the state and what is to be paid, and lets anyone pay: that harms no customer. The
name, the addresses and the goods, the receipt, and what only the customer may do, need `visitors.may_see`.
"""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from billing.models import AskedBy, Payment
from billing.payments import service as payments
from commerce import carts, orders, visitors
from commerce.errors import CannotOrder
from commerce.mail import order_link
from commerce.models import Order, OrderStatus
from commerce.order_state import ADVICE, State, state_of
from commerce.timeline import for_customer
from config.web.headers import form_leads_to_provider


def for_its_customer(view: Callable[[HttpRequest, Order], HttpResponse]) -> Callable[..., HttpResponse]:
    """Only for a visitor who `may_see` the order; others get a 403 that says how they can."""

    @wraps(view)
    def guarded(request: HttpRequest, public_id: str) -> HttpResponse:
        shown = _order(public_id)
        if not visitors.may_see(request, shown):
            return render(request, "commerce/order_elsewhere.html", {"order": shown}, status=403)
        return view(request, shown)

    return guarded


@form_leads_to_provider
@never_cache
@require_safe
def order(request: HttpRequest, public_id: str) -> HttpResponse:
    """The state of the order and of its payment, and the order itself if the visitor may see it. It updates itself."""
    shown, payment = _order(public_id), payments.latest(public_id)
    is_theirs = visitors.may_see(request, shown)
    email = shown.email if is_theirs else _("the address in the order")
    page = {"order": shown, "is_theirs": is_theirs, "email": email, "payment": payment}
    page |= {"lines": shown.lines.all(), "history": for_customer(shown)} if is_theirs else {}
    state = {"state": state_of(shown, payment, timezone.now()), "states": list(State), "advice": ADVICE.items()}
    return render(request, "commerce/order.html", {**page, **state})


@never_cache
@require_safe
def order_from_mail(request: HttpRequest, public_id: str, token: str) -> HttpResponse:
    """The link in the customer's mails. The page itself has the address without the token."""
    shown = _order(public_id)
    if order_link.is_genuine(shown, token) and not visitors.may_see(request, shown):
        visitors.has_mail_link(request, shown)
    answer = redirect("order", public_id)
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@never_cache
@require_safe
@for_its_customer
def receipt(request: HttpRequest, shown: Order) -> HttpResponse:
    """The receipt, to print; a 404 before the order is paid."""
    if shown.paid_with is None:
        raise Http404
    return render(request, "commerce/receipt.html", {"order": shown, "lines": shown.lines.all()})


@never_cache
@require_safe
def order_state(request: HttpRequest, public_id: str) -> HttpResponse:
    """Polled by the open order page, until `final`. The page changes when `state` or `advice` does."""
    shown, payment = _order(public_id), payments.latest(public_id)
    state = state_of(shown, payment, timezone.now())
    advice = payment.advice if payment else ""
    return JsonResponse({"state": state, "advice": advice, "final": not shown.awaits_payment})


@require_safe
def order_return(request: HttpRequest, public_id: str) -> HttpResponse:
    """The provider redirects the customer here: a reason to check the payment, and no proof of anything."""
    shown = _order(public_id)
    if shown.awaits_payment:
        payments.check_reference_now(public_id, AskedBy.RETURN)
    return redirect("order", public_id)


@require_POST
def pay(request: HttpRequest, public_id: str) -> HttpResponse:
    """Redirects to the provider's page of the open payment, or of a new one if the last one failed."""
    shown = _order(public_id)
    try:
        started = orders.pay_again(public_id)
    except payments.PaymentUnresolved:
        return to_provider(shown, payments.latest(public_id))
    except CannotOrder as error:
        messages.error(request, str(error))
        return redirect("order", public_id)
    if started is None:
        messages.error(request, _("This order can no longer be paid."))
        return redirect("order", public_id)
    return to_provider(shown, payments.introduce(started))


@require_POST
@for_its_customer
def cancel(request: HttpRequest, shown: Order) -> HttpResponse:
    """Cancels for the customer; the order page shows the outcome."""
    if not orders.cancel(shown.public_id):
        messages.error(request, _("This order can no longer be cancelled."))
    return redirect("order", shown.public_id)


@require_POST
@for_its_customer
def order_again(request: HttpRequest, ended: Order) -> HttpResponse:
    """Puts what an order that ended unpaid had into the visitor's cart, and says what is missing."""
    if ended.status not in (OrderStatus.CANCELED, OrderStatus.EXPIRED):
        return redirect("order", ended.public_id)
    lines = list(ended.lines.select_related("product__seller"))
    for missing in visitors.change_cart(request, lambda cart: carts.fill(cart, lines)):
        messages.error(request, str(missing))
    return redirect("cart")


def to_provider(order: Order, payment: Payment | None) -> HttpResponse:
    """Redirects to the provider's page, or to the order if the customer cannot pay there now."""
    if payment and state_of(order, payment, timezone.now()) in (State.PAY, State.AWAY):
        return redirect(payments.pay_page(payment))
    return redirect("order", order.public_id)


def _order(public_id: str) -> Order:
    return get_object_or_404(Order, public_id=public_id)
