"""Where nothing writes to django-dramatiq's table of tasks, its page would only ever be empty."""

import dramatiq
from django.contrib import admin
from django_dramatiq.middleware import AdminMiddleware
from django_dramatiq.models import Task

if not any(isinstance(middleware, AdminMiddleware) for middleware in dramatiq.get_broker().middleware):
    admin.site.unregister(Task)
