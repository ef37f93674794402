"""Reviews: asked for, written behind a signed link, moderated, and counted."""
