"""Compares what is printed on a photo, and its codes, with an image of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import log1p

from simsearch.core.code_agreement import Relation as CodeRelation
from simsearch.core.code_agreement import compare as compare_codes
from simsearch.core.codes import Codes
from simsearch.core.types import PrintComparison, PrintedFact
from simsearch.features.orb import Geometry, OrbSettings
from simsearch.features.reading.types import Reader
from simsearch.recognition.printed.agreement import Weights, name_agreement, name_words, sized_words, text_likeness
from simsearch.recognition.printed.aligned import Place, counted, read_along
from simsearch.recognition.printed.alignment import Alignment
from simsearch.recognition.printed.facts import Said, said
from simsearch.recognition.printed.lines import Relation
from simsearch.recognition.printed.sides import CatalogSide, PhotoSide
from simsearch.recognition.printed.whole import against_print, against_table, stated

PRINT_FEATURES = (
    "text_likeness", "both_read", "aligned_agreeing", "aligned_likeness", "unread", "quantities", "name", "code",
)  # fmt: skip
"""What a comparison of print says of a pair, in this order:

text_likeness: of all text of both photos, 0 to 1. both_read: 1 where both sides hold text that was compared, else 0.
aligned_agreeing: log(1 + lines that agree at their place). aligned_likeness: how alike the lines at their places are,
-0.5 to 0.5; 0 where none was read. unread: log(1 + lines of the catalog whose place the photo shows and where nothing
can be read). quantities: log(1 + kinds of amounts that agree anywhere on the photo: strength, pack, volume).
name: how much of the product's name is printed on the photo, 0 to 1. code: 1 for equal codes, 0.5 for a case of the
product, 0 for nothing, -1 for codes that differ.
"""
RISING = ("text_likeness", "aligned_agreeing", "aligned_likeness", "quantities", "name", "code")
"""Columns that never make "same product" less likely by growing."""

_CODES = {CodeRelation.EQUAL: 1.0, CodeRelation.CASE_OF: 0.5, CodeRelation.NOTHING: 0.0, CodeRelation.DIFFERENT: -1.0}
_NAMED = 0.5
"""Agreement of a name from which two whole photos are of one brand."""


@dataclass(frozen=True)
class PrintSettings:
    """Settings of the comparison.

    lines: at most this many lines of a contender are looked for in the photo.
    inliers: agreeing keypoints from which a homography carries lines.
    sharpness: what both cuts of a line need for a contradiction (`reading.cuts.sharpness`).
    """

    lines: int = 5
    inliers: int = 10
    sharpness: float = 0.02


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
        places = self._along(photo, other, geometry)
        agree, against = _told(places)
        code, code_facts = self._codes(photo.codes, other)
        (against if code < 0 else agree).extend(code_facts)
        likeness = name = 0.0
        both = bool(photo.reading and other.reading and photo.reading.lines and other.reading.lines)
        if photo.reading is not None and photo.reading.lines:
            printed = sized_words(photo.reading)
            if other.facts is not None:
                name = name_agreement(name_words(other.facts), printed, self.weights)
            if both:
                assert other.reading is not None
                likeness = text_likeness(photo.reading, other.reading, self.weights)
            same = name >= _NAMED or likeness >= _NAMED
            for ours, theirs in self._whole(said(photo.reading), other):
                agree += [fact for fact in ours if not _repeated(fact, agree)]
                settled = {fact.kind for fact in agree}
                against += [fact for fact in theirs if same and fact.kind not in settled]
        features = (
            likeness,
            float(both),
            log1p(counted(places, Relation.AGREES)),
            sum(p.judgement.likeness - 0.5 for p in places) / (len(places) + 1),
            log1p(counted(places, Relation.UNREAD)),
            log1p(len({fact.kind for fact in agree} & {"strength", "pack", "volume"})),
            name,
            code,
        )
        return PrintComparison(tuple(agree), tuple(against), likeness, features)

    def _along(self, photo: PhotoSide, other: CatalogSide, geometry: Geometry | None) -> list[Place]:
        if self.reader is None or photo.pixels is None or other.reading is None or geometry is None:
            return []
        if geometry.homography is None or geometry.inliers < self.settings.inliers:
            return []
        height, width = photo.pixels.shape[:2]
        alignment = Alignment(geometry, (width, height), (other.reading.width, other.reading.height), self._side)
        return read_along(
            photo.pixels, other.reading, alignment, self.reader, self.settings.lines, self.settings.sharpness
        )

    def _codes(self, ours: Codes, other: CatalogSide) -> tuple[float, list[PrintedFact]]:
        theirs = other.all_codes(self._today or date.today())
        found = compare_codes(ours, theirs)
        if found.relation is CodeRelation.NOTHING:
            return 0.0, []
        kind = "case" if found.relation is CodeRelation.CASE_OF else "code"
        fact = PrintedFact(kind, _numbers(ours), _numbers(theirs), from_table=not other.codes)
        return _CODES[found.relation], [fact]

    @staticmethod
    def _whole(photo: list[Said], other: CatalogSide) -> list[tuple[list[PrintedFact], list[PrintedFact]]]:
        found = []
        if other.reading is not None:
            found.append(against_print(photo, said(other.reading)))
        if other.facts is not None:
            found.append(against_table(photo, stated(other.facts)))
        return found


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
                    judged.kind, judged.photo, judged.catalog, photo_place=place.photo, catalog_place=place.catalog
                )
            )
    return agree, against


def _repeated(fact: PrintedFact, among: list[PrintedFact]) -> bool:
    return any(fact.kind == other.kind and fact.photo == other.photo for other in among)


def _numbers(codes: Codes) -> str:
    numbers = {str(number) for kind in (codes.gtins, codes.ndcs, codes.pzns) for number in kind}
    return " / ".join(sorted(numbers or codes.own))
