"""Limits on the calls to a provider, per account: rate limit, pause, circuit breaker, pacing."""
