"""Refunds: sent with one key, followed to their outcome, and found when they were made at the provider."""
