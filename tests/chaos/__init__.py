"""`make chaos`: customers buy while parts of the shop are killed, cut off and lied to; a stranger compares the books.

The shop is the one of production: PostgreSQL, RabbitMQ, gunicorn, two workers, two schedulers, a provider and a mail
server, each a process of its own. It does not know that this is a drill; settings make the times short.

- `plan.py`: what breaks, and when; the seed decides
- `stack.py`: starts the parts; `supervisor.py` starts again what ends, as systemd does
- `wires.py`: relays between the parts that can be cut, slowed, or swallow what is sent; a process of its own
- `faults.py`: carries out each kind of fault, and heals it
- `browser.py`: what people use; it tries again, and notes what failed
- `customers.py`, `intents.py`, `crowd.py`: what a customer can do, what each wants, and all of them
- `operators.py`: an operator who refunds, cancels and delivers in the admin
- `notes.py`: where all of them write down what they did and saw
- `mailbox.py`: the mail server's process, which notes each mail
- `rest.py`: has the shop come to rest?
- `checker/`: compares the notes, the provider's books, the mailbox and the tables. It imports nothing of the shop
- `picture.py`: draws the faults, the work that was late, and the outcomes along one axis of time
- `drill.py`: one run, from the opening to the verdict
- `surge.py`, `front.py`: `make surge`, many more customers than expected, behind nginx; nothing breaks
- `bugs.py`: plants known bugs in a copy of the shop, to see that the checker finds them
"""
