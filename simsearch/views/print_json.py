"""The shape of print and codes as JSON, in answers, verdicts and duplicates. docs/json.md names every key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simsearch.core.types import Corners, Decision, PhotoPrint, PrintComparison, PrintedFact

Json = dict[str, Any]
_WORDS = 20
"""Words of print that are told where it stands alone."""


def read(found: PhotoPrint | None) -> Json | None:
    """What was read on a photo; None where it was not read."""
    if found is None:
        return None
    return {
        "lines": [
            {"text": line.text, "confidence": round(line.confidence, 4), "place": place(line.place)}
            for line in found.lines
        ],
        "strengths": list(found.strengths), "packs": list(found.packs), "forms": list(found.forms),
    }  # fmt: skip


def printed(found: PrintComparison | None) -> Json | None:
    """What print and codes say of a pair; None where nothing was compared."""
    if found is None:
        return None
    return {
        "agreements": facts(found.agreements), "contradictions": facts(found.contradictions),
        "doubts": facts(found.doubts), "likeness": round(found.likeness, 6), "contested": found.contested,
        "alone": list(found.alone.words[:_WORDS]) if found.alone else None,
    }  # fmt: skip


def facts(found: Iterable[PrintedFact]) -> list[Json]:
    """Agreements, contradictions or doubts."""
    return [
        {
            "kind": fact.kind, "photo": fact.photo, "catalog": fact.catalog, "from_table": fact.from_table,
            "confidence": round(fact.confidence, 4), "photo_place": place(fact.photo_place),
            "catalog_place": place(fact.catalog_place),
        }
        for fact in found
    ]  # fmt: skip


def contradictions(found: Decision) -> list[Json]:
    """What print holds against the product that looks nearest, where the answer rests on it."""
    return [{"sku": found.against.sku, **fact} for fact in facts(found.contradictions)] if found.against else []


def place(corners: Corners | None) -> list[list[float]] | None:
    """Corners on a picture, x and y in shares of its width and height; None where there are none."""
    return None if corners is None else [[round(x, 4), round(y, 4)] for x, y in corners]
