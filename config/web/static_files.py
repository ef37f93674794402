"""Static files with the hash of their content in their names."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    """Made by `collectstatic`, with a compressed copy beside each file; earlier files stay for pages still open.

    A product names its picture in the database, so a name without a file is data, not a bug: its page is shown
    without the picture instead of not at all.
    """

    manifest_strict = False

    def stored_name(self, name: str) -> str:
        """The name with the hash, or as it is where there is no such file."""
        try:
            return str(super().stored_name(name))
        except ValueError:
            return name
