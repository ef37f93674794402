"""Reconciliation: each day, our payments against the provider's own list."""
