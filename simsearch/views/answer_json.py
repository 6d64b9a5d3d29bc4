"""The shape of answers to photos and pairs as JSON. docs/json.md names every key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simsearch.core.errors import ImageError
from simsearch.views import print_json

if TYPE_CHECKING:
    from simsearch.core.types import Decision, Hit, LookAlike, Package, PairVerdict, Verification

Json = dict[str, Any]


def answer(query: str, found: Decision | ImageError, *, explain: bool = False) -> Json:
    """The answer to one photo, which the caller calls `query`."""
    if isinstance(found, ImageError):
        return {"query": query, "error": error(found)}
    return {
        "query": query, **_said(found),
        "packages": [_package(p, explain=explain and len(found.packages) > 1) for p in found.packages],
        "generation": found.generation, "took_ms": round(found.took_ms, 2), "id": found.record_id,
        **({"explanation": explanation(found)} if explain else {}),
    }  # fmt: skip


def _said(found: Decision) -> Json:
    """What is said of a photo, and of each package in it."""
    return {
        "decision": found.outcome.value, "sku": found.sku, "name": found.name,
        "probability": round(found.probability, 6), "reason": found.reason, "named": list(found.named),
        "hits": [_hit(h) for h in found.hits], "look_alikes": [_look_alike(a) for a in found.look_alikes],
        "read": print_json.read(found.read), "codes": list(found.read.codes) if found.read else [],
        "contradictions": print_json.contradictions(found), "filing": list(found.filing),
    }  # fmt: skip


def _package(package: Package, *, explain: bool) -> Json:
    explained = {"explanation": explanation(package.answer)} if explain else {}
    return {"outline": print_json.place(package.outline), **_said(package.answer), **explained}


def together(
    photos: Sequence[str], found: Decision | None, unreadable: Sequence[ImageError], *, explain: bool = False
) -> Json:
    """One answer to several photos, and which of them could not be read."""
    name = " + ".join(photos)
    body = answer(name, found, explain=explain) if found else {"query": name}
    return {**body, "photos": list(photos), "errors": [error(e) for e in unreadable]}


def error(refused: ImageError) -> Json:
    """Why a photo was refused."""
    return {"code": refused.code, "message": str(refused)}


def explanation(found: Decision) -> Json:
    """How an answer came about. `hits` are those of the answer, in their order."""
    return {
        "stages_ms": {stage: round(ms, 2) for stage, ms in found.stages_ms.items()},
        "lanes": [
            {"lane": s.name, "took_ms": round(s.took_ms, 2), "found": s.found, "alone": s.alone} for s in found.lanes
        ],
        "hits": [{"sku": h.sku, "ranks": dict(h.ranks)} for h in found.hits],
        "pills": [
            {
                "outline": print_json.place(p.outline), "colours": list(p.colours), "shape": p.shape,
                "scored": p.scored, "imprint": p.imprint, "size_mm": list(p.size_mm) if p.size_mm else None,
            }
            for p in found.pills
        ],
    }  # fmt: skip


def _hit(hit: Hit) -> Json:
    v = hit.verification
    return {
        "sku": hit.sku, "name": hit.name, "image": hit.image, "image_id": hit.image_id,
        **scores(v), "printed": print_json.printed(v.printed),
    }  # fmt: skip


def scores(v: Verification) -> Json:
    return {
        "probability": round(v.probability, 6), "similarity": round(v.similarity, 6), "inliers": v.inliers,
        "support": round(v.support, 2),
    }  # fmt: skip


def _look_alike(alike: LookAlike) -> Json:
    differences = [{"field": field, "named": ours, "other": theirs} for field, ours, theirs in alike.differences]
    return {
        "sku": alike.sku, "name": alike.name, "kind": alike.kind, "differences": differences, "warning": alike.warning
    }  # fmt: skip


def verdict(v: PairVerdict, where: str = "") -> Json:
    """The verdict on a pair of files; `where` is the line of the list that named it."""
    names = {"a": v.a, "b": v.b, **({"where": where} if where else {})}
    if v.error is not None:
        return {**names, "error": error(v.error)}
    if v.verification is None:
        return {**names, "similarity": v.similarity}
    print_ = print_json.printed(v.verification.printed)
    outlines = [print_json.place(outline) for outline in v.outlines]
    return {
        **names, "same": v.same, **scores(v.verification), "printed": print_, "reason": v.reason, "outlines": outlines
    }  # fmt: skip
