"""Callback signatures in Stripe's format: an HMAC over the time and the body."""

import hashlib
import hmac

from billing.errors import Forged

TOLERANCE_S = 300
"""Greatest age of a signature, as in Stripe's own libraries: https://docs.stripe.com/webhooks#replay-attacks"""


def verify(header: str, body: bytes, secret: str, now: float, tolerance_s: float = TOLERANCE_S) -> None:
    """Check a header like `t=1700000000,v1=5257…`: HMAC-SHA256 over `<t>.<body>`, in hex.

    There may be several `v1` while a secret is replaced. Raises Forged if none matches, or if the time is more than
    `tolerance_s` seconds from `now` (Unix seconds), so that a recorded callback cannot be sent again later.
    """
    fields = [part.strip().partition("=") for part in header.split(",")]
    moment = next((value for name, _, value in fields if name == "t"), "")
    if not (moment.isascii() and moment.isdecimal() and len(moment) < 12):
        raise Forged("the signature has no time")
    expected = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    given = [value.encode(errors="replace") for name, _, value in fields if name == "v1"]
    if not any(hmac.compare_digest(expected.encode(), each) for each in given):
        raise Forged("the signature does not match")
    if abs(now - int(moment)) > tolerance_s:
        raise Forged(f"the signature is {now - int(moment):.0f} s old")
