"""`make services`: a PostgreSQL and a RabbitMQ for development, until Ctrl-C; what they store stays."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.stack.ports import is_free
from tests.stack.postgres import Postgres
from tests.stack.processes import end_cleanly
from tests.stack.programs import MissingProgram, ensure
from tests.stack.rabbitmq import RabbitMQ
from tests.stack.server import StartError

DATABASE = "tillkeeper"
PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")


def main(arguments: Sequence[str] | None = None) -> str | None:
    """Serve until somebody interrupts; return what went wrong, if something did."""
    end_cleanly()
    try:
        return serve(parse(arguments))
    except (MissingProgram, StartError) as problem:
        return str(problem)
    except KeyboardInterrupt:
        return None


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.stack", description=__doc__)
    parser.add_argument("--postgres-port", type=int, default=54320)
    parser.add_argument("--rabbitmq-port", type=int, default=56720, help="its pages and metrics use the next two ports")
    parser.add_argument("--directory", type=Path, default=Path("var/services"))
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> str:
    """Start both, say where they are, and return only if one of them dies."""
    if taken := _taken_ports(options):
        return f"Port {taken[0]} is taken. Are the services running already? There are options for other ports."
    ensure("postgres", "rabbitmq")
    with (
        Postgres(options.directory / "postgres", options.postgres_port) as postgres,
        RabbitMQ(options.directory / "rabbitmq", options.rabbitmq_port, PLUGINS) as rabbitmq,
    ):
        _announce(postgres, rabbitmq)
        while postgres.alive and rabbitmq.alive:
            time.sleep(1)
        return f"A service ended by itself. Its last words:\n{_last_words(postgres, rabbitmq)}"


def _taken_ports(options: argparse.Namespace) -> list[int]:
    first = options.rabbitmq_port
    return [port for port in (options.postgres_port, first, first + 1, first + 2) if not is_free(port)]


def _announce(postgres: Postgres, rabbitmq: RabbitMQ) -> None:
    """Print what a shell can evaluate; remarks for people go elsewhere."""
    print(f"export DATABASE_URL={postgres.create_database(DATABASE)}")
    print(f"export BROKER_URL={rabbitmq.url}", flush=True)
    print(f"RabbitMQ's pages: {rabbitmq.management_url} (guest, guest). Ctrl-C stops both.", file=sys.stderr)


def _last_words(*servers: Postgres | RabbitMQ) -> str:
    return "\n".join(server.program.last_lines() for server in servers if not server.alive)


if __name__ == "__main__":
    sys.exit(main())
