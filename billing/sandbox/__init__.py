"""The sandbox: a payment provider that ships with the project, so the shop can be tried without an account.

It is a real HTTP server with its own storage. Like an external provider it imports nothing of the shop and nothing of
Django, and the shop knows only its address. It has three sets of routes:

- for the shop, with its key: `merchant.py` (`/v1/...`)
- for the buyer, in a browser: `buyer.py` (`/pay/...`)
- for tests and drills, without a key: `control.py` (`/control/...`), to make it slow, silent, forgetful or dishonest

By hand: `python -m billing.sandbox --port 8100`. In a test:

    with SandboxServer() as sandbox:
        sandbox.fault("status", "delay", delay_ms=50)
        requests.get(f"{sandbox.url}/v1/payments/...")
"""

from billing.sandbox.server import SandboxServer

__all__ = ["SandboxServer"]
