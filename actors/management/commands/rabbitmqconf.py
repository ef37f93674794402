"""RabbitMQ's definitions for this shop."""

import json
from typing import Any

from django.conf import settings

from actors.runtime.rabbitmq import definitions
from config.cli.command import Command as Base
from config.cli.command import NoAnswer


class Command(Base):
    """`manage.py rabbitmqconf > definitions.json`."""

    help = "Print RabbitMQ's definitions: the user of BROKER_URL with the fewest rights, and bounds for its queues."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """The password is printed only as a salted hash."""
        if not settings.BROKER_URL:
            raise NoAnswer("BROKER_URL is not set: write an address like amqp://user:password@host/vhost.")
        self.stdout.write(json.dumps(definitions(settings.BROKER_URL), indent=2))
