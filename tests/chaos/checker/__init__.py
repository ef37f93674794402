"""The stranger who judges a chaos run: imports the standard library and psycopg, and nothing of the shop.

    python -m tests.chaos.checker DIRECTORY --database postgres://… --provider http://…
    python -m tests.chaos.checker DIRECTORY

The first reads the shop's tables and the provider's books beside the notes of the run; the second judges again what is
stored in the directory. Each rule compares two sides that do not know of each other and says which order contradicts.

- `evidence.py`: the notes, the books and the tables, as they were found
- `collect.py`: takes one consistent reading of books and tables
- `money.py`: orders and payments: lost, doubled, wrong
- `refunds.py`: refunds and disputes
- `goods.py`: the stock
- `mails.py`: mails that are missing, and mails that came twice
- `reports.py`: what is only reported: seconds to rest, failed requests, false alarms
- `verdict.py`: the words and the numbers
"""
