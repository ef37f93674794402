"""`python -m billing.sandbox`: runs the sandbox until Ctrl-C or SIGTERM."""

import argparse
import signal
import sqlite3
import sys
import threading

from billing.sandbox import SandboxServer
from config import env


def main(arguments: list[str] | None = None) -> int:
    """Run until a signal. Exit status 1 if it cannot start, 0 otherwise."""
    options, stopped = read_options(arguments), stop_signal()
    try:
        sandbox = SandboxServer(**vars(options)).start()
    except (OSError, OverflowError, sqlite3.Error) as error:
        print(f"The sandbox cannot start: {error}.", file=sys.stderr)
        return 1
    print(f"The sandbox provider is at {sandbox.url} (api key: {options.api_key}). No money moves.", flush=True)
    stopped.wait()
    sandbox.stop()
    return 0


def read_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m billing.sandbox", description="A payment provider for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100)
    parser.add_argument("--database", help="a file that keeps payments across restarts (default: memory only)")
    parser.add_argument("--api-key", default=env.secret("SANDBOX_API_KEY", "sandbox-key"))
    parser.add_argument("--callback-secret", default=env.secret("SANDBOX_CALLBACK_SECRET", "sandbox-secret"))
    parser.add_argument("--public-url", default="", help="the address that buyers see, if it is different")
    return parser.parse_args(arguments)


def stop_signal() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM. Call it before anything starts, so that an early signal is not missed."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


if __name__ == "__main__":
    sys.exit(main())
