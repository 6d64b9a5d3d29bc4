"""A recorded answer, made into an answer again, so that the page shows old and new ones alike.

A record keeps less than an answer: no places on the pictures, of a package only the products that it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import (
    Decision,
    Hit,
    LookAlike,
    Outcome,
    Package,
    PhotoPrint,
    PrintAlone,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)
from simsearch.recognition.look_alikes import look_alikes

if TYPE_CHECKING:
    from simsearch.catalog import Catalog
    from simsearch.catalog.decisions import RecordedDecision

_NOWHERE = ((0.0, 0.0),) * 4
_SHOWN = 5
"""Hits of a record that does not say how many were shown."""


def decision(record: RecordedDecision, catalog: Catalog) -> Decision:
    """The answer that was recorded, with what the catalog says today of its products."""
    evidence = record.evidence
    kept = list(evidence.get("hits") or [])
    facts = catalog.images.facts(hit["image_id"] for hit in kept)
    every = [_hit(hit, facts) for hit in kept]
    hits = every[: int(evidence.get("shown") or _SHOWN)]
    packages = _packages(evidence.get("packages") or (), catalog)
    named = tuple(evidence.get("named") or ([record.sku] if record.sku else []))
    hits += [hit for hit in every if hit.sku in named and hit not in hits]
    photos = tuple(str(photo.get("query", "")) for photo in evidence.get("photos") or ())
    return Decision(
        record.query, Outcome(record.outcome), record.sku, None, record.probability, tuple(hits), record.generation,
        float(evidence.get("took_ms") or 0), str(evidence.get("reason") or ""), named=named,
        look_alikes=_look_alikes(named, hits, facts), photos=photos, read=_read(evidence),
        against=_against(evidence, every), packages=packages, record_id=record.id,
    )  # fmt: skip


def _hit(kept: Mapping[str, Any], facts: Mapping[int, ImageFacts]) -> Hit:
    own = facts.get(kept["image_id"])
    verification = Verification(
        float(kept.get("probability") or 0), float(kept.get("similarity") or 0), 0.0, int(kept.get("inliers") or 0),
        0.0, support=float(kept.get("support") or 0), printed=_printed(kept.get("printed")),
    )  # fmt: skip
    image = own.image if own else ""
    return Hit(str(kept["sku"]), own.title if own else "", int(kept["image_id"]), image, verification)


def _printed(kept: Mapping[str, Any] | None) -> PrintComparison | None:
    if not kept:
        return None
    agreements, contradictions = (_facts(kept.get(key) or ()) for key in ("agreements", "contradictions"))
    alone = kept.get("alone")
    words = PrintAlone(words=tuple(alone.get("words") or ())) if alone else None
    return PrintComparison(agreements, contradictions, contested=str(kept.get("contested") or ""), alone=words)


def _facts(kept: Iterable[Mapping[str, Any]]) -> tuple[PrintedFact, ...]:
    return tuple(PrintedFact(f["kind"], f["photo"], f["catalog"], bool(f.get("from_table"))) for f in kept)


def _read(evidence: Mapping[str, Any]) -> PhotoPrint | None:
    read = evidence.get("read")
    if read is None:
        return None
    lines = tuple(PrintedLine(line["text"], float(line["confidence"]), _NOWHERE) for line in read.get("lines") or ())
    strengths, packs, forms = (tuple(read.get(key) or ()) for key in ("strengths", "packs", "forms"))
    return PhotoPrint(lines, strengths, packs, forms, tuple(evidence.get("codes") or ()))


def _against(evidence: Mapping[str, Any], hits: Sequence[Hit]) -> Hit | None:
    """The hit that the answer's contradictions are about: the record names their words, not the product."""
    wanted = _facts(evidence.get("contradictions") or ())
    same = (hit for hit in hits if hit.verification.printed and hit.verification.printed.contradictions == wanted)
    return next(same, None) if wanted else None


def _look_alikes(named: Sequence[str], hits: Sequence[Hit], facts: Mapping[int, ImageFacts]) -> tuple[LookAlike, ...]:
    """Worked out again, from today's catalog: of a MATCH alone, as for the answer itself."""
    first = next((facts[hit.image_id] for hit in hits if hit.sku in named and hit.image_id in facts), None)
    if first is None or len(named) != 1:
        return ()
    others = [(facts[h.image_id], h.verification) for h in hits if h.sku != first.sku and h.image_id in facts]
    return look_alikes(first, others)


def _packages(kept: Iterable[Mapping[str, Any]], catalog: Catalog) -> tuple[Package, ...]:
    kept = list(kept)
    listed = catalog.browse.by_sku(sku for package in kept for sku in package.get("named") or ())
    images = catalog.images.facts(product.cover for product in listed.values())
    packages = []
    for package in kept:
        named = tuple(package.get("named") or ())
        hits = tuple(
            Hit(sku, images[listed[sku].cover].title, listed[sku].cover, "", _bare(package, sku))
            for sku in named
            if sku in listed and listed[sku].cover in images
        )
        answer = Decision(
            "", Outcome(package["decision"]), package.get("sku"), None, float(package.get("probability") or 0), hits,
            "", 0.0, named=named,
        )  # fmt: skip
        outline = package.get("outline")
        packages.append(Package(tuple((float(x), float(y)) for x, y in outline) if outline else None, answer))
    return tuple(packages)


def _bare(package: Mapping[str, Any], sku: str) -> Verification:
    probability = float(package.get("probability") or 0) if sku == package.get("sku") else 0.0
    return Verification(probability, 0.0, 0.0, 0, 0.0)
