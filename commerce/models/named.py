"""Models whose name customers read, in one of the shop's languages."""

from django.db import models
from django.utils.translation import get_language


class Named(models.Model):
    """English is required. Without a Russian name, Russian readers see the English one."""

    name = models.CharField("name in English", max_length=100)
    name_ru = models.CharField("name in Russian", max_length=100, blank=True, default="", db_default="")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def title(self) -> str:
        """The name, in the language of the page."""
        return self.title_in(get_language())

    def title_in(self, language: str | None) -> str:
        """The name, in a language of the shop."""
        return (self.name_ru if language == "ru" else "") or self.name
