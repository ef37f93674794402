"""May an account's provider be called now? Rate limit, pause, circuit breaker, pacing."""
