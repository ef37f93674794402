"""The read model for operators: each question is answered once, here.

The console, `manage.py jobs` and `/metrics` all show these answers, so they cannot disagree.

* `queries/` reads the database and the broker, and returns typed answers.
* `findings/` lists what is wrong: since when, and what helps.
* `actions.py` does what an operator may do; `actors.pauses` and `dead_letters.py` hold the rules.
* `cli/` holds the subcommands of `manage.py jobs`. `serialize.py` turns any answer into JSON.
"""
