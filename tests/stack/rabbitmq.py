"""A private RabbitMQ: a real one, on loopback only, that a test may crash, freeze and empty."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pika
from pika.exceptions import ChannelClosedByBroker

from tests.stack.ports import HANG_S, LOOPBACK, free_port, wait_until
from tests.stack.processes import Program
from tests.stack.programs import find_epmd, find_rabbitmq
from tests.stack.server import Server
from tests.stack.tls import Certificate

# The first bytes of an AMQP 0-9-1 client; a broker that is ready answers them.
AMQP_GREETING = b"AMQP\0\0\x09\x01"

# Loopback for the port between Erlang nodes, which is public by default; and no busy waiting: Erlang's schedulers
# spin for work, which costs the other processes of a small machine dearly.
ERLANG_OPTIONS = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none"


class RabbitMQ(Server):
    """One node with its own epmd, Erlang's name server; the user is guest."""

    def __init__(
        self,
        directory: Path | None = None,
        port: int | None = None,
        plugins: Sequence[str] = (),
        tls: Certificate | None = None,
    ) -> None:
        """Plugins listen on the two ports above a given one, and on free ports otherwise. With `tls`, so does TLS."""
        self.plugins = plugins
        self._tls, self.tls_port = tls, free_port()
        self._management_port = port + 1 if port else free_port()
        self._prometheus_port = port + 2 if port else free_port()
        self._distribution_port = free_port()
        self._definitions: dict[str, Any] = {}
        self._epmd_port = free_port()
        self._epmd = Program("epmd", [find_epmd(), "-port", str(self._epmd_port), "-address", LOOPBACK])
        super().__init__(directory, port)

    def load(self, definitions: Mapping[str, Any]) -> None:
        """At every start, users, rights and policies like these; guest stays, for the tests themselves."""
        everything = {"user": "guest", "configure": ".*", "read": ".*", "write": ".*"}
        self._definitions = {
            **definitions,
            "users": [*definitions["users"], {"name": "guest", "password": "guest", "tags": "administrator"}],
            "permissions": [
                *definitions["permissions"],
                *({**everything, "vhost": host["name"]} for host in definitions["vhosts"]),
            ],
        }

    @property
    def url(self) -> str:
        """Of guest, who may do everything."""
        return f"amqp://guest:guest@{LOOPBACK}:{self.port}/%2F"

    @property
    def management_url(self) -> str:
        """Pages and HTTP interface of the plugin rabbitmq_management."""
        return f"http://{LOOPBACK}:{self._management_port}"

    @property
    def prometheus_url(self) -> str:
        """Metrics of the plugin rabbitmq_prometheus."""
        return f"http://{LOOPBACK}:{self._prometheus_port}/metrics"

    def close(self) -> None:
        super().close()
        self._epmd.kill()

    def purge(self, *queues: str) -> None:
        """Empty the queues; those that do not exist are empty already."""
        with self._connection() as connection:
            for queue in queues:
                with suppress(ChannelClosedByBroker):  # it closes the channel, and not the connection
                    connection.channel().queue_purge(queue)

    def ctl(self, *words: str) -> str:
        """What `rabbitmqctl` says, asked as an operator does. Raises CalledProcessError."""
        command = [str(find_rabbitmq().with_name("rabbitmqctl")), *words]
        done = subprocess.run(
            command, env=self._environment(), cwd="/", capture_output=True, text=True, timeout=HANG_S, check=True
        )
        return done.stdout

    def counts(self, queue: str) -> int:
        """Count the messages that wait in a queue; one that does not exist has none."""
        with suppress(ChannelClosedByBroker), self._connection() as connection:
            return int(connection.channel().queue_declare(queue, passive=True).method.message_count)
        return 0

    def _program(self) -> Program:
        return Program("RabbitMQ", [find_rabbitmq()], env=self._environment(), cwd=Path("/"))

    def _environment(self) -> dict[str, str]:
        """The whole environment: nothing of the caller's, and nothing from /etc/rabbitmq, may leak in."""
        return {
            "PATH": f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
            "HOME": str(self.directory / "home"),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": "tillkeeper@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self.directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.directory / "log"),
            "RABBITMQ_LOGS": "-",  # to the output, where a failed start is looked for
            "RABBITMQ_CONFIG_FILE": str(self.directory / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.directory / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.directory / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_OPTIONS,
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server instead of staying in between
        }

    def _prepare(self) -> None:
        """Write the configuration, and have the name server ready."""
        for name in ("home", "mnesia", "log"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "enabled_plugins").write_text(f"[{','.join(self.plugins)}].\n")
        (self.directory / "definitions.json").write_text(json.dumps(self._definitions))
        (self.directory / "rabbitmq.conf").write_text(self._configuration())
        if not self._epmd.alive:
            self._epmd.start()
            wait_until(lambda: _listens(self._epmd_port), "epmd listened", timeout_s=10)

    def _configuration(self) -> str:
        settings = {"disk_free_limit.absolute": "50MB"}
        if self._definitions:
            settings["load_definitions"] = str(self.directory / "definitions.json")
        if self._tls:
            files = {"cacertfile": self._tls.authority, "certfile": self._tls.chain, "keyfile": self._tls.key}
            settings |= {f"ssl_options.{name}": str(path) for name, path in files.items()}
            settings["listeners.ssl.1"] = f"{LOOPBACK}:{self.tls_port}"
        if "rabbitmq_management" in self.plugins:
            settings |= {"management.tcp.ip": LOOPBACK, "management.tcp.port": str(self._management_port)}
        if "rabbitmq_prometheus" in self.plugins:
            settings |= {"prometheus.tcp.ip": LOOPBACK, "prometheus.tcp.port": str(self._prometheus_port)}
        return "".join(f"{name} = {value}\n" for name, value in settings.items())

    def _greets(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=1) as connection:
                connection.sendall(AMQP_GREETING)
                return bool(connection.recv(1))
        except OSError:
            return False

    @contextmanager
    def _connection(self) -> Iterator[pika.BlockingConnection]:
        """For one errand."""
        connection = pika.BlockingConnection(pika.URLParameters(f"{self.url}?socket_timeout=10&stack_timeout=20"))
        try:
            yield connection
        finally:
            connection.close()


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex((LOOPBACK, port)) == 0
