"""`make demo`: simulated customers buy in a real shop, and the results are checked from outside.

The shop is the one of `make run`, or with `--services` the one of production: PostgreSQL, RabbitMQ and a process for
each part. It does not know that this is a demo; settings make the times short. Meanwhile the provider loses every third
callback and sends others twice or late. In the end every order must have the outcome that its customer caused, and
every paid order exactly one mail.

Three words are not fine. *Wrong*: the shop contradicts the provider, or a mail is one too many. *Lost*: the shop has
come to rest, and an order has no end or no mail. *Unfinished*: the machine was too slow to say more.

- `customers.py`: customers who use the forms of the real pages (`pages.py`) through requests
- `stack.py`: starts one of the two shops
- `watch.py`: observes from outside: the shop's answers, the provider's payments, the mails
- `verdict.py`: compares the results with the plans
- `display.py`: shows the progress
"""
