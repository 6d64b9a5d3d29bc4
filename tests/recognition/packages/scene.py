"""A photo of packages without any picture: lines of print, candidates at places, and answers to the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import Codes
from simsearch.core.product_numbers import Gtin
from simsearch.core.types import Candidate, Decision, Description, Hit, Image, Outcome, Surface, Verification
from simsearch.features.orb import Geometry
from simsearch.features.reading import Line, Reading
from simsearch.recognition.contenders import Verified
from simsearch.recognition.packages import Look
from simsearch.recognition.print_evidence import PhotoRead
from simsearch.recognition.printed import CatalogSide, PhotoSide, photo_print

SIZE = (400, 200)
SIDE = 512


def line(text: str, left: float, top: float, right: float, bottom: float) -> Line:
    quad = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32)
    return Line(text, 0.99, np.asarray(quad / np.array(SIZE), np.float32))


def reading(*lines: Line) -> Reading:
    return Reading(lines, *SIZE)


def read(found: Reading) -> PhotoRead:
    return PhotoRead(Description({}), PhotoSide(found, Codes()), photo_print(found))


def image() -> Image:
    return Image(np.full((SIZE[1], SIZE[0], 3), 128, np.uint8), "photo", *SIZE, "photo.jpg")


def facts(sku: str, image_id: int = 1) -> ImageFacts:
    return ImageFacts(image_id, f"{sku}.jpg", "", "", sku, sku, sku, "", "", "", {})


def verified(sku: str, image_id: int, points: int, probability: float = 0.99) -> Verified:
    seen = Verification(probability, 0.8, 0.8, points, 0.5, support=float(points))
    return Verified(facts(sku, image_id), seen, Candidate(image_id, {}))


def answer(outcome: Outcome, sku: str, probability: float, name: str = "photo.jpg") -> Decision:
    hit = Hit(sku, sku, 1, f"{sku}.jpg", Verification(probability, 0.8, 0.8, 20, 0.5))
    named = sku if outcome is not Outcome.UNKNOWN else None
    return Decision(name, outcome, named, named, probability, (hit,), "g", 1.0, reason=f"because of {sku}")


def geometry(left: float, top: float, right: float, bottom: float) -> Geometry:
    """Points of a photo of :data:`SIZE` that agree with a picture of the catalog at the same place."""
    x, y = np.meshgrid(np.linspace(left, right, 5), np.linspace(top, bottom, 4))
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    return Geometry(points, points, len(points), np.eye(3))


@dataclass
class FakeAsker:
    """Answers a part by the first word that was read on it."""

    answers: Mapping[str, Decision]
    geometries: Mapping[int, Geometry] = field(default_factory=dict)
    surfaces: Surface = Surface.FRONT
    asked: list[str] = field(default_factory=list)
    seen_near: list[tuple[int, int]] = field(default_factory=list)
    """Width and height of what was read from near."""
    seen_beside: list[tuple[int, int]] = field(default_factory=list)
    """The same of the rest of the photo beside packages."""

    beside: Reading | None = None
    """Print of every part of the rest of a photo."""
    code: Gtin | None = None
    """Of every part that is asked for one."""
    asked_for_codes: int = 0

    keypoint_side: int = SIDE

    def described(self, photo: Image) -> Description:
        return Description({}, self.surfaces, 0.9)

    def look(self, photo: Image, read: PhotoRead) -> Look:
        words = [one.text for one in read.summary.lines] if read.summary else []
        self.asked.append(" ".join(words))
        first = next((self.answers[word] for word in words if word in self.answers), None)
        said = replace(first or answer(Outcome.UNKNOWN, "nothing", 0.01), read=read.summary)
        return Look(photo, read, [], said)

    def read_again(self, photo: Image, read: PhotoRead) -> PhotoRead:
        self.seen_near.append((photo.sharp.shape[1], photo.sharp.shape[0]))
        return read

    @property
    def near(self) -> int:
        return len(self.seen_near)

    def lines(self, photo: Image) -> Reading | None:
        self.seen_beside.append((photo.width, photo.height))
        return self.beside

    def with_codes(self, photo: Image, read: PhotoRead) -> PhotoRead | None:
        self.asked_for_codes += 1
        if self.code is None or read.side is None:
            return None
        assert read.side.reading is not None
        codes = Codes(gtins=frozenset({self.code}))
        return replace(read, side=replace(read.side, codes=codes), summary=photo_print(read.side.reading, codes))

    def references(self, query: Description, facts: Sequence[ImageFacts]) -> list[tuple[Geometry | None, CatalogSide]]:
        return [(self.geometries.get(f.id), CatalogSide()) for f in facts]
