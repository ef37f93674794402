"""The money that each decision is about, by which it may need a second person (`billing.four_eyes`).

A refund counts together with what has gone back of its payment before: many small ones are one large one. A function
gets the locked row of the action and the form's answers.
"""

from collections.abc import Mapping
from typing import Any

from billing.models import Payment, Refund
from billing.money import Money

Answers = Mapping[str, Any]


def refund(payment: Payment, answers: Answers) -> list[Money]:
    """This refund, and those before it."""
    amount: Money = answers["amount"]
    return [Money(amount.minor + payment.refunds_minor, amount.currency)]


def all_of(payment: Payment, _answers: Answers) -> list[Money]:
    """The sums asked for and received: a small sum that is accepted for a large order is about the large one."""
    return [payment.amount, payment.received] if payment.received else [payment.amount]


def confirm(payment: Payment, answers: Answers) -> list[Money]:
    """The sum asked for, and the one that the operator says came."""
    return [payment.amount, answers["came"]]


def of_refund(row: Refund, _answers: Answers) -> list[Money]:
    return [row.amount]
