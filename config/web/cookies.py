"""The cookie for messages, under a name of ours: Django has a setting for the names of all its other cookies."""

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.messages.storage.fallback import FallbackStorage
from django.contrib.messages.storage.session import SessionStorage


class MessagesCookie(CookieStorage):
    """Messages in the cookie MESSAGES_COOKIE_NAME."""

    cookie_name = settings.MESSAGES_COOKIE_NAME


class Messages(FallbackStorage):
    """In the cookie, and what is too long for it in the session."""

    storage_classes = (MessagesCookie, SessionStorage)
