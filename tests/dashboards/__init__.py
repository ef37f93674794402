"""Dashboards with the numbers of a busy house: for a test, and for people without Grafana."""
