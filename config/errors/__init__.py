"""Errors nobody expected, told to a person: by Sentry where SENTRY_DSN is set, else by mail to ADMIN_EMAILS.

One rule for both: an error is what is logged as an error together with an exception. A view that fails is logged so by
Django, a row that cannot be worked on by `config.due`, and a job when its last attempt has failed (`actors.errors`);
what Dramatiq logs of every attempt is left out. Ids are told, never personal data: see `scrubbing`.
"""
