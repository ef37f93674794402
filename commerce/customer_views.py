"""The pages of customers with an account. An account is optional: guests order the same way."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, RedirectURLMixin
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

ORDERS_PER_PAGE = 20


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The customer's orders, newest first."""
    orders = Order.objects.filter(customer=visitors.customer(request)).order_by("-id")
    page = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "commerce/account/account.html", {"orders": page})


class LogIn(LoginView):
    """The login page. `commerce.visitors` merges the visitor's cart into the customer's."""

    template_name = "commerce/account/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        """Never this page itself: a customer who is logged in would be sent in a circle, which Django makes a 500."""
        address: str = super().get_redirect_url(*args, **kwargs)
        return "" if urlsplit(address).path == self.request.path else address


class SignUp(RedirectURLMixin, CreateView):  # type: ignore[type-arg]  # it cannot be subscripted
    """Creates an account and logs in."""

    template_name = "commerce/account/sign_up.html"
    form_class = SignUpForm
    next_page = "account"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """With the page to return to, if it belongs to this shop."""
        return super().get_context_data(**context, next=self.get_redirect_url())

    def form_valid(self, form: "ModelForm[User]") -> HttpResponse:
        user = form.save()
        login(self.request, user, backend="django.contrib.auth.backends.ModelBackend")
        return HttpResponseRedirect(self.get_success_url())
