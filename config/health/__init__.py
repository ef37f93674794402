"""Health of a process: is it live, is it ready? Reported over HTTP, to systemd and in the log."""
