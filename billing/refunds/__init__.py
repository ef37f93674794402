"""Refunds: sent with one key, followed to their end, and found when another party made them."""
