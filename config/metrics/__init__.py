"""The only package that uses prometheus_client."""
