"""The URLs of billing, below /callbacks/."""

from django.urls import path

from billing.callbacks import views

urlpatterns = [path("<slug:account>/", views.callback, name="callback")]
