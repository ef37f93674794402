"""The pages of customers with an account. An account is optional: guests order the same way."""

from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.forms import Form, ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import CreateView, FormView

from commerce import visitors
from commerce.accounts import mails, sessions, throttling
from commerce.accounts.forms import AddressForm, ChangePasswordForm, LoginForm, NewAccountForm, NewPasswordForm
from commerce.models import Order
from config.security_log import SecurityEvent, security_event

ORDERS_PER_PAGE = 20
BACKEND = "django.contrib.auth.backends.ModelBackend"


@never_cache
@require_safe
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """The customer's orders, newest first."""
    orders = Order.objects.filter(customer=visitors.customer(request)).order_by("-id")
    page = Paginator(orders, ORDERS_PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "commerce/account/account.html", {"orders": page})


class LogIn(auth.LoginView):
    """The login page. `commerce.visitors` merges the visitor's cart into the customer's."""

    template_name = "commerce/account/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def get_redirect_url(self, *args: Any, **kwargs: Any) -> str:
        """Never this page itself: a customer who is logged in would be sent in a circle, which Django makes a 500."""
        address: str = super().get_redirect_url(*args, **kwargs)
        return "" if urlsplit(address).path == self.request.path else address


class AskForLink(auth.RedirectURLMixin, FormView):  # type: ignore[type-arg]  # it cannot be subscripted
    """Mails a link to an address. The answer is the same for every address."""

    form_class = AddressForm
    next_page = "account"
    event: SecurityEvent

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """With the page to return to, if it belongs to this shop."""
        return super().get_context_data(**context, next=self.get_redirect_url())

    def form_valid(self, form: Form) -> HttpResponse:
        """Raises Throttled."""
        email = form.cleaned_data["email"]
        throttling.admit(self.request, throttling.Purpose.MAIL, email)
        with transaction.atomic():
            user_id = mails.send_link(email, get_language() or "en", self.get_redirect_url())
        security_event(self.event, user_id)
        return redirect("link-mailed")


class SignUp(AskForLink):
    """Asks for the address of a new account."""

    template_name = "commerce/account/sign_up.html"
    event = SecurityEvent.SIGN_UP_ASKED


class ForgotPassword(AskForLink):
    """Asks for the address of an account."""

    template_name = "commerce/account/forgot_password.html"
    event = SecurityEvent.PASSWORD_RESET_ASKED


@require_safe
def link_mailed(request: HttpRequest) -> HttpResponse:
    """Look into your mailbox."""
    return render(request, "commerce/account/link_mailed.html")


class NewAccount(auth.RedirectURLMixin, CreateView):  # type: ignore[type-arg]
    """Creates the account of the address to which this link was mailed, and logs in."""

    template_name = "commerce/account/new_account.html"
    form_class = NewAccountForm
    next_page = "account"
    email: str

    def dispatch(self, request: HttpRequest, *args: Any, token: str, **kwargs: Any) -> HttpResponseBase:
        """410 for a link that is too old. A link that was used leads to the log-in."""
        self.email = mails.address_of(token) or ""
        if not self.email:
            return render(request, "commerce/account/link_over.html", status=410)
        if User.objects.filter(username=self.email).exists():
            return self._exists()
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """The password must not be like the address."""
        return {**super().get_form_kwargs(), "instance": User(username=self.email, email=self.email)}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**context, email=self.email, next=self.get_redirect_url())

    def form_valid(self, form: "ModelForm[User]") -> HttpResponse:
        """Of two clicks at once, one creates the account."""
        try:
            with transaction.atomic():
                user = form.save()
        except IntegrityError:
            return self._exists()
        security_event(SecurityEvent.SIGNED_UP, user.pk)
        login(self.request, user, backend=BACKEND)
        return HttpResponseRedirect(self.get_success_url())

    def _exists(self) -> HttpResponse:
        messages.info(self.request, _("This account exists already. Please log in."))
        return redirect("login")


class NewPassword(auth.PasswordResetConfirmView):
    """Sets a new password for the holder of a mailed link, ends all sessions, and logs in."""

    template_name = "commerce/account/new_password.html"
    form_class = NewPasswordForm
    success_url = reverse_lazy("account")
    post_reset_login = True
    post_reset_login_backend = BACKEND

    def get_user(self, uidb64: str) -> User | None:
        """Staff set a new password in the admin, or ask a colleague."""
        user = super().get_user(uidb64)
        return user if isinstance(user, User) and user.is_active and not user.is_staff else None

    def form_valid(self, form: "SetPasswordForm[User]") -> HttpResponse:
        answer = super().form_valid(form)
        _password_is_new(self.request)
        security_event(SecurityEvent.PASSWORD_RESET, self.request.user.pk)
        return answer


class ChangePassword(auth.PasswordChangeView):
    """Sets a new password and ends all other sessions."""

    template_name = "commerce/account/change_password.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("sessions")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        answer = super().form_valid(form)
        _password_is_new(self.request)
        messages.success(self.request, _("You have a new password. All other browsers are logged out."))
        return answer


def _password_is_new(request: HttpRequest) -> None:
    """The old one was right, or a link has proved the address. Django refuses sessions with the old password; they also
    leave the list."""
    assert isinstance(request.user, User)  # noqa: S101 - both views have logged in
    throttling.succeeded(request, request.user.username)
    sessions.end_others(request)


@never_cache
@require_safe
@login_required
def session_list(request: HttpRequest) -> HttpResponse:
    """Where the customer is logged in."""
    context = {"logins": sessions.of(request), "here": request.session.session_key}
    return render(request, "commerce/account/sessions.html", context)


@require_POST
@login_required
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Log out all other browsers."""
    ended = sessions.end_others(request)
    security_event(SecurityEvent.SESSIONS_ENDED, request.user.pk, sessions=ended)
    messages.success(request, _("All other browsers are logged out."))
    return HttpResponseRedirect(reverse("sessions"))
