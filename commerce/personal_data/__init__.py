"""Personal data of customers: export it, erase it on request, and delete it when its time is over.

- `people.py`: whose data it is, by mail address
- `export.py`: all of it as JSON
- `erasing.py`: what names a customer goes; goods, amounts and payments stay, and name nobody
- `actions.py`: both for the admin and the command, with their history
- `retention.py`: the nightly deletion of what is too old
"""
