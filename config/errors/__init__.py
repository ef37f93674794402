"""Unexpected errors, reported to a person: by Sentry if SENTRY_DSN is set, else by mail to ADMIN_EMAILS.

An error is a log line of level ERROR with an exception: Django logs a failing view, `config.due.queue` a failing row,
`actors.runtime.middleware` a job whose last attempt failed.
"""
