"""What print says of two photos, or of two images of the catalog: for `verify` and the search for duplicates.

A photo that is asked about is cut anew at the places of the catalog's lines. Of two catalog images both were read
before, with the cuts of the lines that can decide: so the lines that lie at one place under the homography are compared
as they were stored, and no file is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import Codes
from simsearch.core.types import Ids, Image, Pixels, PrintComparison, PrintedFact
from simsearch.features.base import Method, missing
from simsearch.features.codes import codes_of
from simsearch.features.orb import Geometry
from simsearch.features.reading import Reading, decode
from simsearch.features.reading.content import content
from simsearch.features.reading.cuts import deciding, largest
from simsearch.features.reading.quads import size
from simsearch.features.reading.types import Cut
from simsearch.recognition.print_names import longer_names, name_facts
from simsearch.recognition.print_places import line_at
from simsearch.recognition.printed import CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.printed.aligned import SMALL, corners, stands
from simsearch.recognition.printed.alignment import Alignment, Zone
from simsearch.recognition.printed.lines import Relation, judge
from simsearch.recognition.stored import stored_print

_NO_CODES = Codes()


@dataclass(frozen=True, eq=False)
class PrintSide:
    """What was read on one photo."""

    reading: Reading | None = None
    """With cuts; None where it was not read."""
    codes: Codes = _NO_CODES
    facts: ImageFacts | None = None
    """Its row in the catalog, whose name is looked for in the print; None for a photo outside of it."""
    pixels: Pixels | None = None
    """RGB at reading resolution; None where nothing may be cut out of it."""


class PairPrint:
    """Compares print and codes of two photos. Safe to share between threads."""

    def __init__(self, methods: Mapping[str, Method], verifier: PrintVerifier, *, keypoint_side: int) -> None:
        """
        Args:
            methods: "reading" and "codes".
            verifier: of a photo against an image of the catalog.
            keypoint_side: longer side in pixels to which photos are scaled for keypoints.
        """
        self.reading, self.codes = methods["reading"], methods["codes"]
        self.verifier, self._side = verifier, keypoint_side

    def look(self, photo: Image) -> PrintSide:
        """Read print and codes of a photo, as far as what reads them is installed.

        Raises:
            ImageError: it cannot be decoded at reading resolution.
        """
        reading = None if missing(self.reading) else decode(self.reading.describe([photo])[0].astype(np.uint8))
        codes = _NO_CODES if missing(self.codes) else codes_of(self.codes.describe([photo])[0])
        return PrintSide(reading, codes, pixels=photo.sharp)

    def stored(self, catalog: Catalog, facts: Mapping[int, ImageFacts]) -> dict[int, PrintSide]:
        """What the catalog holds of images: id -> side. A damaged descriptor counts as none."""
        sides = stored_print(catalog, {m.name: m for m in (self.reading, self.codes)}, facts.values())
        return {i: PrintSide(side.reading, side.codes, facts[i]) for i, side in sides.items()}

    def unread(self, catalog: Catalog, ids: Ids) -> int:
        """How many of the images `ids` have no stored reading."""
        return len(np.setdiff1d(ids, catalog.descriptors.active_ids(self.reading.fingerprint)))

    def compare(self, a: PrintSide, b: PrintSide, geometry: Geometry | None) -> PrintComparison | None:
        """What print says of both; None where one of them has neither print nor codes.

        `geometry`: of the keypoints, a to b; None where none was sought.
        """
        if not all(side.codes or (side.reading and side.reading.lines) for side in (a, b)):
            return None
        photo, other = PhotoSide(a.reading, a.codes, a.pixels), CatalogSide(b.reading, b.codes)
        found = self.verifier.compare(photo, other, geometry)
        agree: list[PrintedFact] = []
        against: list[PrintedFact] = []
        if a.reading and b.reading:
            alignment = self._alignment(a.reading, b.reading, geometry)
            if alignment and a.pixels is None:
                agree, against = _aligned(a.reading, b.reading, alignment, self.verifier.settings.steady)
            if alignment:
                against += longer_names(a.reading, b.reading, alignment)
            if a.facts and b.facts:
                names = name_facts((a.reading, a.facts), (b.reading, b.facts), alignment)
                agree, against = [*names[0], *agree], [*names[1], *against]
        known = {(fact.kind, fact.photo) for fact in agree}
        agree += [fact for fact in found.agreements if (fact.kind, fact.photo) not in known]
        settled = {fact.kind for fact in (*agree, *against)}
        against += [fact for fact in found.contradictions if fact.kind not in settled]
        return PrintComparison(tuple(agree), tuple(against), found.likeness, found.features)

    def _alignment(self, a: Reading, b: Reading, geometry: Geometry | None) -> Alignment | None:
        if geometry is None or geometry.homography is None or geometry.inliers < self.verifier.settings.inliers:
            return None
        return Alignment(geometry, (a.width, a.height), (b.width, b.height), self._side)


# -- stored lines under a homography ---------------------------------------------------------------------------------


def _aligned(a: Reading, b: Reading, alignment: Alignment, steady: int) -> tuple[list[PrintedFact], list[PrintedFact]]:
    """Agreements and contradictions of the lines that lie at one place of both."""
    agree: list[PrintedFact] = []
    against: list[PrintedFact] = []
    names = largest(b.lines, b.width, b.height)
    for i in deciding(b.lines, b.width, b.height):
        theirs = b.lines[i]
        quad = theirs.quad.astype(np.float64)
        zone = alignment.zone(quad)
        if not theirs.cuts or content(theirs.text).varies or zone is Zone.FAR:
            continue
        ours = line_at(a, alignment.to_photo(quad))
        if ours is None or content(ours.text).varies:
            continue
        small = min(size(x.on(y.width, y.height).astype(np.float64))[1] for x, y in ((ours, a), (theirs, b))) < SMALL
        judged = judge(ours.cuts or (Cut(ours.text, ours.confidence),), theirs.cuts, small=small, name=i in names)
        fact = PrintedFact(
            judged.kind, judged.photo, judged.catalog, photo_place=corners(ours.quad.astype(np.float64)),
            catalog_place=corners(quad), confidence=judged.confidence,
        )  # fmt: skip
        if judged.relation is Relation.AGREES:
            agree.append(fact)
        elif judged.relation is Relation.CONTRADICTS and stands(judged, zone, alignment, steady):
            against.append(fact)
    return agree, against
