"""Explains a payment: its state and the reason, its timeline, and both as JSON."""
