"""The pages of customers who have an account. Nobody needs one: a guest orders in the same way."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, LogoutView, RedirectURLMixin
from django.core.paginator import Paginator
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import CreateView

from commerce import visitors
from commerce.forms import LoginForm, SignUpForm
from commerce.models import Order

if TYPE_CHECKING:
    CreateUserView = CreateView[User, ModelForm[User]]
else:
    # Django's class takes models in brackets only for the type checker.
    CreateUserView = CreateView

ORDERS_PER_PAGE = 20


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The customer's orders, the last one first."""
    orders = Order.objects.filter(customer=visitors.customer(request)).order_by("-id")
    page = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "commerce/account/account.html", {"orders": page, "in_cart": visitors.in_cart(request)})


class _ShowsCart:
    """The header says what is in the cart, here as everywhere."""

    request: HttpRequest

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        more: dict[str, Any] = super().get_context_data(**context)  # type: ignore[misc]
        return {**more, "in_cart": visitors.in_cart(self.request)}


class LogIn(_ShowsCart, LoginView):
    """What was in the visitor's cart is in the customer's afterwards; see `commerce.visitors`."""

    template_name = "commerce/account/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


class LogOut(LogoutView):
    """The cart stays with the customer, and the browser knows nothing of it any more."""


class SignUp(_ShowsCart, RedirectURLMixin, CreateUserView):
    """A new account, logged in at once."""

    template_name = "commerce/account/sign_up.html"
    form_class = SignUpForm
    next_page = "account"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Where the visitor wanted to be, if that is a page of this shop."""
        return super().get_context_data(**context, next=self.get_redirect_url())

    def form_valid(self, form: "ModelForm[User]") -> HttpResponse:
        user = form.save()
        login(self.request, user, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponseRedirect(self.get_success_url())
