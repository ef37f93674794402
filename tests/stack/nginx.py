"""A private nginx, unprivileged, with a configuration of ours included in a bare one."""

import socket
from pathlib import Path

import trustme

from tests.stack.ports import LOOPBACK, LOOPBACK_IPV6, free_port
from tests.stack.processes import Program
from tests.stack.programs import find_nginx
from tests.stack.server import Server
from tests.stack.users import give, unprivileged

USER = "nobody"

OPERATORS = (Path(__file__).parents[2] / "deploy/nginx/operators.conf").read_bytes()
"""As shipped. nginx runs as somebody who may not be allowed to read where the project lies."""

# What a Debian machine has in /etc/nginx/nginx.conf, with every path in a directory of our own.
MAIN = """\
worker_processes 2;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    include {directory}/site.conf;
}}
"""


class Nginx(Server):
    """One nginx; `port` speaks plain HTTP, `tls_port` TLS. Its site is written by `configure`."""

    def __init__(self) -> None:
        self.tls_port = free_port()
        super().__init__(None, None)
        give(self.directory, USER)

    def configure(self, site: str) -> None:
        """What stands inside of `http { }`."""
        (self.directory / "site.conf").write_text(site)

    def lend(self, name: str, content: bytes) -> Path:
        """A file that nginx can read."""
        path = self.directory / name
        path.write_bytes(content)
        give(path, USER)
        return path

    def words(self, web: str, authority: trustme.CA, operators: bytes) -> list[str]:
        """Of `manage.py nginxconf`, for a shop at https://localhost:tls_port; `web` is where gunicorn listens."""
        # RSA, as most certificates of shops are: the weakest suites need it.
        certificate = authority.issue_cert("localhost", key_type=trustme.KeyType.RSA)
        chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
        return [
            "nginxconf", "--web", web,
            "--http", *(f"{host}:{self.port}" for host in (LOOPBACK, LOOPBACK_IPV6)),
            "--https", *(f"{host}:{self.tls_port}" for host in (LOOPBACK, LOOPBACK_IPV6)),
            "--certificate", str(self.lend("the; chain {1}.pem", chain)),
            "--key", str(self.lend("the key #1's.pem", certificate.private_key_pem.bytes())),
            "--access-log", str(self.directory / "access.log"),
            "--operators", str(self.lend("our operators;.conf", operators)),
        ]  # fmt: skip

    def _program(self) -> Program:
        options = ["-e", "stderr", "-c", f"{self.directory}/nginx.conf", "-g", "daemon off;"]
        return Program("nginx", [*unprivileged(USER), find_nginx(), *options], cwd=Path("/"))

    def _prepare(self) -> None:
        (self.directory / "nginx.conf").write_text(MAIN.format(directory=self.directory))

    def _greets(self) -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex((LOOPBACK, self.port)) == 0
