"""Log-ins of staff: how fresh one must be for decisions about money, and its second factor."""
