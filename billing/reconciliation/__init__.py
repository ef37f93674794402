"""Reconciliation: compares our payments of each day with the provider's list."""
