"""Collects the pictures of an answer: the photo, its hits from the catalog, and the matches between them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import DamagedDescriptor, ImageError
from simsearch.core.print_wording import agreed, says_otherwise
from simsearch.core.text import basis, percent, points
from simsearch.core.types import Corners, Decision, Hit, Image, Outcome, Pixels, SeenPill
from simsearch.features.base import Method, unpack
from simsearch.features.orb import Geometry
from simsearch.features.pills import names
from simsearch.features.reading import decode
from simsearch.recognition.verification import Verifier
from simsearch.views.html.evidence import side_by_side
from simsearch.views.html.marks import Mark, marks_of
from simsearch.views.html.outlines import cut_out, outlined
from simsearch.views.html.page import AnswerView, Figure, GroupView, HitView, MemberView


class Album:
    """Pictures of one catalog. A file that is gone since it was indexed leaves a gap instead of raising an error."""

    def __init__(
        self,
        catalog: Catalog,
        verifier: Verifier,
        settings: ImageSettings,
        reading: Method | None = None,
        pills: Method | None = None,
    ) -> None:
        """
        Args:
            catalog: whose pictures are shown.
            verifier: that compares keypoints.
            settings: of images.
            reading: the method whose stored readings say where the catalog's pictures hold lines; None: not shown.
            pills: the method whose stored descriptors say where they show loose pills; None: not shown.
        """
        self.catalog, self.verifier, self.settings, self.reading, self.pills = (
            catalog, verifier, settings, reading, pills,
        )  # fmt: skip

    def answer(
        self,
        title: str,
        photo: Path | bytes,
        answer: Decision | ImageError,
        *,
        name: str = "",
        truth: str = "",
        remark: str = "",
    ) -> AnswerView:
        """The view of the answer to one photo, which the page calls `name` (default: its file name)."""
        name = name or (photo.name if isinstance(photo, Path) else "-")
        if isinstance(answer, ImageError):
            return AnswerView(title, name, answer, None, (), (), truth, remark)
        asked = self._image(photo)
        if len(answer.packages) > 1:
            return self._several(title, name, asked, answer, truth, remark)
        hits, evidence = self._shown(asked, answer)
        return AnswerView(title, name, answer, asked.pixels if asked else None, evidence, hits, truth, remark)

    def _several(
        self, title: str, name: str, asked: Image | None, answer: Decision, truth: str, remark: str
    ) -> AnswerView:
        """The photo with its packages outlined, and a view of each package, cut out of it."""
        parts = []
        for number, package in enumerate(answer.packages, 1):
            own, said = (None, package.answer) if asked is None else cut_out(asked, package)
            hits, evidence = self._shown(own, said, f"{number}  ")
            parts.append(AnswerView(f"Package {number}", name, said, own.pixels if own else None, evidence, hits))
        if asked is None:
            return AnswerView(title, name, answer, None, (), (), truth, remark, tuple(parts))
        picture = outlined(asked.pixels, answer.packages)
        figure = Figure(picture, f"{len(answer.packages)} packages in reading order")
        return AnswerView(title, name, answer, picture, (figure,), (), truth, remark, tuple(parts))

    def _shown(
        self, asked: Image | None, answer: Decision, number: str = ""
    ) -> tuple[tuple[HitView, ...], tuple[Figure, ...]]:
        """The hits of an answer, and the first of them beside the photo. `number`: begins the captions."""
        hits = self._hits(answer)
        # An ambiguous answer asks which of several products it is: the first two are shown.
        shown = hits[: 2 if answer.outcome is Outcome.AMBIGUOUS else 1]
        evidence = [self._evidence(asked, view, answer, number=number) for view in shown] if asked else []
        return hits, tuple(figure for figure in evidence if figure)

    def answer_together(
        self, title: str, names: Sequence[str], photos: Sequence[Path | bytes], answer: Decision
    ) -> AnswerView:
        """The view of one answer to several photos, each shown beside the first product."""
        hits = self._hits(answer)
        evidence = []
        for name, photo in zip(names, photos, strict=True):
            asked = self._image(photo)
            if asked and hits:
                evidence.append(self._evidence(asked, hits[0], answer, f"{name}: "))
        return AnswerView(title, " + ".join(names), answer, None, tuple(f for f in evidence if f), hits)

    def _hits(self, answer: Decision) -> tuple[HitView, ...]:
        facts = self.catalog.images.facts(hit.image_id for hit in answer.hits)
        return tuple(self._hit(hit, facts.get(hit.image_id)) for hit in answer.hits)

    def group(
        self, title: str, members: Sequence[ImageFacts], probability: float | None, *, remark: str = ""
    ) -> GroupView:
        """The view of images that were grouped as one product."""
        shown = tuple(MemberView(f.sku, f.title, f.image, self.picture(Path(f.path))) for f in members)
        return GroupView(title, shown, probability, remark)

    def _hit(self, hit: Hit, facts: ImageFacts | None) -> HitView:
        return HitView(hit, self.picture(Path(facts.path)) if facts else None)

    def _evidence(self, asked: Image, view: HitView, answer: Decision, of: str = "", number: str = "") -> Figure | None:
        """Photo and catalog picture side by side; None where the catalog's file is gone.

        With several photos, `of` names this one, and the caption counts its own points: the verification of the hit
        belongs to the best photo. Of several packages `number` says which one this is.
        """
        if view.picture is None:
            return None
        hit, geometry = view.hit, self._geometry(asked, view.hit)
        own = points(geometry.inliers) if geometry else "keypoints were not compared"
        rests = own if of else basis(hit.verification)
        if answer.outcome is Outcome.UNKNOWN:
            rests += "; for information, not an answer"
        print_ = _print(hit)
        caption = (
            f"{number}{_heading(hit, answer)}",
            f"{hit.sku}  {hit.name}".strip(),
            f"{of}{rests}",
            *([print_] if print_ else []),
        )
        size, marks = self.verifier.orb.settings.size, self._marks(hit, answer, one_photo=not of)
        if answer.pills and not of:
            there = self._pills(hit.image_id, view.picture)
            marks += [
                Mark(side, p.outline, "read", p.words) for side, each in enumerate((answer.pills, there)) for p in each
            ]
        picture = side_by_side(asked.pixels, view.picture, geometry, caption, size=size, marks=marks)
        return Figure(picture, ". ".join(caption))

    def _marks(self, hit: Hit, answer: Decision, *, one_photo: bool) -> list[Mark]:
        """Lines on both pictures, and what print says of them. Nothing says which of several photos a line is on."""
        lines = answer.read.lines if answer.read and one_photo else ()
        there = [Mark(1, place, "read") for place in self._lines(hit.image_id)] if hit.verification.printed else []
        marks = [*(Mark(0, line.place, "read") for line in lines), *there]
        return [*marks, *marks_of(hit.verification.printed, photo=one_photo)]

    def _lines(self, image_id: int) -> list[Corners]:
        """Where the catalog's picture holds lines; none where it was not read, or the reading is damaged."""
        if self.reading is None:
            return []
        stored = self.catalog.descriptors.of(self.reading.fingerprint, [image_id])
        with suppress(KeyError, DamagedDescriptor, ValueError):
            found = decode(unpack(self.reading, stored[image_id], image_id).astype(np.uint8, copy=False))
            return [tuple((float(x), float(y)) for x, y in line.quad) for line in found.lines]
        return []

    def _pills(self, image_id: int, picture: Pixels) -> tuple[SeenPill, ...]:
        """The loose pills that the catalog's picture shows; none where it was not looked at, or that is damaged."""
        if self.pills is None:
            return ()
        stored = self.catalog.descriptors.of(self.pills.fingerprint, [image_id])
        with suppress(KeyError, DamagedDescriptor):
            looks = unpack(self.pills, stored[image_id], image_id)
            return names.seen(looks, picture.shape[1], picture.shape[0])
        return ()

    def _geometry(self, asked: Image, hit: Hit) -> Geometry | None:
        """The matches behind a hit; None where the answer counted none, or the stored keypoints are gone or damaged."""
        if not hit.verification.inliers:  # a candidate whose keypoints were not compared must not show lines
            return None
        orb = self.verifier.orb
        stored = self.catalog.descriptors.of(orb.fingerprint, [hit.image_id])
        with suppress(KeyError, DamagedDescriptor):
            return orb.geometry(orb.describe([asked])[0], unpack(orb, stored[hit.image_id], hit.image_id))
        return None

    def picture(self, path: Path) -> Pixels | None:
        """The pixels of a file; None where it cannot be read."""
        image = self._image(path)
        return image.pixels if image else None

    def _image(self, photo: Path | bytes) -> Image | None:
        image = images.load_or_error(photo, self.settings, keep=False)
        return None if isinstance(image, ImageError) else image


def _heading(hit: Hit, answer: Decision) -> str:
    probable = f"{percent(hit.verification.probability)} probable"
    if answer.outcome is Outcome.UNKNOWN:
        return f"UNKNOWN: nearest, {probable}"
    if answer.outcome is Outcome.AMBIGUOUS:
        return f"AMBIGUOUS: {probable}, one of {len(answer.named)} in question"
    return f"MATCH: {probable}"


def _print(hit: Hit) -> str:
    """What print says of photo and hit, in one line; "" where nothing was compared."""
    printed = hit.verification.printed
    if printed is None:
        return ""
    return says_otherwise(printed, f"the catalog's {hit.sku}") if printed.contradictions else agreed(printed)
