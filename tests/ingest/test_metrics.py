"""The metrics of a night are of Prometheus' text format."""

from __future__ import annotations

from simsearch.ingest.metrics import metrics


def test_metrics_are_the_text_format() -> None:
    report = {
        "counts": {}, "started_at": "2026-01-01T00:00:00+00:00", "exit_code": 6, "seconds": 1.5, "steps_s": {"scan": 1},
        "outcome": "failed", "changes": {'a"\\\n': 1}, "images": 0, "audit": {"x": {"reason": "y"}}, "disk_bytes": {},
        "reading": {"read": 7, "failed": 1, "left": 2, "left_out": 3},
    }  # fmt: skip
    text = metrics(report, 0.0)
    assert text.endswith("\n")
    assert 'simsearch_nightly_images{change="a\\"\\\\\\n"} 1' in text
    assert 'simsearch_nightly_reading_images{state="left"} 2' in text
    assert "reading" not in metrics({**report, "reading": None}, 0.0)
    assert "simsearch_nightly_start_timestamp_seconds 1767225600.0" in text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    for line in text.splitlines():
        if not line.startswith("#"):
            assert line.partition("{")[0].partition(" ")[0] in names
