"""What gunicorn must do for the metrics of several processes: `gunicorn config.wsgi -c python:config.gunicorn`."""

from typing import Any

from config import metrics_files


def on_starting(_server: Any) -> None:
    """In the master, before it forks."""
    metrics_files.begin()


def child_exit(_server: Any, worker: Any) -> None:
    """However it ended."""
    metrics_files.forget(worker.pid)
