"""PayPal, Orders v2."""
