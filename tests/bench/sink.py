"""A mail server that takes everything and keeps nothing: `python -m tests.bench.sink PORT`."""

import asyncio
import sys

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.stack.mail import Pipelining
from tests.stack.ports import LOOPBACK


class Sink(Pipelining):
    """aiosmtpd's handler."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Taken."""
        return "250 OK"


async def serve(port: int) -> None:
    """Until somebody ends it."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), loop=loop, data_size_limit=None), LOOPBACK, port)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
