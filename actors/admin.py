"""A link to the console on the admin's first page. No page for django_dramatiq's tasks: its table stays empty."""

import dramatiq
from django.contrib import admin
from django_dramatiq.middleware import AdminMiddleware
from django_dramatiq.models import Task

if not any(isinstance(middleware, AdminMiddleware) for middleware in dramatiq.get_broker().middleware):
    admin.site.unregister(Task)

admin.site.index_template = admin.site.index_template or "console/index.html"
