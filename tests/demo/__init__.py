"""`make demo`: simulated customers buy in a real shop, and everything they caused is checked from outside.

The shop is the one of `make run`, or with `--services` the one of production: PostgreSQL, RabbitMQ and a process for
each part. Nothing in it knows that this is a demo; times are made short by settings alone. Meanwhile the provider loses
every third callback and sends others twice or late. In the end every order must have come to what its customer caused,
and every paid one must have brought one mail, no more and no less.

- `customers.py`: people with browsers, made of requests and the forms on the real pages (`pages.py`)
- `stack.py`: the two shops they visit
- `watch.py`: what is seen of it from outside: the shop's answers, the provider's books, the mails
- `verdict.py`: what that means
- `display.py`: what a person sees of it
"""
