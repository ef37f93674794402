"""Payments: started, checked until their outcome is known, and resolved by an operator when the amount is wrong."""
