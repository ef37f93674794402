"""The names of models, columns and properties, in the reader's language."""

from django.apps import AppConfig
from django.utils.functional import lazy
from django.utils.translation import pgettext


def translate_names(app: AppConfig) -> None:
    """Look up the names of the app's models, columns and properties whenever one is shown.

    Django derives most of them from the code. Given to the classes, they would be in the migrations: a new word would
    need a migration.
    """
    for model in app.get_models():
        options, owner = model._meta, model.__name__
        plural = str(options.verbose_name_plural)
        options.verbose_name = _in_words(str(options.verbose_name), owner)
        options.verbose_name_plural = _in_words(plural, owner)
        for field in options.fields:
            field.verbose_name = _in_words(str(field.verbose_name), owner)
        for base in (base for base in model.__mro__ if base is model or hasattr(base, "_meta")):
            for name, attribute in vars(base).items():
                if isinstance(attribute, property):
                    words = _in_words(name.replace("_", " "), base.__name__)
                    attribute.fget.short_description = words  # type: ignore[union-attr]


def _translated(name: str, owner: str) -> str:
    """In the context "name", or "name in Order" where a word means something else in that model."""
    own = pgettext(f"name in {owner}", name)
    return own if own != name else pgettext("name", name)


_in_words = lazy(_translated, str)
