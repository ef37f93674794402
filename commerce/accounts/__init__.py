"""Accounts of customers: log-in, sign-up, passwords and sessions.

`throttling` counts tries, `devices` knows browsers that have logged in before, `hashing` bounds the work of one
process. `middleware` makes one answer of all that is refused. `mails` writes links, `sessions` lists who is logged in.
"""
