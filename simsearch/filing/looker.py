"""Looks at pairs of photos and at photos beside rows, by what the catalog stores of them. No file is opened."""

from __future__ import annotations

from dataclasses import replace
from math import log1p, sqrt

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.forms import differ, forms
from simsearch.core.types import Description, Descriptor, PrintComparison, PrintedFact
from simsearch.features.orb import Geometry
from simsearch.filing.evidence import RowSeen
from simsearch.filing.large_words import lacking
from simsearch.filing.pill_words import pills_apart
from simsearch.filing.print_lines import joined
from simsearch.filing.row_amounts import strength_said
from simsearch.filing.vocabulary import Makers
from simsearch.recognition.multi_view import log_odds
from simsearch.recognition.pair_scorer import PairScorer, PrintComparer
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.printed import PRINT_FEATURES, CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.printed.alignment import Alignment
from simsearch.recognition.printed.facts import said
from simsearch.recognition.printed.table import stated

_LIKENESS, _NAME, _CODE, _DIFFERING = (
    PRINT_FEATURES.index(column) for column in ("text_likeness", "name", "code", "differing")
)
_AMOUNTS = ("strength", "pack", "volume")
_MOST_ODDS = 8.0
_STEADY = 25
"""Keypoints that agree, from which the place of a word is known."""
_ALSO = frozenset({"syrup", "suspension"})
"""Forms of which a row may say one for the other: what is drunk."""
_SURE_FORM = 0.95
"""Confidence of a line from which its word for a form counts against a row."""


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
        words = lacking(read[0].reading, read[1].reading, self._alignment(read, geometry))
        unnamed = not all(side.facts and side.facts.name for side in read)
        columns = (*_printed(printed), words.most, words.least, float(unnamed), words.in_view)
        return (look, sqrt(seen.support), *columns), printed

    def _alignment(self, read: tuple[PrintSide, PrintSide], geometry: Geometry | None) -> Alignment | None:
        """Where keypoints say that print of the first photo lies on the second."""
        a, b = (side.reading for side in read)
        if a is None or b is None or geometry is None or geometry.homography is None or geometry.inliers < _STEADY:
            return None
        return Alignment(geometry, (a.width, a.height), (b.width, b.height), self.scorer.orb.settings.size)

    def row(
        self, side: PrintSide, facts: ImageFacts, makers: Makers | None = None, pills: Descriptor | None = None
    ) -> RowSeen:
        """What a photo's print and codes say of a row.

        `makers`: those that the photo prints. `pills`: its descriptor by the method of that name, for loose pills.
        """
        apart = pills_apart(pills, facts.attributes) if pills is not None else []
        looks = tuple((each.kind, each.apart, each.ours, each.theirs) for each in apart)
        if side.reading is None and not side.codes:
            return RowSeen(0.0, apart=looks)
        side = _for_rows(side)
        found = self.words.compare(PhotoSide(side.reading, side.codes, None), CatalogSide(facts=facts), None)
        agree = {fact.kind for fact in found.agreements}
        against = {(fact.kind, fact.photo, fact.catalog) for fact in (*found.contradictions, *_form(side, facts))}
        if makers is not None and facts.manufacturer:
            instead = makers.instead(facts.manufacturer)
            agree |= {"maker"} if makers.agree(facts.manufacturer) else set()
            against |= {("maker", instead, facts.manufacturer)} if instead else set()
        unsure = {(f.kind, f.photo, f.catalog) for f in found.doubts if f.kind in _AMOUNTS}
        if side.reading is not None and not {"strength"} & (agree | {kind for kind, *_ in (*against, *unsure)}):
            said_so, other = strength_said(side.reading, facts)
            agree |= {"strength"} if said_so else set()
            unsure |= {("strength", other, stated(facts).strength)} if other else set()
        told = {kind for kind, *_ in against}
        return RowSeen(
            found.features[_NAME], tuple(sorted(agree)), tuple(sorted(against)), looks,
            tuple(sorted(fact for fact in unsure if fact[0] not in told)),
        )  # fmt: skip

    def against_row(self, side: PrintSide, facts: ImageFacts) -> list[PrintedFact]:
        """The facts in which a photo contradicts a row, or may, with their places on the photo."""
        side = _for_rows(side)
        found = self.words.compare(PhotoSide(side.reading, side.codes, None), CatalogSide(facts=facts), None)
        return [*found.contradictions, *_form(side, facts), *found.doubts]


def _for_rows(side: PrintSide) -> PrintSide:
    """What a row is compared with."""
    return side if side.reading is None else replace(side, reading=joined(side.reading))


def _form(side: PrintSide, facts: ImageFacts) -> list[PrintedFact]:
    """A contradiction where the photo surely names a form, and none that the row can mean."""
    if side.reading is None or not forms(facts.form):
        return []
    named = [s for s in said(side.reading, form=facts.form) if s.content.forms]
    ours = frozenset().union(*(s.content.forms for s in named))
    sure = next((s for s in named if s.line.confidence >= _SURE_FORM), None)
    theirs = forms(f"{facts.form} {facts.name}")
    if sure is None or not differ(ours, theirs | _ALSO if theirs & _ALSO else theirs):
        return []
    return [PrintedFact("form", sure.line.text, facts.form, from_table=True, confidence=sure.line.confidence)]


def _printed(printed: PrintComparison | None) -> tuple[float, ...]:
    if printed is None:
        return (0.0,) * 7
    kinds = [fact.kind for fact in printed.agreements]
    placed = sum(fact.photo_place is not None for fact in printed.agreements if fact.kind not in ("name", "code"))
    against = sum(fact.kind != "code" for fact in printed.contradictions)
    columns = (_LIKENESS, _CODE, _DIFFERING)
    likeness, code, differing = (printed.features[column] if printed.features else 0.0 for column in columns)
    amounts = len({*kinds} & {*_AMOUNTS})
    return likeness, log1p(placed), float("name" in kinds), float(amounts), log1p(against), code, differing
