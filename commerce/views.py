"""The pages up to the order. The work is done by `carts`, `orders` and `billing.payments.service`."""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.core.paginator import InvalidPage, Page, Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.payments import service as payments
from commerce import carts, delivery, orders, visitors
from commerce.catalogue import LONGEST_QUERY, PER_PAGE, for_sale
from commerce.errors import CannotOrder, EmptyCart
from commerce.forms import AddForm, CheckoutForm, QuantityForm
from commerce.metrics import ORDERS_REFUSED_TOTAL
from commerce.models import FOR_SALE, Cart, Order, Product
from commerce.order_views import to_provider
from commerce.reviews import ratings
from config.web.headers import form_leads_to_provider
from config.web.networks import network_key


@require_safe
def catalogue(request: HttpRequest) -> HttpResponse:
    """The products for sale, or the search results, in pages. A page that does not exist is a 404."""
    query = " ".join(request.GET.get("q", "")[:LONGEST_QUERY].split())
    pages = Paginator(for_sale(query, get_language()), PER_PAGE)
    shown = _page_of(pages, request)
    page = {"query": query, "longest_query": LONGEST_QUERY, "shown": shown}
    return render(request, "commerce/catalogue.html", {**page, "rated": ratings.with_ratings(list(shown))})


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """One product with its reviews, in pages."""
    shown = get_object_or_404(Product, FOR_SALE, slug=slug)
    [(_shown, rating)] = ratings.with_ratings([shown])
    page = {"product": shown, "most": min(shown.stock, carts.MAX_QUANTITY)}
    reviews = {"rating": rating, "reviews": _page_of(ratings.published(shown), request)}
    return render(request, "commerce/product.html", {**page, **reviews})


@require_POST
def add_to_cart(request: HttpRequest) -> HttpResponse:
    """Adds a quantity of a product, 1 by default."""
    chosen = get_object_or_404(Product, FOR_SALE, pk=_whole_number(request.POST.get("product")))
    form = AddForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That quantity cannot be ordered."))
        return redirect(chosen)
    quantity = form.cleaned_data["quantity"] or 1
    visitors.change_cart(request, lambda cart: carts.add(cart, chosen, quantity))
    messages.success(request, _("“%(product)s” is in your cart.") % {"product": chosen.title})
    return redirect("cart")


@never_cache
@require_safe
def cart(request: HttpRequest) -> HttpResponse:
    """The visitor's cart."""
    visitors_cart = visitors.cart(request)
    items = carts.items(visitors_cart)
    if not items:
        _find_again(request, visitors_cart)
    total = carts.total(items)
    page = {"items": items, "total": total, "in_cart": len(items), "can_be_ordered": carts.can_be_ordered(items)}
    page["delivery_costs"] = any(offer.method.price_minor for offer in delivery.offers(items))
    return render(request, "commerce/cart.html", page)


@require_POST
def change_cart(request: HttpRequest) -> HttpResponse:
    """Changes the quantity of one product."""
    form, visitors_cart = QuantityForm(request.POST), visitors.cart(request)
    if form.is_valid() and visitors_cart:
        with suppress(carts.CartGone):  # the next page shows the current cart
            carts.set_quantity(visitors_cart, form.cleaned_data["product"], form.cleaned_data["quantity"])
    else:
        messages.error(request, _("That quantity cannot be ordered."))
    return redirect("cart")


@form_leads_to_provider
@never_cache
@require_http_methods(["GET", "POST"])
def checkout(request: HttpRequest) -> HttpResponse:
    """Shows the form; places the order and redirects the customer to the provider's page."""
    visitors_cart, buyer = visitors.cart(request), visitors.customer(request)
    items = carts.items(visitors_cart)
    total = carts.total(items)
    known = {"email": buyer.email, "name": buyer.first_name} if buyer else {}
    form = CheckoutForm(request.POST or None, initial=known, offers=delivery.offers(items))
    if visitors_cart is None or not items:
        return _nothing_to_order(request, visitors_cart)
    if request.method != "POST" and not carts.can_be_ordered(items):
        messages.error(request, _("Some items in your cart are not available. Please change the marked ones."))
        return redirect("cart")
    if request.method == "POST" and form.is_valid():
        language, network = get_language() or "en", network_key(request)
        customer = orders.Customer(**form.customer, language=language, account=buyer, network=network)
        try:
            order, payment = orders.place(visitors_cart, customer, form.wishes)
        except EmptyCart:
            return _nothing_to_order(request, visitors_cart)
        except CannotOrder as error:
            ORDERS_REFUSED_TOTAL.labels(error.reason).inc()
            form.add_error(None, str(error))
        else:
            visitors.remember(request, order)
            return to_provider(order, payments.introduce(payment))
    page = {"form": form, "items": items, "total": total, "in_cart": len(items)}
    page["fingerprint"] = delivery.fingerprint(items, None)
    return render(request, "commerce/checkout.html", page, status=409 if form.non_field_errors() else 200)


def _nothing_to_order(request: HttpRequest, visitors_cart: Cart | None) -> HttpResponse:
    """A second click on "order" finds the cart empty, and leads to the order of the first click."""
    if placed := _find_again(request, visitors_cart):
        return redirect("order", placed.public_id)
    messages.error(request, _("Your cart is empty."))
    return redirect("cart")


def _find_again(request: HttpRequest, visitors_cart: Cart | None) -> Order | None:
    """The order that the visitor's empty cart has become, if the browser does not know it, or clicks again.

    It is found by the cart: the request that placed it stores its session at its end, and may still wait for the
    provider, or have failed there. A customer's orders are found by the account.
    """
    clicks = request.method == "POST"
    if visitors_cart is None or (visitors_cart.customer_id and not clicks):
        return None
    placed = orders.placed_from(visitors_cart)
    if placed is None or (visitors.may_see(request, placed) and not clicks):
        return None
    visitors.remember(request, placed)
    return placed


def _page_of(pages: "Paginator[Any]", request: HttpRequest) -> "Page[Any]":
    """The requested page, the first by default. Raises Http404 if it does not exist."""
    try:
        return pages.page(_whole_number(request.GET.get("page", "1")))
    except InvalidPage:
        raise Http404 from None


def _whole_number(value: str | None) -> int:
    if value is None or not value.isdecimal() or len(value) > 18:
        raise Http404
    return int(value)
