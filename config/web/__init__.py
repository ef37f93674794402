"""The web process and the proxies in front of it."""
