"""What the commands print: for people with rich, for programs as JSON objects of a fixed shape."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from simsearch.core.config import Config
from simsearch.core.types import Refusal
from simsearch.views.text.answers import answer, answer_json, together
from simsearch.views.text.output import OUT, left_out, print_json, table, text

if TYPE_CHECKING:
    from simsearch.ingest.indexer import IndexReport
    from simsearch.training.calibrate import CalibrateResult
    from simsearch.training.trainer import TrainResult

__all__ = [
    "answer", "answer_json", "calibrated", "fact", "refusals", "report", "report_json", "settings", "together",
    "trained",
]  # fmt: skip

_SHOWN_REFUSALS = 10

# -- index -----------------------------------------------------------------------------------------------------------


def report_json(r: IndexReport) -> dict[str, Any]:
    """Counts of an indexing run."""
    return {
        "added": r.added, "changed": r.changed, "redescribed": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "refused": r.refused, "seconds": round(r.seconds, 2), "images_per_s": _rate(r),
        "generation": r.generation or None,
        "refusals": [_refusal_json(x) for x in r.refusals],
    }  # fmt: skip


def _rate(r: IndexReport) -> float:
    return round(r.described / r.seconds, 1) if r.seconds > 0 else 0.0


def report(r: IndexReport, as_json: bool = False) -> None:
    """Counts of an indexing run."""
    if as_json:
        return print_json(report_json(r))
    for refusal in r.refusals[:_SHOWN_REFUSALS]:
        OUT.print(f"[red]refused[/]  {refusal.code}  {text(refusal.message)}")
    if len(r.refusals) > _SHOWN_REFUSALS:
        OUT.print(f"... and {len(r.refusals) - _SHOWN_REFUSALS} more: `simsearch status --refused`")
    parts = {
        "added": r.added, "changed": r.changed, "described anew": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "refused": r.refused,
    }  # fmt: skip
    always = ("added", "unchanged", "refused")
    OUT.print(", ".join(f"{n} {name}" for name, n in parts.items() if n or name in always))
    if r.described:
        OUT.print(f"{r.described} photos described in {r.seconds:.1f} s ({_rate(r)} a second)")
    if r.generation:
        OUT.print(f"generation {r.generation} serves now")
    return None


def _refusal_json(r: Refusal) -> dict[str, str]:
    return {"where": r.where, "code": r.code, "message": r.message}


def refusals(found: Sequence[Refusal], as_json: bool) -> None:
    """What was refused, one a line."""
    for refusal in found:
        if as_json:
            print_json(_refusal_json(refusal))
        else:
            OUT.print(f"{refusal.code:13} {text(refusal.message)}")
    if not found and not as_json:
        OUT.print("nothing was refused")


# -- one fact, training ----------------------------------------------------------------------------------------------


def fact(value: Mapping[str, Any], words: str, as_json: bool) -> None:
    """One short result."""
    if as_json:
        return print_json(value)
    return OUT.print(text(words))


def trained(r: TrainResult, as_json: bool) -> None:
    """What training reached."""
    measured = not math.isnan(r.best_r1)
    value = {
        "weights": str(r.weights), "steps": r.steps, "best_r1": r.best_r1 if measured else None,
        "calibration": str(r.calibration) if r.calibration else None, "not_calibrated": r.not_calibrated or None,
        "refusals": [_refusal_json(x) for x in r.refusals],
    }  # fmt: skip
    reached = f"R@1 {r.best_r1:.3f} on held-out products" if measured else "no product was held out to measure it"
    lacking = "; too few held-out products to calibrate: run `simsearch calibrate` before a query"
    if not as_json:
        left_out(r.refusals)
        if r.not_calibrated:
            OUT.print(f"not calibrated: {text(r.not_calibrated)}")
    fact(value, f"{r.weights}: {r.steps} steps, {reached}{lacking if r.calibration is None else ''}", as_json)


def calibrated(r: CalibrateResult, as_json: bool) -> None:
    """Where a calibration was written, and what it could not use."""
    if not as_json:
        left_out(r.refusals)
    value = {"calibration": str(r.path), "refusals": [_refusal_json(x) for x in r.refusals]}
    fact(value, f"{r.path}: written", as_json)


# -- config ----------------------------------------------------------------------------------------------------------


def settings(config: Config, origin: Mapping[str, str], as_json: bool) -> None:
    """Every setting in force and where it comes from."""
    rows = [(key, value, origin.get(key, "built in")) for key, value in _flat(config, "")]
    if as_json:
        return print_json({key: {"value": value, "from": source} for key, value, source in rows})
    lines = table("setting", "value", "from")
    for key, value, source in rows:
        lines.add_row(*map(text, (key, json.dumps(value, ensure_ascii=False), source)))
    return OUT.print(lines)


def _flat(value: Any, prefix: str) -> list[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        return [row for f in fields(value) for row in _flat(getattr(value, f.name), f"{prefix}.{f.name}".lstrip("."))]
    if isinstance(value, Mapping):
        return [row for key in value for row in _flat(value[key], f"{prefix}.{key}")]
    return [(prefix, list(value) if isinstance(value, tuple) else value)]
