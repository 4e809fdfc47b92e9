"""gunicorn's settings for the application beside it; the rest is on the command line."""

from prometheus_client import multiprocess


def child_exit(server, worker):
    """Removes the live gauges of a dead process, as prometheus_client's documentation says."""
    multiprocess.mark_process_dead(worker.pid)
