"""Mails. What they say: `content`. The rows that wait: `queue`. How rows are sent: `sending`, `outcomes`.

What the mail server gets: `message`, `mime`. The way there: `connection`, `smtp`.
"""
