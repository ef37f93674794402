"""One case for each provider in the registry; to add a provider, write its file and add a line here."""

from tests.conformance.cases.case import Case
from tests.conformance.cases.paypal import PayPalCase
from tests.conformance.cases.sandbox import SandboxCase
from tests.conformance.cases.stripe import StripeCase
from tests.conformance.cases.yookassa import YooKassaCase

CASES: dict[str, type[Case]] = {
    "sandbox": SandboxCase,
    "yookassa": YooKassaCase,
    "stripe": StripeCase,
    "paypal": PayPalCase,
}

__all__ = ["CASES", "Case"]
