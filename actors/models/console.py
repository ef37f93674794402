"""The model behind the console's permissions."""

from typing import ClassVar

from django.db import models


class Console(models.Model):
    """A model without a table: the console shows rows of other tables. Users and groups get its permissions."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions: ClassVar = [
            ("console_read", "May see the console"),
            ("console_act", "May act in the console: check now, run again, send again"),
            ("console_configure", "May pause queues and schedules, and switch providers, in the console"),
        ]
        verbose_name = "console"

    def __str__(self) -> str:
        return "console"
