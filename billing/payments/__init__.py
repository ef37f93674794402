"""Payments: started, checked until their outcome is known, and decided on when the amount is wrong."""
