"""The processes: middleware, health checks, heartbeats, job history, quarantine, start and stop."""
