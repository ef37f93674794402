"""The sandbox: a payment provider that ships with the project, so that nobody needs an account to try it.

It is a real HTTP server with its own storage, and it plays a stranger: it imports nothing of the shop and nothing of
Django, and the shop knows it only by its address. Three kinds of callers meet three sets of routes:

- the shop, with its key: `merchant.py` (`/v1/...`)
- the buyer, in a browser: `buyer.py` (`/pay/...`)
- tests and drills, without a key: `control.py` (`/control/...`), which make it slow, silent, forgetful or dishonest

By hand: `python -m billing.sandbox --port 8100`. In a test:

    with SandboxServer() as sandbox:
        sandbox.fault("status", "delay", delay_ms=50)
        requests.get(f"{sandbox.url}/v1/payments/...")
"""

from billing.sandbox.server import SandboxServer

__all__ = ["SandboxServer"]
