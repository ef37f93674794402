"""Copies what billing needs into another Django project: `python -m billing.embed copy <project>`."""
