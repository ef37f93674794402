"""What the console knows: plain functions that ask the database, and dataclasses that they return.

None of them reads a table to its end: what is counted is counted up to a limit, and lists have one.
"""
