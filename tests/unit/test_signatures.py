"""Signatures over time and body: what is taken, and what is not."""

import pytest

from billing.errors import Forged
from billing.providers.base import CallbackRequest

# HMAC-SHA256 of "1700000000.{}" with the key "whsec_test", by `openssl dgst -sha256 -hmac whsec_test`.
NOW = 1_700_000_000
GOOD = "35495024f4ef3f94e5a93e22221544c4b75e9a42300cd965ab81cb85cd994e91"


@pytest.mark.parametrize(
    "header",
    [
        f"t={NOW},v1={GOOD}",
        f"v1={GOOD},t={NOW}",
        f"t={NOW}, v1={'0' * 64}, v1={GOOD}",
        f"t={NOW},v0=old,v1={GOOD}",
    ],
)
def test_a_signature_that_fits_is_taken(header: str) -> None:
    """The order does not matter, and while a secret is replaced there are two."""
    CallbackRequest(b"{}", {"signature": header}, "").check_signature("signature", "whsec_test", NOW)


@pytest.mark.parametrize(
    ("header", "body", "secret", "now"),
    [
        ("", b"{}", "whsec_test", NOW),
        (f"t={NOW}", b"{}", "whsec_test", NOW),
        (f"v1={GOOD}", b"{}", "whsec_test", NOW),
        (f"t={NOW},v1=", b"{}", "whsec_test", NOW),
        (f"t={NOW},v1={GOOD[:-1]}", b"{}", "whsec_test", NOW),
        (f"t={NOW + 1},v1={GOOD}", b"{}", "whsec_test", NOW),
        (f"t={NOW},v0={GOOD}", b"{}", "whsec_test", NOW),
        (f"t={NOW},v1={GOOD}", b"{ }", "whsec_test", NOW),
        (f"t={NOW},v1={GOOD}", b"{}", "another", NOW),
        (f"t={NOW},v1={GOOD}", b"{}", "whsec_test", NOW + 301),
        (f"t={NOW},v1={GOOD}", b"{}", "whsec_test", NOW - 301),
        (f"t=-1,v1={GOOD}", b"{}", "whsec_test", NOW),
        (f"t=١,v1={GOOD}", b"{}", "whsec_test", NOW),
        (f"t={'9' * 4000},v1={GOOD}", b"{}", "whsec_test", NOW),
        (f"t={NOW},v1=\udcff", b"{}", "whsec_test", NOW),
        (",,,=,t,v1", b"{}", "whsec_test", NOW),
    ],
)
def test_anything_else_is_forged(header: str, body: bytes, secret: str, now: int) -> None:
    """Another body, another secret, another time, or no signature at all."""
    with pytest.raises(Forged):
        CallbackRequest(body, {"signature": header}, "").check_signature("signature", secret, now)
