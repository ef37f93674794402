"""RabbitMQ's definitions for this shop: permissions and queue limits, set before the first worker connects.

RabbitMQ loads them at its start (`load_definitions`), or at any time (`rabbitmqctl import_definitions`).
"""

import base64
import hashlib
import json
import secrets
from typing import Any

from django.conf import settings

from actors.queues import ROUTINE, URGENT
from config.cli.command import Command as Base
from config.cli.command import NoAnswer
from config.messaging.address import BUILT_IN_USER, read
from config.messaging.broker import MAX_WAITING

MAX_DEAD_LETTERS = 10_000
"""Dead letters kept per queue; the oldest are dropped first. They are for a person to inspect, not a store."""


class Command(Base):
    """`manage.py rabbitmqconf > definitions.json`."""

    help = "Print RabbitMQ's definitions: the user of BROKER_URL with the fewest rights, and bounds for its queues."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """The password is printed only as a salted hash."""
        if not settings.BROKER_URL:
            raise NoAnswer("BROKER_URL is not set: write an address like amqp://user:password@host/vhost.")
        self.stdout.write(json.dumps(definitions(settings.BROKER_URL), indent=2))


def definitions(broker_url: str) -> dict[str, Any]:
    """For the user, the password and the vhost in the URL. Every call salts the password anew. Raises NoAnswer.

    The user may declare, fill and read our queues and nothing else. A queue without readers refuses new messages when
    it is full: the rows behind them are safe in the database, and the next sweep finds them.
    """
    address = read(broker_url)
    user, host = address.credentials.username, address.virtual_host
    if user == BUILT_IN_USER:
        raise NoAnswer("BROKER_URL names no user of the shop's own: write amqp://user:password@host/vhost.")
    queues = "|".join(options["queue_name"] for options in (URGENT, ROUTINE))
    ours = rf"^({queues})(\.DQ|\.XQ)?$"
    rights = {"configure": ours, "read": ours, "write": rf"{ours}|^amq\.default$"}
    refuses, forgets = {"overflow": "reject-publish"}, {"overflow": "drop-head"}
    return {
        "vhosts": [{"name": host}],
        "users": [{"name": user, "tags": "", **_hashed(address.credentials.password)}],
        "permissions": [{"user": user, "vhost": host, **rights}],
        "policies": [
            _policy(host, "full-refuses", rf"^({queues})$", {"max-length": MAX_WAITING, **refuses}),
            _policy(host, "dead-letters", rf"^({queues})\.XQ$", {"max-length": MAX_DEAD_LETTERS, **forgets}),
        ],
    }


def _policy(host: str, name: str, pattern: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {"vhost": host, "name": name, "pattern": pattern, "apply-to": "queues", "definition": definition}


def _hashed(password: str) -> dict[str, str]:
    """RabbitMQ's format: four random bytes, and the SHA-256 of them and the password
    (https://www.rabbitmq.com/docs/passwords#computing-password-hash)."""
    salt = secrets.token_bytes(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return {
        "password_hash": base64.b64encode(salt + digest).decode(),
        "hashing_algorithm": "rabbit_password_hashing_sha256",
    }
