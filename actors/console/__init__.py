"""The console: the state of the background work, for staff, inside the admin site.

`pages.py` shows the answers of `actors.operations` as a page, as the part of a page that refreshes, or as JSON;
`actions.py` lists the actions of the console.
"""
