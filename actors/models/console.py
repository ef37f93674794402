"""What the console's permissions hang on."""

from typing import ClassVar

from django.db import models


class Console(models.Model):
    """No table: the console shows what stands in other tables. Its permissions are given to people and groups."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions: ClassVar = [
            ("console_read", "May see the console"),
            ("console_act", "May act in the console: look now, run again, send again"),
            ("console_configure", "May pause queues and schedules, and switch providers, in the console"),
        ]
        verbose_name = "console"

    def __str__(self) -> str:
        return "console"
