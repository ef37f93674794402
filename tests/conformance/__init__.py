"""One suite for every adapter: what each provider's contract says, over real HTTP."""
