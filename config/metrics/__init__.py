"""The one place where the rest of the code touches Prometheus."""
