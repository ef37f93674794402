"""The console: what the background work is doing, for staff, inside the admin site.

`pages.py` shows the answers of `actors.operations` as a page, as the part of a page that is refreshed, or as JSON;
`actions.py` is what a person can do there.
"""
