"""Relays between the parts of the shop: each can be cut, slowed, or swallow what is sent.

`python -m tests.chaos.wires NAME=PORT:PORT …` relays each first port to the second one, on loopback. Its input is one
command a line: a mode and a wire. The answer is the same line, once it is done.
"""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import Self

from tests.stack.ports import LOOPBACK, free_port

WHOLE, CUT, HOLE, SLOW = "whole", "cut", "hole", "slow"
"""It works; it breaks connections and refuses new ones; it swallows every byte; it delays every piece."""

MODES = (WHOLE, CUT, HOLE, SLOW)

DELAY_S = 0.25
"""Of a slow wire, for each piece: what a bad link between two data centres adds."""

PIECE = 65_536


class Wire:
    """One relay."""

    def __init__(self, port: int, to: int) -> None:
        self.port, self.to, self.mode = port, to, WHOLE
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        """Relay from now on."""
        await asyncio.start_server(self._relay, LOOPBACK, self.port)

    def turn(self, mode: str) -> None:
        """Change the mode. What a hole has swallowed is gone, so the end of a hole breaks its connections."""
        was, self.mode = self.mode, mode
        if CUT in (mode, was) or was == HOLE:
            for writer in self._writers:
                writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if self.mode == CUT:
                return writer.transport.abort()
            inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, self.to)
            both = {writer, inner_writer}
            self._writers |= both
            try:
                await asyncio.gather(self._pump(reader, inner_writer), self._pump(inner_reader, writer))
            finally:
                self._writers -= both
                for each in both:
                    each.transport.abort()
        return None

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            if self.mode == HOLE:
                continue
            if self.mode == SLOW:
                await asyncio.sleep(DELAY_S)
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class Wires:
    """The process with all wires; a context manager. `to` has the port behind each wire, by its name."""

    def __init__(self, to: Mapping[str, int]) -> None:
        self.ports = {name: free_port() for name in to}
        self._to = to
        self._lock = Lock()

    def __enter__(self) -> Self:
        wires = [f"{name}={self.ports[name]}:{port}" for name, port in self._to.items()]
        command = [sys.executable, "-m", "tests.chaos.wires", *wires]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1, start_new_session=True)
        self._read()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def turn(self, name: str, mode: str) -> None:
        """Change the mode of a wire. Raises KeyError and BrokenPipeError."""
        with self._lock:
            assert self._process.stdin
            self._process.stdin.write(f"{mode} {name}\n")
            self._read()

    def heal(self) -> None:
        """All of them work again."""
        for name in self.ports:
            self.turn(name, WHOLE)

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise BrokenPipeError("The process with the wires has ended.")
        return line


async def serve(arguments: Sequence[str]) -> None:
    """Relay until the input ends."""
    wires = {name: Wire(*map(int, ports.split(":"))) for name, _, ports in (each.partition("=") for each in arguments)}
    for wire in wires.values():
        await wire.listen()
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        mode, name = line.split()
        wires[name].turn(mode)
        print(line, end="", flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
