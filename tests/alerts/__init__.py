"""Alerts, tried end to end: Prometheus and Alertmanager, with the shipped files, watch a running house, and one part of
it after the other is stopped. `make alerts-drill`.
"""
