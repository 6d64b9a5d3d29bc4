"""The shapes of doubts about filing as JSON; docs/json.md names every key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simsearch.views.json import instant

if TYPE_CHECKING:
    from simsearch.catalog.doubts import Doubt, DoubtedPhoto
    from simsearch.filing.desk import DecidedDoubt

Json = dict[str, Any]


def doubt(d: Doubt) -> Json:
    """A doubt, and what a person said of it."""
    return {
        "id": d.id, "kind": d.kind.value, "probability": round(d.probability, 6), "sku": d.sku,
        "photo": _shown(d.photo), "against": _shown(d.against), "against_sku": d.against_sku or None,
        "field": d.field or None, "reason": d.reason, "action": d.action.value, "to_sku": d.to_sku or None,
        "clashes": [{"kind": c.kind, "ours": c.ours, "theirs": c.theirs} for c in d.clashes], "new": d.new,
        "said": d.verdict.value if d.verdict else None, "note": d.note, "by": d.by or None,
        "at": instant(d.said_at) if d.said_at else None,
    }  # fmt: skip


def _shown(photo: DoubtedPhoto | None) -> Json | None:
    if photo is None:
        return None
    return {"id": photo.image_id, "sku": photo.sku, "image": photo.image, "path": photo.path, "sha256": photo.sha256}


def decided(d: DecidedDoubt) -> Json:
    """A doubt after a word on it, and how many photos are filed otherwise now."""
    return {**doubt(d.doubt), "images": d.images}
