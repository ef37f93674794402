"""Shared by all commands: arguments, tables and exit statuses."""
