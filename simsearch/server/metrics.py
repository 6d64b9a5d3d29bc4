"""What Prometheus is told. Each worker counts in files under PROMETHEUS_MULTIPROC_DIR; a scrape adds them up."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import REGISTRY
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60)

REQUESTS = Counter("simsearch_requests", "Requests by address, method and status", ["route", "method", "status"])
REQUEST_SECONDS = Histogram("simsearch_request_seconds", "Time of a request", ["route"], buckets=_SECONDS)
QUERY_SECONDS = Histogram(
    "simsearch_query_seconds", "Time of a photo's answer by stage; `wait` is for a thread", ["stage"], buckets=_SECONDS
)
ANSWERS = Counter("simsearch_answers", "Answers by outcome", ["outcome"])
REFUSED = Counter("simsearch_refused", "Requests that were refused, by type of problem", ["code"])
IN_FLIGHT = Gauge("simsearch_in_flight", "Photos that are being answered", multiprocess_mode="livesum")
QUEUED = Gauge("simsearch_queue", "Photos that were let in and wait", multiprocess_mode="livesum")
UNRECORDED = Gauge("simsearch_unrecorded", "Answers whose record was lost", multiprocess_mode="livesum")


def exposition(generation: str, images: int) -> bytes:
    """All metrics of all workers as text, with what serves: the name of the generation and its images."""
    registry = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        text = generate_latest(registry)
    else:
        text = generate_latest(REGISTRY)
    own = CollectorRegistry()
    Gauge("simsearch_generation_info", "The indexes that serve", ["generation"], registry=own).labels(generation).set(1)
    Gauge("simsearch_images", "Active images of the catalog", registry=own).set(images)
    return text + generate_latest(own)
