"""The URLs of the console, below /admin/console/."""

from django.urls import path

from actors.console.actions import ACTIONS
from actors.console.pages import PAGES
from actors.console.views import action_view, page_view

app_name = "console"
urlpatterns = [
    *(path(page.path, page_view(page), name=page.name) for page in PAGES),
    *(path(f"act/{action.name}/", action_view(action), name=action.name) for action in ACTIONS),
]
