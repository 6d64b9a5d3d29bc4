"""Answers made by hand, of every kind, so that each state of the page can be looked at without a lucky photo.

The name of the photo says which: match.jpg, ambiguous.jpg, unknown.jpg, contradicted.jpg, several.jpg.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from simsearch import App
from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.errors import ImageError
from simsearch.core.types import (
    Corners,
    Decision,
    Hit,
    Image,
    Outcome,
    Package,
    Photo,
    PhotoPrint,
    PrintComparison,
    PrintedFact,
    PrintedLine,
    Verification,
)
from simsearch.duplicates.results import PairKind
from simsearch.recognition.look_alikes import look_alikes
from simsearch.server.duplicate_runs import DuplicateRuns


def box(left: float, top: float, right: float, bottom: float) -> Corners:
    """An upright place."""
    return (left, top), (right, top), (right, bottom), (left, bottom)


PLACE = box(0.2, 0.3, 0.5, 0.4)
STRENGTH = PrintedFact("strength", "400 mg", "400 mg", False, PLACE, box(0.3, 0.5, 0.5, 0.6))
SPACED = PrintedFact("strength", "400mg", "400 mg", True)
CLASH = PrintedFact("strength", "400 mg", "600 mg", False, PLACE, box(0.3, 0.5, 0.5, 0.6))
DOUBT = PrintedFact("pack", "", "20 tablets", True)
READ = PhotoPrint(
    (PrintedLine("IBU 400 mg", 0.98, PLACE), PrintedLine("20 tablets", 0.91, box(0.2, 0.6, 0.5, 0.7))),
    ("400 mg",), ("20 tablets",), ("tablets",), ("04012345678901",),
)  # fmt: skip
LEFT, RIGHT = box(0.02, 0.1, 0.48, 0.9), box(0.52, 0.1, 0.98, 0.9)


def hit(facts: ImageFacts, probability: float, printed: PrintComparison | None = None, inliers: int = 120) -> Hit:
    """A product of an answer."""
    seen = Verification(probability, 0.8, probability, inliers, 0.9, support=inliers * 0.8, printed=printed)
    return Hit(facts.sku, facts.title, facts.id, facts.image, seen)


class Scripted:
    """Answers photos by their names, in place of `App.query`, and records the answers as the program does."""

    def __init__(self, app: App) -> None:
        self.app = app
        listed = app.catalog.browse.by_sku([p.sku for p in app.catalog.selection.products()])
        covers = app.catalog.images.facts(p.cover for p in listed.values())
        self.facts = [covers[p.cover] for p in listed.values()]
        self.wait: Any = None
        """Called before each answer."""
        self.seen = b""
        """The last photo."""

    def query(self, photos: Sequence[Photo], *, where: Sequence[str] = (), record: bool = True, k: Any = None) -> Any:
        """As `App.query`."""
        return [self._one(photo, record) for photo in photos]

    def query_together(self, photos: Sequence[Photo], *, where: Any = (), record: bool = True, k: Any = None) -> Any:
        """As `App.query_together`."""
        answers = [self._one(photo, False) for photo in photos]
        good = [a for a in answers if isinstance(a, Decision)]
        bad = [a for a in answers if isinstance(a, ImageError)]
        if not good:
            return None, bad
        names = tuple(photo.name for photo in photos)
        return self._recorded(replace(good[0], photos=names, packages=()), photos, record), bad

    def made(self, name: str) -> Decision:
        """The answer of that name."""
        a, b, c, *_ = self.facts
        agreed = PrintComparison((STRENGTH, SPACED))
        if name.startswith("ambiguous"):
            unsure = PrintComparison((STRENGTH,), doubts=(DOUBT,))
            hits = (hit(a, 0.97, unsure), hit(b, 0.95, unsure, 90), hit(c, 0.4))
            return self._decision(Outcome.AMBIGUOUS, hits, (a.sku, b.sku))
        if name.startswith("unknown"):
            return self._decision(Outcome.UNKNOWN, (hit(a, 0.2, inliers=0), hit(b, 0.1, inliers=0)), ())
        if name.startswith("contradicted"):
            against = hit(a, 0.9, PrintComparison((), (CLASH,)))
            found = self._decision(Outcome.UNKNOWN, (against, hit(b, 0.1, inliers=0)), ())
            return replace(found, against=against)
        match = self._decision(
            Outcome.MATCH, (hit(a, 0.9991, agreed), hit(b, 0.3, PrintComparison((), (CLASH,)))), (a.sku,)
        )
        alike = look_alikes(a, [(b, match.hits[1].verification)])
        match = replace(match, look_alikes=alike)
        if name.startswith("several"):
            parts = (match, self._decision(Outcome.AMBIGUOUS, (hit(b, 0.9), hit(c, 0.9)), (b.sku, c.sku)))
            packages = tuple(Package(outline, part) for outline, part in zip((LEFT, RIGHT), parts, strict=True))
            return replace(match, packages=packages)
        return replace(match, packages=(Package(None, match),))

    def _decision(self, outcome: Outcome, hits: tuple[Hit, ...], named: tuple[str, ...]) -> Decision:
        first = hits[0]
        sku = first.sku if named else None
        return Decision(
            "photo", outcome, sku, first.name if named else None, first.verification.probability, hits, "g000001",
            812.0, "made by hand", named=named, read=READ,
        )  # fmt: skip

    def _one(self, photo: Photo, record: bool) -> Decision | ImageError:
        if self.wait:
            self.wait()
        self.seen = photo.data
        loaded = images.load_or_error(photo, self.app.config.images)
        if not isinstance(loaded, Image):
            return loaded
        return self._recorded(replace(self.made(photo.name), query=photo.name), [photo], record)

    def _recorded(self, answer: Decision, photos: Iterable[Photo], record: bool) -> Decision:
        if not record:
            return answer
        digest = hashlib.sha256(b"".join(photo.data for photo in photos)).hexdigest()
        [number] = self.app.catalog.decisions.record([(answer, digest)], {})
        return replace(answer, record_id=number)


def search_for_duplicates(app: App, pairs: int) -> None:
    """Keep a search that found so many pairs of photos under two SKUs, the last two of them look-alikes."""
    listed = app.catalog.browse.by_sku([p.sku for p in app.catalog.selection.products()])
    facts = list(app.catalog.images.facts(p.cover for p in listed.values()).values())
    both = [(a, b) for n, a in enumerate(facts) for b in facts[n + 1 :]][:pairs]
    groups = [_group(PairKind.SAME_PRODUCT, a, b, ()) for a, b in both[:-2]]
    alike = [_group(PairKind.LOOK_ALIKE, a, b, (CLASH,)) for a, b in both[-2:]]
    with DuplicateRuns(app.home).running() as run:
        run.done(groups, alike)


def _group(kind: PairKind, a: ImageFacts, b: ImageFacts, against: tuple[PrintedFact, ...]) -> dict[str, Any]:
    from simsearch.duplicates.results import DuplicateGroup, DuplicatePair
    from simsearch.views import json as shapes

    seen = Verification(0.97, 0.9, 0.97, 80, 0.9, support=60, printed=PrintComparison((STRENGTH,), against))
    pair = DuplicatePair(a, b, seen, kind, "made by hand")
    return shapes.look_alike(pair) if against else shapes.group(DuplicateGroup((a, b), (pair,)))
