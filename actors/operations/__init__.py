"""The read model for operators: each question is answered once, here.

The console, `manage.py jobs` and `/metrics` all show these answers, so they cannot disagree.
"""
