"""Gathers what a page shows of an answer: the photo, the pictures of its hits, and the geometry behind them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simsearch import images
from simsearch.catalog import Catalog
from simsearch.catalog.store import ImageFacts
from simsearch.config import ImageSettings
from simsearch.datatypes import Decision, Hit, Image, Outcome, Pixels
from simsearch.errors import ImageError
from simsearch.methods.base import unpack
from simsearch.reports.evidence import side_by_side
from simsearch.reports.page import AnswerView, Figure, GroupView, HitView, MemberView
from simsearch.verification import Verifier


class Album:
    """Pictures of one catalog. A file that has gone since it was indexed leaves a gap, never an error."""

    def __init__(self, catalog: Catalog, verifier: Verifier, settings: ImageSettings) -> None:
        self.catalog, self.verifier, self.settings = catalog, verifier, settings

    def answer(
        self,
        title: str,
        photo: Path,
        answer: Decision | ImageError,
        *,
        name: str = "",
        truth: str = "",
        remark: str = "",
    ) -> AnswerView:
        """What a page shows of the answer to `photo`, which it calls `name`, or by its file name."""
        name = name or photo.name
        if isinstance(answer, ImageError):
            return AnswerView(title, name, answer, None, (), (), truth, remark)
        facts = self.catalog.facts(hit.image_id for hit in answer.hits)
        hits = tuple(self._hit(hit, facts.get(hit.image_id)) for hit in answer.hits)
        asked = self._image(photo)
        # An ambiguous answer is a question between two.
        shown = hits[: 2 if answer.outcome is Outcome.AMBIGUOUS else 1]
        evidence = [self._evidence(asked, view, answer) for view in shown] if asked else []
        pixels = asked.pixels if asked else None
        return AnswerView(title, name, answer, pixels, tuple(f for f in evidence if f), hits, truth, remark)

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

    def _evidence(self, asked: Image, view: HitView, answer: Decision) -> Figure | None:
        if view.picture is None:
            return None
        hit = view.hit
        orb = self.verifier.orb
        stored = self.catalog.descriptors(orb.fingerprint, [hit.image_id])
        # Lines only where the answer itself counted them: not every candidate's keypoints are compared.
        looked = hit.verification.inliers > 0 and hit.image_id in stored
        geometry = orb.geometry(orb.describe([asked])[0], unpack(orb, stored[hit.image_id])) if looked else None
        caption = (_heading(hit, answer), f"{hit.sku}  {view.label}".strip(), _basis(hit))
        picture = side_by_side(asked.pixels, view.picture, geometry, caption, size=orb.settings.size)
        return Figure(picture, ". ".join(caption))

    def picture(self, path: Path) -> Pixels | None:
        """The pixels of a file; None where it cannot be read."""
        image = self._image(path)
        return image.pixels if image else None

    def _image(self, path: Path) -> Image | None:
        try:
            return images.load(path, self.settings)
        except ImageError:
            return None


def label(facts: ImageFacts, name: str) -> str:
    """Name and strength, the strength once."""
    return name if facts.strength in name else f"{name} {facts.strength}".strip()


def _heading(hit: Hit, answer: Decision) -> str:
    probable = f"{hit.verification.probability:.1%} probable"
    return (
        f"{probable}, too little for a match" if answer.outcome is Outcome.UNKNOWN else f"{probable} the same product"
    )


def _basis(hit: Hit) -> str:
    v = hit.verification
    points = f"{v.inliers} matching points" if v.inliers else "matching points: none"
    return f"{points}, similarity {v.similarity:.2f}"
