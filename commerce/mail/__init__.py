"""Mails. `content` renders them, `queue` stores them, `sending` sends due rows, `outcomes` records the results.

`refusals` tells a mail that the server refuses from a server that refuses all. `message` and `mime` build the bytes for
the mail server; `connection` and `smtp` deliver them.
"""
