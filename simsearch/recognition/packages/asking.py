"""How parts of a photo are asked: described, looked up, verified and decided on, as a photo is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.threads import in_threads
from simsearch.core.types import Description, Image
from simsearch.features.base import Method
from simsearch.features.description import describe
from simsearch.features.orb import Geometry, Orb
from simsearch.features.reading import Reading
from simsearch.recognition.packages.looks import Asker, Look
from simsearch.recognition.print_evidence import PhotoRead, PrintEvidence
from simsearch.recognition.printed import CatalogSide
from simsearch.recognition.stored import stored, stored_print


@dataclass(frozen=True, eq=False)
class PartAsker(Asker):
    """Asks parts of photos."""

    catalog: Catalog
    methods: Mapping[str, Method]
    """Of appearance."""
    prints: PrintEvidence
    orb: Orb
    """The keypoints of the calibration in force."""
    answer: Callable[[Image, PhotoRead], Look]
    """Answers a photo that was described and read."""

    @property
    def keypoint_side(self) -> int:
        return self.orb.settings.size

    def described(self, photo: Image) -> Description:
        return describe(self.methods, [photo])[0]

    def look(self, photo: Image, read: PhotoRead) -> Look:
        return self.answer(photo, read)

    def read_again(self, photo: Image, read: PhotoRead) -> PhotoRead:
        again = self.prints.read(photo, read.description)
        return read if again.side is None else again

    def lines(self, photo: Image) -> Reading | None:
        return self.prints.lines(photo)

    def with_codes(self, photo: Image, read: PhotoRead) -> PhotoRead | None:
        return self.prints.with_codes(photo, read)

    def references(self, query: Description, facts: Sequence[ImageFacts]) -> list[tuple[Geometry | None, CatalogSide]]:
        others = stored(self.catalog, self.methods, {f.id: f for f in facts}, ("orb",))
        sides = stored_print(self.catalog, {"reading": self.prints.printed["reading"]}, facts)

        def geometry(image: ImageFacts) -> Geometry | None:
            other = others.get(image.id)
            return None if other is None else self.orb.geometry(query["orb"], other["orb"])

        return [(found, sides[f.id]) for found, f in zip(in_threads(geometry, facts), facts, strict=True)]
