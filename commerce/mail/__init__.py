"""Mails. `content` renders them, `queue` stores them, `sending` sends due rows, `outcomes` records the results.

`message` and `mime` build the bytes for the mail server; `connection` and `smtp` deliver them.
"""
