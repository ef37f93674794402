"""What operators ask, and the answers: one read model for the console, `manage.py jobs` and `/metrics`.

`queries/` asks the database and the broker, and returns typed answers. `findings/` draws from them what is wrong, since
when, and what helps. `cli/` holds the words of `manage.py jobs`. `serialize.py` makes JSON of any answer.
"""
