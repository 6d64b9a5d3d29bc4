"""Gathers what a page shows of an answer: the photo, the pictures of its hits, and the geometry behind them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Decision, Hit, Image, Outcome, Pixels
from simsearch.features.base import unpack
from simsearch.recognition.engine import percent
from simsearch.recognition.verification import Verifier
from simsearch.views.html.evidence import side_by_side
from simsearch.views.html.page import AnswerView, Figure, GroupView, HitView, MemberView


class Album:
    """Pictures of one catalog. A file that has gone since it was indexed leaves a gap, never an error."""

    def __init__(self, catalog: Catalog, verifier: Verifier, settings: ImageSettings) -> None:
        self.catalog, self.verifier, self.settings = catalog, verifier, settings

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
        """What a page shows of the answer to `photo`, which it calls `name`, or by its file name."""
        name = name or (photo.name if isinstance(photo, Path) else "-")
        if isinstance(answer, ImageError):
            return AnswerView(title, name, answer, None, (), (), truth, remark)
        hits = self._hits(answer)
        asked = self._image(photo)
        # An ambiguous answer is a question between two.
        shown = hits[: 2 if answer.outcome is Outcome.AMBIGUOUS else 1]
        evidence = [self._evidence(asked, view, answer) for view in shown] if asked else []
        pixels = asked.pixels if asked else None
        return AnswerView(title, name, answer, pixels, tuple(f for f in evidence if f), hits, truth, remark)

    def answer_together(
        self, title: str, names: Sequence[str], photos: Sequence[Path | bytes], answer: Decision
    ) -> AnswerView:
        """What a page shows of one answer to several photos: each of them beside the first product."""
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
        """What a page shows of images that are said to show the same product."""
        shown = tuple(MemberView(f.sku, label(f, f.name), f.image, self.picture(Path(f.path))) for f in members)
        return GroupView(title, shown, probability, remark)

    def _hit(self, hit: Hit, facts: ImageFacts | None) -> HitView:
        if facts is None:
            return HitView(hit, hit.name, None)
        return HitView(hit, label(facts, hit.name), self.picture(Path(facts.path)))

    def _evidence(self, asked: Image, view: HitView, answer: Decision, of: str = "") -> Figure | None:
        """`of`: which of several photos it is; what was counted is then told of this photo, not of the best."""
        if view.picture is None:
            return None
        hit = view.hit
        orb = self.verifier.orb
        stored = self.catalog.descriptors.of(orb.fingerprint, [hit.image_id])
        # Lines only where the answer itself counted them: not every candidate's keypoints are compared.
        looked = hit.verification.inliers > 0 and hit.image_id in stored
        geometry = orb.geometry(orb.describe([asked])[0], unpack(orb, stored[hit.image_id])) if looked else None
        points = geometry.inliers if geometry is not None and of else hit.verification.inliers
        rests = _points(points) if of else _basis(hit)
        if answer.outcome is Outcome.UNKNOWN:
            rests += "; for information, not an answer"
        caption = (_heading(hit, answer), f"{hit.sku}  {view.label}".strip(), f"{of}{rests}")
        picture = side_by_side(asked.pixels, view.picture, geometry, caption, size=orb.settings.size)
        return Figure(picture, ". ".join(caption))

    def picture(self, path: Path) -> Pixels | None:
        """The pixels of a file; None where it cannot be read."""
        image = self._image(path)
        return image.pixels if image else None

    def _image(self, photo: Path | bytes) -> Image | None:
        image = images.load_or_error(photo, self.settings)
        return None if isinstance(image, ImageError) else image


def label(facts: ImageFacts, name: str) -> str:
    """Name and strength, the strength once."""
    return name if facts.strength in name else f"{name} {facts.strength}".strip()


def _heading(hit: Hit, answer: Decision) -> str:
    probable = f"{percent(hit.verification.probability)} probable"
    if answer.outcome is Outcome.UNKNOWN:
        return f"UNKNOWN: nearest, {probable}"
    return f"AMBIGUOUS: {probable}, as are others" if answer.outcome is Outcome.AMBIGUOUS else f"MATCH: {probable}"


def _basis(hit: Hit) -> str:
    return f"{_points(hit.verification.inliers)}, similarity {hit.verification.similarity:.2f}"


def _points(inliers: int) -> str:
    return f"{inliers} matching points" if inliers else "matching points: none"
