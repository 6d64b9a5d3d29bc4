"""What the check of filing sees of a photo: beside others of its SKU, beside near ones of other SKUs, and beside rows.

All of it comes from what the catalog stores: embeddings, keypoints, readings and codes. No file is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p, sqrt
from typing import Any

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.forms import differ, forms
from simsearch.core.types import Description, PrintComparison, PrintedFact
from simsearch.features.orb import Geometry
from simsearch.recognition.multi_view import log_odds
from simsearch.recognition.pair_scorer import PairScorer, PrintComparer
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.printed import PRINT_FEATURES, CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.printed.facts import said

PAIR_FEATURES = ("look", "support", "likeness", "lines", "name", "amounts", "against", "code")
"""What a pair of photos shows, in this order:

look: log-odds of one product by appearance, -8 to 8. support: root of the support of the keypoints. likeness: of
all text, less where one side says little, 0 to 1. lines: log(1 + lines that agree at their place). name, amounts: how
many of name, and of strength, pack and volume, agree. against: log(1 + contradictions in print). code: 1 for equal
codes, 0.5 for those of a case and what is in it, -1 for codes that differ.
"""
_AGAINST, _BY_CODE = PAIR_FEATURES.index("against"), PAIR_FEATURES.index("code")
_LIKENESS, _NAME, _CODE = (PRINT_FEATURES.index(column) for column in ("text_likeness", "name", "code"))
_AMOUNTS = ("strength", "pack", "volume")
_MOST_ODDS = 8.0
_SURE_FORM = 0.95
"""Confidence of a line from which its word for a form counts against a row."""


@dataclass(frozen=True)
class PairSeen:
    """A photo beside another one."""

    other: int
    """Image id."""
    features: tuple[float, ...]
    """The columns `PAIR_FEATURES`."""

    @property
    def contradicted(self) -> bool:
        """Whether print or codes say that the two are two products."""
        return self.features[_AGAINST] > 0 or self.features[_BY_CODE] < 0


@dataclass(frozen=True)
class RowSeen:
    """A photo beside a row of the catalog's table."""

    name: float
    """How much of the row's name is printed on the photo, 0 to 1."""
    agree: tuple[str, ...] = ()
    """Kinds of facts: strength, pack, volume, form, code."""
    against: tuple[tuple[str, str, str], ...] = ()
    """(kind, as printed, as the row says)."""


@dataclass(frozen=True)
class ImageSeen:
    """What was seen of one photo."""

    read: bool
    """Whether any print was read on it."""
    own: tuple[PairSeen, ...]
    """Beside photos of its SKU."""
    others: tuple[PairSeen, ...]
    """Beside photos of other SKUs."""
    row: RowSeen
    """Beside its own row."""
    rows: Mapping[str, RowSeen]
    """SKU -> beside the row of that SKU, for those of `others`."""

    def json(self) -> dict[str, Any]:
        """As the catalog keeps it."""
        return {
            "read": self.read, "own": [_packed(p) for p in self.own], "others": [_packed(p) for p in self.others],
            "row": _packed_row(self.row), "rows": {sku: _packed_row(row) for sku, row in sorted(self.rows.items())},
        }  # fmt: skip

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> ImageSeen:
        """The inverse of `json`."""
        own, others = (tuple(PairSeen(p[0], tuple(p[1:])) for p in kept[side]) for side in ("own", "others"))
        return cls(kept["read"], own, others, _row(kept["row"]), {sku: _row(r) for sku, r in kept["rows"].items()})


def _packed(pair: PairSeen) -> list[float]:
    return [pair.other, *(round(value, 4) for value in pair.features)]


def _packed_row(row: RowSeen) -> list[Any]:
    return [round(row.name, 4), list(row.agree), [list(fact) for fact in row.against]]


def _row(kept: Sequence[Any]) -> RowSeen:
    return RowSeen(kept[0], tuple(kept[1]), tuple((f[0], f[1], f[2]) for f in kept[2]))


class Looker:
    """Looks at pairs and rows. Any number of threads may ask."""

    def __init__(self, scorer: PairScorer, prints: PrintComparer | None, words: PrintVerifier) -> None:
        """`prints`: compares what was read of two photos; None: nothing was. `words`: a photo with a row."""
        self.scorer, self.prints, self.words = scorer, prints, words

    def pair(
        self, sides: tuple[Description, Description], read: tuple[PrintSide, PrintSide]
    ) -> tuple[tuple[float, ...], PrintComparison | None]:
        """The features of a pair, and what print says of it."""
        row = self.scorer.quick_pairs([sides[0]], [sides[1]])[0]
        geometry: Geometry | None = None
        if "orb" in sides[0] and "orb" in sides[1]:
            geometry = self.scorer.compare_keypoints(row, *sides)
        printed = self.prints.compare(*read, geometry) if self.prints else None
        [seen] = self.scorer.verdicts(row[None], [geometry.inliers if geometry else 0])
        look = float(np.clip(log_odds(seen.probability), -_MOST_ODDS, _MOST_ODDS))
        return (look, sqrt(seen.support), *_printed(printed)), printed

    def row(self, side: PrintSide, facts: ImageFacts) -> RowSeen:
        """What a photo's print and codes say of a row."""
        if side.reading is None and not side.codes:
            return RowSeen(0.0)
        found = self.words.compare(PhotoSide(side.reading, side.codes, None), CatalogSide(facts=facts), None)
        name = found.features[_NAME]
        agree = tuple(sorted({fact.kind for fact in found.agreements}))
        kept = sorted({(fact.kind, fact.photo, fact.catalog) for fact in (*found.contradictions, *_form(side, facts))})
        return RowSeen(name, agree, tuple(kept))

    def against_row(self, side: PrintSide, facts: ImageFacts) -> list[PrintedFact]:
        """The facts in which a photo contradicts a row, with their places on the photo."""
        found = self.words.compare(PhotoSide(side.reading, side.codes, None), CatalogSide(facts=facts), None)
        return [*found.contradictions, *_form(side, facts)]


def _form(side: PrintSide, facts: ImageFacts) -> list[PrintedFact]:
    """A contradiction where the photo surely names a form, and none that the row can mean."""
    if side.reading is None or not forms(facts.form):
        return []
    named = [s for s in said(side.reading, form=facts.form) if s.content.forms]
    ours = frozenset().union(*(s.content.forms for s in named))
    sure = next((s for s in named if s.line.confidence >= _SURE_FORM), None)
    if sure is None or not differ(ours, forms(f"{facts.form} {facts.name}")):
        return []
    return [PrintedFact("form", sure.line.text, facts.form, from_table=True, confidence=sure.line.confidence)]


def _printed(printed: PrintComparison | None) -> tuple[float, ...]:
    if printed is None:
        return (0.0,) * 6
    kinds = [fact.kind for fact in printed.agreements]
    placed = sum(fact.photo_place is not None for fact in printed.agreements if fact.kind not in ("name", "code"))
    against = sum(fact.kind != "code" for fact in printed.contradictions)
    likeness, code = (printed.features[_LIKENESS], printed.features[_CODE]) if printed.features else (0.0, 0.0)
    amounts = len({*kinds} & {*_AMOUNTS})
    return likeness, log1p(placed), float("name" in kinds), float(amounts), log1p(against), code
