"""Is a process live, is it ready, and who hears of it: probes over HTTP, systemd, the log."""
