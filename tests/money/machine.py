"""All the rules together."""

from tests.money.customers import Customers
from tests.money.operators import Operators
from tests.money.provider import Provider
from tests.money.workers import Workers


class MoneyMachine(Customers, Provider, Operators, Workers):
    """Any sequence of what customers, the provider, operators and workers may do."""
