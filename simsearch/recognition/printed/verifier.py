"""Compares what is printed on a photo, and its codes, with an image of the catalog."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from math import log1p

import numpy as np

from simsearch.core.code_agreement import Agreement, contested
from simsearch.core.code_agreement import Relation as CodeRelation
from simsearch.core.code_agreement import compare as compare_codes
from simsearch.core.codes import Codes
from simsearch.core.config import setting
from simsearch.core.types import PrintComparison, PrintedFact
from simsearch.features.orb import Geometry, OrbSettings
from simsearch.features.reading.cuts import places
from simsearch.features.reading.quads import upright
from simsearch.features.reading.types import Cut, Line, Reader
from simsearch.recognition.printed import digits
from simsearch.recognition.printed.agreement import (
    Weights,
    name_agreement,
    name_words,
    sized_words,
    text_evidence,
    text_likeness,
)
from simsearch.recognition.printed.aligned import Place, counted, read_along
from simsearch.recognition.printed.alignment import Alignment, Zone
from simsearch.recognition.printed.back import only_on_photo
from simsearch.recognition.printed.doubts import AMOUNTS, differ, not_settled, still_open
from simsearch.recognition.printed.facts import form_of, said
from simsearch.recognition.printed.line_alignment import by_lines
from simsearch.recognition.printed.lines import Relation
from simsearch.recognition.printed.sides import CatalogSide, PhotoSide
from simsearch.recognition.printed.table import against_table, stated
from simsearch.recognition.printed.whole import Facts, against_print, differing

_CODES = {CodeRelation.EQUAL: 1.0, CodeRelation.CASE_OF: 0.5, CodeRelation.NOTHING: 0.0, CodeRelation.DIFFERENT: -1.0}
_NAMED = 0.5
"""Agreement of a name from which two whole photos are of one brand."""


@dataclass(frozen=True)
class PrintSettings:
    """Settings of the comparison.

    lines: at most this many lines of a contender are looked for in the photo.
    inliers: agreeing keypoints from which a homography carries lines.
    steady: the same, from which a line beside the points that agree may contradict whatever it says.
    """

    lines: int = setting(4, low=0, high=60)
    inliers: int = setting(10, low=6, high=1000)
    steady: int = setting(25, low=6, high=1000)


def _one(_: str) -> float:
    return 1.0


class PrintVerifier:
    """Compares print and codes of a photo with images of the catalog.

    It keeps nothing between calls: any number of threads may call one verifier.
    """

    def __init__(
        self,
        reader: Reader | None,
        weights: Weights = _one,
        settings: PrintSettings | None = None,
        *,
        keypoint_side: int = OrbSettings().size,
        today: date | None = None,
    ) -> None:
        """
        Args:
            reader: reads cuts of the photo; None: nothing is read along a homography.
            weights: rarity of an n-gram or word of normalised text, above 0.
            settings: of the comparison.
            keypoint_side: longer side in pixels to which photos were scaled for the geometry.
            today: what two-digit years in codes are relative to; None: the day of the call.
        """
        self.reader, self.weights = reader, weights
        self.settings = settings or PrintSettings()
        self._side, self._today = keypoint_side, today

    def compare(self, photo: PhotoSide, other: CatalogSide, geometry: Geometry | None) -> PrintComparison:
        """What print and codes say of a photo and an image of the catalog.

        `geometry`: of the keypoints, photo to catalog; None where none was sought.
        """
        alignment = self._alignment(photo, other, geometry)
        laid_out = alignment.inliers if alignment and alignment.of_lines else 0
        places = self._along(photo, other, alignment)
        back: list[Place] = []
        if alignment and photo.reading and other.reading:
            back = only_on_photo(photo.reading, other.reading, alignment, other.facts)
        agree, against = _told([*places, *back])
        found = Facts(agree, against)
        likeness, evidence, name, apart = self._whole(photo, other, alignment, found)
        against[:] = [fact for fact in against if not _outvoted(fact, agree)]
        in_place: list[PrintedFact] = []
        if alignment and other.reading:
            in_place = not_settled(places, other.reading, other.facts, alignment, agree)
        doubts = still_open(found, in_place)
        apart |= {fact.kind for fact in doubts if fact.kind in AMOUNTS and differ(fact)}
        listed = other.all_codes(self._today or date.today())
        codes = compare_codes(photo.codes, listed)
        alone = self._contested(codes, geometry, agree, against)
        code = 0.0 if alone else _CODES[codes.relation]
        if code:
            kind = "case" if codes.relation is CodeRelation.CASE_OF else "code"
            numbers = _numbers(photo.codes), _numbers(listed)
            (against if code < 0 else agree).append(PrintedFact(kind, *numbers, from_table=not other.codes))
        features = (
            likeness * evidence,
            float(_both_read(photo, other)),
            log1p(counted(places, Relation.AGREES)),
            sum(p.judgement.likeness - 0.5 for p in places) / (len(places) + 1),
            log1p(counted(places, Relation.UNREAD)),
            log1p(sum(place.judgement.lacking for place in [*places, *back])),
            log1p(counted(back, Relation.UNREAD)),
            log1p(len({fact.kind for fact in agree} & {"strength", "pack", "volume"})),
            log1p(len(apart - {fact.kind for fact in agree})),
            name,
            code,
            log1p(laid_out),
        )
        contested = codes.text if alone else ""
        return PrintComparison(
            tuple(agree), tuple(against), likeness, features, contested, doubts=tuple(doubts), laid_out=laid_out
        )

    def _alignment(self, photo: PhotoSide, other: CatalogSide, geometry: Geometry | None) -> Alignment | None:
        """Where the lines of one side lie in the other: by keypoints, or by the lines themselves where too few agree.

        None where neither says it, or a side is unknown.
        """
        if geometry is None or other.reading is None or (photo.pixels is None and photo.reading is None):
            return None
        of_lines = geometry.homography is None or geometry.inliers < self.settings.inliers
        if of_lines:
            lines = by_lines(photo.reading, other.reading, self._side) if photo.reading else None
            if lines is None:
                return None
            geometry = lines
        if photo.pixels is not None:
            height, width = photo.pixels.shape[:2]
        else:
            assert photo.reading is not None
            height, width = photo.reading.height, photo.reading.width
        sizes = (width, height), (other.reading.width, other.reading.height)
        return Alignment(geometry, *sizes, self._side, of_lines=of_lines)

    def _along(self, photo: PhotoSide, other: CatalogSide, alignment: Alignment | None) -> list[Place]:
        if self.reader is None or photo.pixels is None or other.reading is None or alignment is None:
            return []
        form = form_of(other.reading, other.facts.form if other.facts else "")
        return read_along(
            photo.pixels, other.reading, alignment, self.reader, self.settings.lines, self.settings.steady,
            photo.reading, partial(self._near, photo), form,
        )  # fmt: skip

    def _contested(
        self, codes: Agreement, geometry: Geometry | None, agree: list[PrintedFact], against: list[PrintedFact]
    ) -> bool:
        """Whether the codes stand alone against picture and print.

        A pack size has its own GTIN: print is against unequal ones where it agrees in what the package holds.
        """
        picture = None
        if geometry is not None and (geometry.inliers >= self.settings.steady or not geometry.inliers):
            picture = geometry.inliers > 0
        held = {fact.kind for fact in agree} & {"pack", "volume"}
        return contested(codes, picture=picture, print_=False if against else True if held else None)

    def _whole(
        self, photo: PhotoSide, other: CatalogSide, alignment: Alignment | None, found: Facts
    ) -> tuple[float, float, float, frozenset[str]]:
        """Likeness of all text and what it is worth, agreement of the name, and kinds of amounts that differ.

        Adds to `found` what whole photos and the table say, of kinds that are open yet.
        """
        if photo.reading is None or not photo.reading.lines:
            return 0.0, 0.0, 0.0, frozenset()
        likeness = evidence = name = 0.0
        apart: frozenset[str] = frozenset()
        form = other.facts.form if other.facts else ""
        ours, near = said(photo.reading, form=form), partial(self._near, photo)
        told: list[Facts] = []
        if other.reading is not None:
            theirs = said(other.reading, form=form)
            told.append(against_print(ours, theirs, near))
            if other.reading.lines:
                likeness = text_likeness(photo.reading, other.reading, self.weights)
                evidence = text_evidence(photo.reading, other.reading)
                apart = differing(photo.reading, other.reading, ours, theirs)
        if other.facts is not None:
            told.append(against_table(ours, stated(other.facts), near))
            name = name_agreement(name_words(other.facts), sized_words(photo.reading), self.weights)
        same = name >= _NAMED or likeness >= _NAMED
        for each in told:
            found.agree += [fact for fact in each.agree if not _repeated(fact, found.agree)]
            settled = {fact.kind for fact in found.agree}
            for new, known in ((each.against, found.against), (each.doubts, found.doubts)):
                known += [f for f in new if same and f.kind not in settled and not _elsewhere(f, alignment)]
        return likeness, evidence, name, apart

    def _near(self, photo: PhotoSide, line: Line) -> Line:
        """A line of the photo with its two cuts, which are made once a photo; as it is where nothing can be cut."""
        if line.cuts or self.reader is None or photo.pixels is None:
            return line
        if id(line) not in photo.near:
            height, width = photo.pixels.shape[:2]
            crops = [upright(photo.pixels, q) for q in places(line.on(width, height).astype(np.float64))]
            narrow, wide = (Cut(text, confidence) for text, confidence in self.reader.recognise(crops))
            photo.near[id(line)] = replace(line, cuts=(narrow, wide))
        return photo.near[id(line)]


def _both_read(photo: PhotoSide, other: CatalogSide) -> bool:
    return all(side.reading is not None and side.reading.lines for side in (photo, other))


def _told(places: list[Place]) -> tuple[list[PrintedFact], list[PrintedFact]]:
    """The places that agree, and those that contradict, as facts."""
    agree: list[PrintedFact] = []
    against: list[PrintedFact] = []
    for place in places:
        side = {Relation.AGREES: agree, Relation.CONTRADICTS: against}.get(place.judgement.relation)
        if side is not None:
            judged = place.judgement
            side.append(
                PrintedFact(
                    judged.kind,
                    judged.photo,
                    judged.catalog,
                    photo_place=place.photo,
                    catalog_place=place.catalog,
                    confidence=judged.confidence,
                )
            )
    return agree, against


def _elsewhere(fact: PrintedFact, alignment: Alignment | None) -> bool:
    """Whether the two places of a fact are known to be two: the amounts of two ingredients, say."""
    if fact.kind == "form":
        return False  # all forms of both sides were compared
    if alignment is None or fact.photo_place is None or fact.catalog_place is None:
        return False
    there, line = alignment.to_catalog(np.array(fact.photo_place)), np.array(fact.catalog_place)
    if alignment.zone(line) is Zone.FAR or not np.isfinite(there).all():
        return False
    height = float(np.linalg.norm(line[3] - line[0]))
    return float(np.linalg.norm(there.mean(axis=0) - line.mean(axis=0))) > 1.5 * height


def _outvoted(fact: PrintedFact, agree: list[PrintedFact]) -> bool:
    """Whether a number that stands alone is that of a strength which agrees, and was read with less confidence."""
    if fact.kind != "line" or not (digits.is_number(fact.photo) and digits.is_number(fact.catalog)):
        return False
    return any(
        other.kind == "strength"
        and other.confidence > fact.confidence
        and digits.numbers(fact.catalog)[0] in digits.numbers(other.photo)
        for other in agree
    )


def _repeated(fact: PrintedFact, among: list[PrintedFact]) -> bool:
    return any(fact.kind == other.kind and fact.photo == other.photo for other in among)


def _numbers(codes: Codes) -> str:
    numbers = {str(number) for kind in (codes.gtins, codes.ndcs, codes.pzns) for number in kind}
    return " / ".join(sorted(numbers or codes.own))
