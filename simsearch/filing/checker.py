"""The check of how a catalog is filed: see what is new, judge all that was seen, keep and list the doubts."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from simsearch.catalog import Catalog
from simsearch.catalog.doubts import Doubt, order
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import PrintedFact, Progress, silent
from simsearch.features.base import Method
from simsearch.filing.arbiter import Judged, judged, settled
from simsearch.filing.cases import PhotoCase, TwiceCase, WordsCase
from simsearch.filing.evidence import ImageSeen, Looker
from simsearch.filing.judging import Judge
from simsearch.filing.nearby import Nearby
from simsearch.filing.rows import row_doubts
from simsearch.filing.seeing import Filing, Watcher, comparer
from simsearch.filing.telling import Teller
from simsearch.recognition.pair_scorer import StoredPrint

_BLOCK = 128
"""Doubts whose print is compared again at once, to be told."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found."""

    doubts: tuple[Doubt, ...]
    """The open ones that were asked for, surest first."""
    images: int
    """Active photos of the catalog."""
    looked_at: int
    """Photos that were compared in this run; the others were as they had been."""
    without_print: int
    """Photos on which nothing was read."""
    seconds: float

    @property
    def new(self) -> int:
        """How many of the doubts no earlier check had found."""
        return sum(doubt.new for doubt in self.doubts)


class Checker:
    """Checks one catalog by one snapshot of its lanes."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        prints: StoredPrint | None,
        looker: Looker,
        nearby: Nearby,
        judge: Judge,
        reading: Method | None,
        least: float,
    ) -> None:
        """`reading`: whose descriptors the print is; None: none. `least`: probability from which a doubt is kept."""
        self.catalog, self.methods, self.prints, self.looker = catalog, methods, prints, looker
        self.judge, self.reading, self.least = judge, reading, least
        method = " ".join(sorted(m.fingerprint for m in (*methods.values(), *([reading] if reading else []))))
        self.watcher = Watcher(catalog, methods, prints, looker, nearby, method)

    @SingleThreaded()
    def check(
        self, *, added: Collection[int] | None = None, sku: str | None = None, progress: Progress = silent
    ) -> CheckReport:
        """Look at what is new, and list the doubts.

        Args:
            added: ids of images; only these are looked at, and only doubts about them or their SKUs are listed.
            sku: the same for the images of one SKU.
            progress: told after every block of images.
        """
        started = time.perf_counter()
        filing = Filing.of(self.catalog, self.reading)
        wanted: Collection[int] | None = added
        if sku is not None:
            wanted = [i for i in filing.groups.get(sku, ()) if added is None or i in added]
        seen, looked_at = self.watcher.see(filing, wanted, progress)
        found = self.catalog.doubts.keep(self._doubts(filing, seen, progress))
        if wanted is not None:
            about = {filing.images[i].sku for i in wanted if i in filing.images} | ({sku} if sku else set())
            found = [doubt for doubt in found if about & {doubt.sku, doubt.against_sku}]
        return CheckReport(
            tuple(sorted(found, key=order)), len(filing.images), looked_at, len(filing.images) - len(filing.read),
            time.perf_counter() - started,
        )  # fmt: skip

    def _doubts(self, filing: Filing, seen: Mapping[int, ImageSeen], progress: Progress) -> list[Doubt]:
        listed = settled(judged(seen, filing, self.judge), filing, self.least, self.catalog.doubts.said())
        doubts = [d for d in self._rows(filing) if d.probability >= self.least]
        for start in range(0, len(listed), _BLOCK):
            doubts += self._told(listed[start : start + _BLOCK], filing, seen)
            progress(start, len(listed), "comparing again what is doubted")
        return sorted(doubts, key=order)

    def _rows(self, filing: Filing) -> list[Doubt]:
        return row_doubts(list(filing.products.values()), self.catalog.images.refused(), datetime.now(UTC).date())

    def _told(self, listed: Sequence[Judged], filing: Filing, seen: Mapping[int, ImageSeen]) -> list[Doubt]:
        facts = self.catalog.images.facts({i for one in listed for i in _images(one, filing)})
        pairs, sides = comparer(self.catalog, self.methods, self.prints, self.looker, filing, facts)

        def place(image_id: int, kind: str) -> PrintedFact | None:
            against = self.looker.against_row(sides[image_id], facts[image_id]) if image_id in sides else []
            return next((fact for fact in against if fact.kind == kind), None)

        present = [one for one in listed if all(i in facts for i in _images(one, filing))]
        teller = Teller(filing, facts, seen, pairs, place)
        return in_threads(teller.doubt, present)


def _images(one: Judged, filing: Filing) -> list[int]:
    case = one.case
    if isinstance(case, PhotoCase):
        return [case.image_id, *(pair.other for pair in (case.own, case.other) if pair is not None)]
    if isinstance(case, TwiceCase):
        return list(case.best)
    assert isinstance(case, WordsCase)
    return [min(case.said, key=filing.rank)]
