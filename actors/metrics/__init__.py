"""Metrics for Prometheus: the pages, the messages of workers, the schedule, and the queues."""
