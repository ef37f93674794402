"""`python -m billing.sandbox`: the sandbox for a person, until Ctrl-C or SIGTERM."""

import argparse
import signal
import sqlite3
import sys
import threading

from billing.sandbox import SandboxServer
from config import env


def main(arguments: list[str] | None = None) -> int:
    """Runs until a signal comes. Exit status 1 when it cannot start, 0 otherwise."""
    options, done = read_options(arguments), signalled()
    try:
        sandbox = SandboxServer(**vars(options)).start()
    except (OSError, OverflowError, sqlite3.Error) as error:
        print(f"The sandbox cannot start on {options.host}:{options.port}: {error}.", file=sys.stderr)
        return 1
    print(f"The sandbox provider is at {sandbox.url} (api key: {options.api_key}). No money moves.", flush=True)
    done.wait()
    sandbox.stop()
    return 0


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m billing.sandbox", description="A payment provider to play with.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--database", help="a file that keeps payments over a restart (default: memory only)")
    parser.add_argument("--api-key", default=env.secret("SANDBOX_API_KEY", "sandbox-key"))
    parser.add_argument("--callback-secret", default=env.secret("SANDBOX_CALLBACK_SECRET", "sandbox-secret"))
    parser.add_argument("--public-url", default="", help="the address that buyers see, if it is another one")
    return parser.parse_args(arguments)


def signalled() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM; asked for before anything starts, so that an early signal is not missed."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    return done


if __name__ == "__main__":
    sys.exit(main())
