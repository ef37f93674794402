"""The processes: middleware, probes, heartbeats, job history, quarantine, start and stop."""
