"""The shape of every result as JSON, for the command line's `--json` and for servers. docs/json.md names every key.

Each function takes a result and returns what `json.dumps` can write without further help: plain types, no NaN.
Probabilities and similarities are rounded to six digits. `answer_json` has the shapes of answers; their names are here
too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simsearch.views import print_json
from simsearch.views.answer_json import answer as answer
from simsearch.views.answer_json import error as error
from simsearch.views.answer_json import explanation as explanation
from simsearch.views.answer_json import scores as scores
from simsearch.views.answer_json import together as together
from simsearch.views.answer_json import verdict as verdict

if TYPE_CHECKING:
    from pathlib import Path

    from simsearch.catalog.copying import CopyReport
    from simsearch.catalog.decisions import RecordedDecision
    from simsearch.catalog.images import ImageFacts
    from simsearch.catalog.reviews import Review, Side
    from simsearch.core.config import Config
    from simsearch.core.status import PhotoCheck, Status
    from simsearch.core.types import Refusal
    from simsearch.duplicates import DuplicateGroup, DuplicatePair
    from simsearch.duplicates.feedback import TakenIn
    from simsearch.evaluation.methods import MethodsReport
    from simsearch.evaluation.tables import Report
    from simsearch.ingest.build_plan import Plan
    from simsearch.ingest.index_report import IndexReport
    from simsearch.ingest.nightly import NightlyReport
    from simsearch.ingest.reading_report import ReadingReport
    from simsearch.recognition.by_looks import LooksHit
    from simsearch.training.augment import AugmentSettings
    from simsearch.training.calibrate import CalibrateResult
    from simsearch.training.trainer import TrainResult

Json = dict[str, Any]

# -- descriptions ----------------------------------------------------------------------------------------------------


def by_looks(description: str, hits: Sequence[LooksHit]) -> Json:
    """The products whose pills fit a description, best first."""
    found = [{"sku": h.sku, "name": h.name, "score": round(h.score, 6), "fits": list(h.fits)} for h in hits]
    return {"looks": description, "hits": found}


# -- recorded decisions ----------------------------------------------------------------------------------------------


def decision(d: RecordedDecision) -> Json:
    """A recorded answer, the evidence it was made from, and what a person said of it."""
    review = d.review and {
        "verdict": d.review.verdict.value, "sku": d.review.sku, "note": d.review.note, "at": instant(d.review.at),
        "by": d.review.by or None,
    }  # fmt: skip
    return {
        "id": d.id, "at": instant(d.at), "query": d.query, "query_sha256": d.query_sha256, "decision": d.outcome,
        "sku": d.sku, "probability": round(d.probability, 6), "generation": d.generation, **d.evidence,
        "review": review, **({"face": d.face} if d.face else {}),
    }  # fmt: skip


def instant(at: datetime) -> str:
    """A time in UTC, to the second, as ISO 8601."""
    return f"{at.isoformat(timespec='seconds')}Z"


# -- duplicates ------------------------------------------------------------------------------------------------------


def group(found: DuplicateGroup) -> Json:
    """Images that show the same product."""
    return {
        "kind": found.kind.value, "skus": list(found.skus), "conflict": found.conflict,
        "probability": round(found.probability, 6), "images": [_image(i) for i in found.images],
        "pairs": [_pair(p) for p in found.pairs],
        "keep": next((_image(i) for i in found.images if i.id == found.keep), None), "keep_reason": found.keep_reason,
    }  # fmt: skip


def look_alike(p: DuplicatePair) -> Json:
    """A pair that is no duplicate, in the shape of a group."""
    return {
        "kind": p.kind.value, "skus": [p.a.sku, p.b.sku], "conflict": True, "probability": round(p.probability, 6),
        "images": [_image(p.a), _image(p.b)], "pairs": [_pair(p)],
    }  # fmt: skip


def _image(i: ImageFacts) -> Json:
    return {"id": i.id, "sku": i.sku, "name": i.title, "image": i.image, "sha256": i.sha256}


def _pair(p: DuplicatePair) -> Json:
    """Identical files are not compared: their scores are null."""
    compared = scores(p.verification) if p.verification else dict.fromkeys(("similarity", "inliers", "support"))
    return {
        "a": p.a.image, "b": p.b.image, "a_id": p.a.id, "b_id": p.b.id,
        "identical_file": p.identical_file, "kind": p.kind.value, **compared,
        "printed": print_json.printed(p.verification.printed if p.verification else None),
        "probability": round(p.probability, 6), "reason": p.reason, "said": p.said.value if p.said else None,
        "places": [[round(x, 4) for x in box] for box in p.places] if p.places else None,
    }  # fmt: skip


def said(pair: tuple[Side, Side], verdict: str) -> Json:
    """What is remembered of a pair after a person spoke."""
    a, b = pair
    return {"a": _side(a), "b": _side(b), "said": verdict}


def review(r: Review) -> Json:
    """What a person once said of a pair."""
    return {**said((r.a, r.b), r.said.value), "note": r.note, "at": f"{r.at.isoformat()}Z", "by": r.by or None}


def taken_in(t: TakenIn, refused: Sequence[str]) -> Json:
    """What became of reviews that were brought in."""
    return {
        "taken": t.taken, "known": t.equal, "refused": list(refused),
        "conflicts": [{"stays": review(earlier), "refused": review(other)} for earlier, other in t.conflicts],
    }  # fmt: skip


def _side(side: Side) -> Json:
    return {"sku": side.sku, "sha256": side.sha256 or None}


# -- catalog and indexes ---------------------------------------------------------------------------------------------


def report(r: IndexReport) -> Json:
    """Counts of an indexing run."""
    return {
        "added": r.added, "changed": r.changed, "redescribed": r.redescribed, "unchanged": r.unchanged,
        "retired": r.retired, "kept": r.kept, "refused": r.refused, "corrected": r.corrected, "left_out": r.left_out,
        "seconds": round(r.seconds, 2), "images_per_s": rate(r),
        "generation": r.generation or None, "refusals": [refusal(x) for x in r.refusals],
        "passed_over": [asdict(group) for group in r.passed_over], "reading": reading(r.reading) if r.reading else None,
        "filing": r.filing.json if r.filing else None,
    }  # fmt: skip


def reading(r: ReadingReport) -> Json:
    """What was read of what is printed on the catalog's photos."""
    return r.json()


def rate(r: IndexReport) -> float:
    """Images described a second."""
    return round(r.described / r.seconds, 1) if r.seconds > 0 else 0.0


def refusal(r: Refusal) -> Json:
    """A row or photo that was not taken."""
    return {"where": r.where, "code": r.code, "message": r.message}


def status(s: Status) -> Json:
    """What there is, and whether it can be searched."""
    kept = ("name", "images", "state", "audit")
    generations = [{"created_at": str(g["created_at"]), **{key: g[key] for key in kept}} for g in s.generations]
    return {
        "home": s.home, **s.counts, "undescribed": dict(s.undescribed), "stale": dict(s.stale),
        "generation": s.generation or None, "kept": list(s.kept), "problem": s.problem or None,
        "verified": s.verified, "disk_bytes": dict(s.disk_bytes), "gpus": s.gpus,
        "sources_gone": [{"source": source, "images": n} for source, n in s.sources_gone.items()],
        "fingerprints": dict(s.fingerprints), "nightly": dict(s.nightly) if s.nightly else None,
        "generations": generations, "photos": _photos(s.photos) if s.photos else None,
        "printed": {**asdict(s.printed), "why": s.printed.why or None} if s.printed else None,
        "filing": dict(s.filing),
    }  # fmt: skip


def _photos(p: PhotoCheck) -> Json:
    return {
        "sound": p.sound, "changed": list(p.changed), "missing": list(p.missing), "unreadable": list(p.unreadable)
    }  # fmt: skip


def serves(name: str, *, rolled_back: bool) -> Json:
    """The generation that serves after a build or a rollback."""
    return {"generation": name, "rolled_back": rolled_back}


def catalog_copy(r: CopyReport) -> Json:
    """What was copied from one database to another."""
    return {"from": r.source, "to": r.target, "rows": dict(r.rows)}


def plan(p: Plan) -> Json:
    """What a rebuild would do."""
    return {**asdict(p), "lanes": [asdict(lane) for lane in p.lanes], "bytes": p.bytes}


def nightly(r: NightlyReport) -> Json:
    """What a night did, as its report file has it."""
    return r.json


def settings(config: Config, origin: Mapping[str, str]) -> Json:
    """Every setting in force by its dotted name, with the file or flag that it comes from."""
    rows = _flat(config, "")
    return {key: {"value": value, "from": origin.get(key, "built in")} for key, value in rows}


def _flat(value: Any, prefix: str) -> list[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        return [row for f in fields(value) for row in _flat(getattr(value, f.name), f"{prefix}.{f.name}".lstrip("."))]
    if isinstance(value, Mapping):
        return [row for key in value for row in _flat(value[key], f"{prefix}.{key}")]
    return [(prefix, list(value) if isinstance(value, tuple) else value)]


# -- training and measurements ---------------------------------------------------------------------------------------


def trained(r: TrainResult) -> Json:
    """What training reached. `best_r1` is null where no product was held out to measure it."""
    return {
        "weights": str(r.weights), "steps": r.steps, "best_r1": None if math.isnan(r.best_r1) else r.best_r1,
        "calibration": str(r.calibration) if r.calibration else None, "not_calibrated": r.not_calibrated or None,
        "refusals": [refusal(x) for x in r.refusals],
    }  # fmt: skip


def calibrated(r: CalibrateResult) -> Json:
    """The file that a calibration was written to, and what it could not use."""
    return {"calibration": str(r.path), "refusals": [refusal(x) for x in r.refusals]}


def augmentations(picture: Path, strengths: AugmentSettings) -> Json:
    """The picture of a strategy, and the strengths it was drawn with."""
    return {"picture": str(picture), "strengths": asdict(strengths)}


def rendered(manifest: Path, products: int) -> Json:
    """The manifest of a rendered set."""
    return {"manifest": str(manifest), "products": products}


def measurement(r: Report | MethodsReport) -> Json:
    """All figures of an evaluation; docs/evaluation.md explains them."""
    return r.json()
