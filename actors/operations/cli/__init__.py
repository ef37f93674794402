"""The subcommands of `manage.py jobs`: each is a thin layer over queries, findings and actions."""
