"""What Prometheus reads: the pages, the messages of workers, the schedule, and the queues."""
