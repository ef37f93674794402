"""Pages about the log-ins of staff, below /admin/."""

from django.urls import path

from commerce.staff import views

urlpatterns = [
    path("confirm/", views.confirm, name="confirm-login"),
    path("second-factor/", views.set_up, name="second-factor"),
]
