"""The web process for gunicorn: `gunicorn config.wsgi`."""

import os

from config.web import handler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = handler.application()
