"""Typed answers, by subject.

No query reads a table to its end: a count stops at COUNTED_AT_MOST, and a list has a limit. A row to which nothing is
added is returned as it is.
"""
