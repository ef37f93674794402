"""The real parts of the system, started on free loopback ports and thrown away afterwards.

Each part is a context manager, so no test leaves anything behind:

    with Postgres() as postgres, RabbitMQ() as rabbitmq, MailServer() as mail:
        ...

`kill()` is a crash, `freeze()` a hung host, `stop()` followed by `start()` an outage: a port keeps its number.
"""
