"""The console: what the background work is doing, for staff, inside the admin site.

`facts/` asks the database and returns typed answers; `pages.py` shows each of them as a page, as the part of a page
that is refreshed, or as JSON; `actions.py` is what a person can do there.
"""
