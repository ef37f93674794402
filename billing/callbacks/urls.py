"""The URLs of billing, below /callbacks/."""

from django.urls import path

from billing.callbacks import views

urlpatterns = [
    path("<slug:account>/", views.callback, name="callback"),
    # An address without its last slash is answered as well: a redirect would lose the body of a POST.
    path("<slug:account>", views.callback),
]
