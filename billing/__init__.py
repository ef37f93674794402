"""Payments followed to their end. Knows nothing of orders: it settles money and writes down what happened."""
