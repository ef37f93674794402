"""The words of `manage.py jobs`: thin faces of the queries, the findings and the actions."""
