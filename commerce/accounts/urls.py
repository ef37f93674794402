"""The addresses of accounts, below /account/."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from commerce.accounts import views

urlpatterns = [
    path("", views.account, name="account"),
    path("login/", views.LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("new/", views.SignUp.as_view(), name="sign-up"),
    path("new/<slug:token>/", views.NewAccount.as_view(), name="new-account"),
    path("mailed/", views.link_mailed, name="link-mailed"),
    path("password/", views.ChangePassword.as_view(), name="change-password"),
    path("password/forgotten/", views.ForgotPassword.as_view(), name="forgot-password"),
    path("password/<uidb64>/<token>/", views.NewPassword.as_view(), name="new-password"),
    path("sessions/", views.session_list, name="sessions"),
    path("sessions/end/", views.end_sessions, name="end-sessions"),
]
