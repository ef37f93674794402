"""The addresses of the console, below /admin/console/."""

from django.urls import path

from actors.console.acts import ACTS
from actors.console.pages import PAGES
from actors.console.views import act_view, page_view

app_name = "console"
urlpatterns = [
    *(path(page.path, page_view(page), name=page.name) for page in PAGES),
    *(path(f"act/{act.name}/", act_view(act), name=act.name) for act in ACTS),
]
