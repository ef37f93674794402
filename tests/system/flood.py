"""Posts callbacks at a steady pace from one address: `python -m tests.system.flood URL CA PER_S SECONDS`, a process of
its own, which prints how many answers had which status."""

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

CONNECTIONS = 200
"""nginx lets up to 100 callbacks wait for their turn (QUEUED_S): these connections are busy, the others go on."""

SOURCE = "127.0.0.9"
"""One sender, who is no proxy of ours and no customer."""

PATH = "/callbacks/sandbox/"


class Flood:
    """One flood over connections that stay open."""

    def __init__(self, url: str, authority: str, per_s: int, seconds: float) -> None:
        self._host, self._port = "127.0.0.1", urlsplit(url).port or 443
        self._trusting = ssl.create_default_context(cafile=authority)
        self._per_s, self._seconds = per_s, seconds
        self.statuses: Counter[str] = Counter()

    async def run(self) -> None:
        """Each free connection sends the next post when its time has come; what none can send is left out."""
        posts: asyncio.Queue[bytes] = asyncio.Queue(CONNECTIONS)
        senders = [asyncio.create_task(self._send(posts)) for _ in range(CONNECTIONS)]
        started = time.monotonic()
        for number in range(int(self._per_s * self._seconds)):
            await asyncio.sleep(max(0.0, started + number / self._per_s - time.monotonic()))
            with suppress(asyncio.QueueFull):
                posts.put_nowait(post(number))
        for sender in senders:
            sender.cancel()

    async def _send(self, posts: "asyncio.Queue[bytes]") -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(
                    self._host, self._port, ssl=self._trusting, server_hostname="localhost", local_addr=(SOURCE, 0)
                )
                while not reader.at_eof():
                    writer.write(await posts.get())
                    self.statuses[await status_of(reader)] += 1


def post(number: int) -> bytes:
    """A callback that nobody signed, about a payment that nobody knows; each is another one."""
    body = json.dumps({"type": "payment.succeeded", "payment": {"id": f"sb_{number}_{time.time()}"}}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    )
    return f"{head}Sandbox-Signature: t={int(time.time())},v1={'0' * 64}\r\n\r\n".encode() + body


async def status_of(reader: asyncio.StreamReader) -> str:
    """Read one answer. Raises IncompleteReadError if the connection ended."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if "transfer-encoding: chunked" in head:
        while (size := int(await reader.readuntil(b"\r\n"), 16)) or await reader.readuntil(b"\r\n") is None:
            await reader.readexactly(size + 2)
    elif "content-length: " in head:
        await reader.readexactly(int(head.partition("content-length: ")[2].split("\r\n")[0]))
    return head.split()[1]


if __name__ == "__main__":
    flood = Flood(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    asyncio.run(flood.run())
    print(json.dumps(flood.statuses))
