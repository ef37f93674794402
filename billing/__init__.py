"""Follows payments to their outcome. Knows nothing of orders: it settles money and records what happened."""
