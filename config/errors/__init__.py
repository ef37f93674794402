"""Unexpected errors, reported to a person: by Sentry if SENTRY_DSN is set, else by mail to ADMIN_EMAILS.

Both follow one rule: an error is a log line of level ERROR with an exception. Django logs a failing view,
`config.due.queue` a failing row, and `actors.runtime.middleware` a job whose last attempt failed. Dramatiq's log line
for each attempt is left out. A report holds ids and never personal data: see `scrubbing`.
"""
