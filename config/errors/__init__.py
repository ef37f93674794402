"""Unexpected errors, reported to a person: by Sentry where SENTRY_DSN is set, else by mail to ADMIN_EMAILS.

One rule for both: an error is a log line of level ERROR with an exception. Django logs a view that fails,
`config.due.queue` a row that cannot be worked on, and `actors.runtime.last_attempt` a job whose last attempt has
failed. What Dramatiq logs of every attempt is left out. A report holds ids and never personal data: see `scrubbing`.
"""
