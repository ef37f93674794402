"""The way to the console, on the first page of the admin; no page for tasks, where nothing writes to their table."""

import dramatiq
from django.contrib import admin
from django_dramatiq.middleware import AdminMiddleware
from django_dramatiq.models import Task

if not any(isinstance(middleware, AdminMiddleware) for middleware in dramatiq.get_broker().middleware):
    admin.site.unregister(Task)

admin.site.index_template = "console/index.html"
