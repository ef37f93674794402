"""Queries: typed answers about the running system, one module per subject.

They only read. The findings, the console, the commands and the metrics all use them. No query reads a whole table: a
count stops at COUNTED_AT_MOST, and a list has a limit. A row that needs nothing added is returned as it is.
"""
