"""The URL of the web's metrics."""

from django.urls import path

from actors.metrics import views

urlpatterns = [path("metrics", views.metrics, name="metrics")]
