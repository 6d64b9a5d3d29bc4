"""The report of a night as a text file that Prometheus' node_exporter collects (`--collector.textfile.directory`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any


def metrics(report: Mapping[str, Any], last_success: float) -> str:
    """A report in Prometheus' text exposition format, version 0.0.4.

    Args:
        report: the JSON of a night; see `NightlyReport`.
        last_success: Unix time of the last successful night; 0 where there was none.
    """
    lines: list[str] = []
    for name, text, values in _gauges(report, last_success):
        lines += [f"# HELP simsearch_{name} {text}", f"# TYPE simsearch_{name} gauge"]
        lines += [f"simsearch_{name}{_labels(labels)} {value}" for labels, value in values]
    return "\n".join(lines) + "\n"


Value = tuple[dict[str, str], float]


def _gauges(r: Mapping[str, Any], last_success: float) -> Iterator[tuple[str, str, list[Value]]]:
    counts, started = r["counts"], datetime.fromisoformat(r["started_at"]).timestamp()
    yield "nightly_success", "1 if the newest state of the catalog serves.", [({}, int(r["exit_code"] == 0))]
    yield "nightly_exit_code", "Exit code of the last night.", [({}, r["exit_code"])]
    yield "nightly_start_timestamp_seconds", "When the last night began.", [({}, started)]
    yield "nightly_last_success_timestamp_seconds", "When the last good night began.", [({}, last_success)]
    yield "nightly_duration_seconds", "Duration of the last night.", [({}, r["seconds"])]
    yield "nightly_step_seconds", "Duration of each step.", [({"step": k}, v) for k, v in r["steps_s"].items()]
    yield "nightly_swapped", "1 if a new generation was built.", [({}, int(r["outcome"] == "swapped"))]
    yield (
        "nightly_images",
        "Images of the sources, by what the night did with them.",
        [({"change": k}, v) for k, v in r["changes"].items()],
    )
    yield "products", "Products with an active image.", [({}, counts.get("products", 0))]
    yield (
        "images",
        "Images in the catalog, by verdict.",
        [({"verdict": k.removeprefix("images_")}, v) for k, v in counts.items() if k.startswith("images_")],
    )
    if read := r["reading"]:
        states = {"read": read["read"], "failed": read["failed"], "left": read["left"], "left_out": read["left_out"]}
        text = "Images whose print the last night read or could not read, that are to be read, and loose pills."
        yield "nightly_reading_images", text, [({"state": k}, v) for k, v in states.items()]
    yield "generation_images", "Images in the indexes that serve.", [({}, r["images"])]
    recalls = [({"lane": k}, v["recall"]) for k, v in r["audit"].items() if "recall" in v]
    yield "audit_recall", "Recall of the indexes that serve.", recalls
    yield "disk_bytes", "Bytes of the parts of the home.", [({"part": k}, v) for k, v in r["disk_bytes"].items()]


def _labels(labels: Mapping[str, str]) -> str:
    def quoted(value: str) -> str:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    inner = ",".join(f'{name}="{quoted(value)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""
