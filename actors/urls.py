"""The URL of the web's metrics."""

from django.urls import path

from actors.metrics.page import metrics

urlpatterns = [path("metrics", metrics, name="metrics")]
