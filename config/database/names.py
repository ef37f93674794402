"""The names of models, columns and properties, in the reader's language."""

from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


def translate_names(app: AppConfig) -> None:
    """Look up the names of the app's models, columns and properties, in the context "name", whenever one is shown.

    Django derives most of them from the code. Given to the classes, they would be in the migrations: a new word would
    need a migration.
    """
    for model in app.get_models():
        options = model._meta
        plural = str(options.verbose_name_plural)
        options.verbose_name = pgettext_lazy("name", str(options.verbose_name))
        options.verbose_name_plural = pgettext_lazy("name", plural)
        for field in options.fields:
            field.verbose_name = pgettext_lazy("name", str(field.verbose_name))
        for name, attribute in vars(model).items():
            if isinstance(attribute, property):
                attribute.fget.short_description = pgettext_lazy("name", name.replace("_", " "))  # for the admin
