"""Reviews: requested by mail, written through a signed link, moderated, and counted."""
