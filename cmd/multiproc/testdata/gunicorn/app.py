"""A WSGI application whose processes share their metrics through PROMETHEUS_MULTIPROC_DIR."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest, multiprocess

MODES = (
    "all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent", "livemostrecent",
)

requests = Counter("python_requests", "Requests, by method.", ["method"])
bodies = Histogram("python_body_bytes", "Size of request bodies in bytes.", buckets=[1, 16, 256, 4096])
paths = Summary("python_path_bytes", "Size of request paths in bytes, with \\ and\na new line.", ["method"])
gauges = {mode: Gauge("python_" + mode, "Of mode " + mode + ".", multiprocess_mode=mode) for mode in MODES}


def application(environ, start_response):
    """Counts requests, except those for the page of the library itself, and answers with the process id."""
    if environ["PATH_INFO"] == "/metrics":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        page = generate_latest(registry)
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(page)))])
        return [page]
    method = environ["REQUEST_METHOD"]
    body = environ["wsgi.input"].read()
    requests.labels(method).inc()
    bodies.observe(len(body))
    paths.labels(method).observe(len(environ["PATH_INFO"]))
    for gauge in gauges.values():
        gauge.set(os.getpid() + len(body))
    answer = b"%d\n" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(answer)))])
    return [answer]
