"""Static files with the hash of their content in their names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Made by `collectstatic`, with a compressed copy beside each file. Earlier files stay for pages that are open.

    A product names its picture in the database, so a missing file is a data error: the page is shown without it.
    """

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """Return the name with the hash, or the name itself if the file is missing."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
