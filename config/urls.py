"""Every address of the shop."""

from django.contrib import admin
from django.urls import include, path

from config.health import web

handler400 = "config.web.trouble.bad_request"
handler500 = "config.web.trouble.page"

urlpatterns = [
    path("healthz", web.live),
    path("readyz", web.ready),
    path("", include("actors.urls")),
    path("admin/console/", include("actors.console.urls")),
    path("admin/", include("commerce.staff.urls")),
    path("admin/", admin.site.urls),
    path("callbacks/", include("billing.callbacks.urls")),
    path("", include("commerce.urls")),
]
