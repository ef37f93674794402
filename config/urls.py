"""Every address of the shop."""

from django.contrib import admin
from django.urls import include, path

from config import health

urlpatterns = [
    path("healthz", health.live),
    path("readyz", health.ready),
    path("", include("actors.urls")),
    path("admin/", admin.site.urls),
    path("callbacks/", include("billing.urls")),
    path("", include("commerce.urls")),
]
