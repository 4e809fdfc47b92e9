"""gunicorn's settings for the application beside it; the rest is on the command line."""

import os

from prometheus_client import multiprocess


def child_exit(server, worker):
    """Removes the live gauges of a dead process, as prometheus_client's documentation says, unless multiproc does."""
    if "MULTIPROC_ID" not in os.environ:
        multiprocess.mark_process_dead(worker.pid)
