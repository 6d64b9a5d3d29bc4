"""The check of how a catalog is filed: see what changed, judge that again, keep and list the doubts."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from simsearch.catalog import Catalog
from simsearch.catalog.checked import CheckState, Due
from simsearch.catalog.doubts import Doubt, order
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import PrintedFact, Progress, silent
from simsearch.features.base import Method
from simsearch.filing.arbiter import judged, settled
from simsearch.filing.cases import PhotoCase
from simsearch.filing.comparing import comparer
from simsearch.filing.crew import Crew
from simsearch.filing.evidence import ImageSeen
from simsearch.filing.filed import Filing
from simsearch.filing.judging import Judge
from simsearch.filing.keeping import Judged, judged_of, kept
from simsearch.filing.looker import Looker
from simsearch.filing.nearby import Nearby
from simsearch.filing.rows import row_doubts
from simsearch.filing.seeing import Watcher, stamp_of
from simsearch.filing.telling import Teller
from simsearch.recognition.pair_scorer import StoredPrint

_RULES = "4"
"""Of what is listed: raised when the same cases would be settled or told otherwise."""
_TOLD, _JUDGED = 128, 500
"""Doubts whose print is compared again at once, to be told; SKUs that are judged at once."""


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
        crew: Crew,
        pills: Method | None = None,
    ) -> None:
        """`reading`: whose descriptors the print is; None: none. `least`: probability from which a doubt is kept.
        `crew`: looks along.
        """
        self.catalog, self.methods, self.prints, self.looker = catalog, methods, prints, looker
        self.judge, self.reading, self.least = judge, reading, least
        self.stamp = stamp_of([*methods.values(), *(m for m in (reading, pills) if m is not None)])
        self.watcher = Watcher(catalog, methods, prints, looker, nearby, self.stamp, crew, pills)

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
        before, now = self.catalog.checked.state(), self._state()
        if before == now:
            found, looked_at = self.catalog.doubts.open(), frozenset[int]()
        else:
            found, looked_at = self._renewed(before, now, added, sku, progress)
        if added is not None or sku is not None:
            about = self._asked(added, sku)
            found = [doubt for doubt in found if about & {doubt.sku, doubt.against_sku}]
        images = self.catalog.images.counts()["images_ok"]
        read = self.catalog.descriptors.counts().get(self.reading.fingerprint, 0) if self.reading else 0
        return CheckReport(
            tuple(sorted(found, key=order)), images, len(looked_at), images - read, time.perf_counter() - started
        )

    def _asked(self, added: Collection[int] | None, sku: str | None) -> set[str]:
        if sku is not None:
            return {sku}
        return {facts.sku for facts in self.catalog.images.facts(added or ()).values()}

    def _state(self) -> CheckState:
        """What the catalog is by now, and what it would be checked by."""
        said = [[d.id, d.verdict] for d in self.catalog.doubts.said()]
        refused = [r.message for r in self.catalog.images.refused() if r.code == "contradiction"]
        judged_by = _digest([self.judge.digest, self.least, _RULES])
        return CheckState(self.catalog.revision(), self.stamp, judged_by, _digest([said, refused]))

    def _renewed(
        self, before: CheckState | None, now: CheckState, added: Collection[int] | None, sku: str | None,
        progress: Progress,
    ) -> tuple[list[Doubt], frozenset[int]]:  # fmt: skip
        """The open doubts after what changed was seen and judged, and the images that were looked at."""
        filing = Filing.of(self.catalog, self.reading)
        same = before is not None and before.stamp == now.stamp
        due = self.catalog.checked.due(before.revision if before and same else None, self.stamp)
        due = replace(due, images=due.images | self.watcher.naming(filing, due.rows))
        wanted, mates = (
            [i for i in ids if i in filing.images and _is_asked(filing, i, added, sku)]
            for ids in (due.images, due.mates)
        )
        looked_at = self.watcher.see(filing, wanted, mates, now.revision, progress)
        again = (
            None
            if not same or before is None or before.judged_by != now.judged_by
            else self._skus(filing, due, looked_at)
        )
        fresh = self._judge(filing, again, progress)
        found = self._listed(filing, fresh, progress)
        if due.images | due.mates <= looked_at:
            self.catalog.checked.note_state(now)
        return found, looked_at

    @staticmethod
    def _skus(filing: Filing, due: Due, looked_at: Collection[int]) -> frozenset[str]:
        return due.skus | {filing.images[i].sku for i in looked_at}

    # -- judging -----------------------------------------------------------------------------------------------------

    def _judge(self, filing: Filing, skus: frozenset[str] | None, progress: Progress) -> set[str]:
        """Judge what is about `skus` (None: everything), and keep the cases; returns their keys."""
        about = sorted(filing.groups.keys() if skus is None else skus & filing.groups.keys())
        found: dict[str, Judged] = {}
        for start in range(0, len(about), _JUDGED):
            part = about[start : start + _JUDGED]
            for one in judged(self._seen(filing, part), filing, self.judge, frozenset(part)):
                if one.probability >= self.least:
                    found[one.case.key(filing)] = one
            progress(start, len(about), "judging")
        self.catalog.checked.keep_cases([kept(one, filing) for _, one in sorted(found.items())], skus)
        return set(found)

    def _seen(self, filing: Filing, skus: Sequence[str]) -> dict[int, ImageSeen]:
        """What was seen of the images of SKUs, and of all SKUs of which any image was compared with these."""
        own = [i for sku in skus for i in filing.groups[sku]]
        seen = self._evidence(filing, own)
        met = {pair.other for one in seen.values() for pair in one.others} | self.catalog.checked.beside(own)
        beside = {filing.images[i].sku for i in met if i in filing.images} - {*skus}
        return seen | self._evidence(filing, [i for sku in beside for i in filing.groups[sku]])

    def _evidence(self, filing: Filing, ids: Collection[int]) -> dict[int, ImageSeen]:
        found = self.catalog.checked.seen(ids, self.stamp)
        return {i: ImageSeen.of(one.evidence) for i, one in found.items() if i in filing.images}

    # -- telling -----------------------------------------------------------------------------------------------------

    def _listed(self, filing: Filing, fresh: Collection[str], progress: Progress) -> list[Doubt]:
        """The open doubts. `fresh`: keys of cases that may be told otherwise than before."""
        cases = [judged_of(case.found) for case in self.catalog.checked.cases()]
        present = [one for one in cases if _is_present(one, filing)]
        listed = settled(present, filing, self.least, self.catalog.doubts.said())
        known = self.catalog.doubts.known()
        doubts = [d for d in self._rows(filing) if d.probability >= self.least]
        new: list[Judged] = []
        for one in listed:
            told = known.get(one.case.key(filing))
            if told is None or told.kind != one.kind or told.probability != one.probability or told.key in fresh:
                new.append(one)
            else:
                doubts.append(told)
        for start in range(0, len(new), _TOLD):
            doubts += self._told(new[start : start + _TOLD], filing)
            progress(start, len(new), "comparing again what is doubted")
        return self.catalog.doubts.keep(sorted(doubts, key=order))

    def _rows(self, filing: Filing) -> list[Doubt]:
        shown = [product for sku, product in filing.products.items() if sku in filing.groups]
        return row_doubts(shown, self.catalog.images.refused(), datetime.now(UTC).date())

    def _told(self, listed: Sequence[Judged], filing: Filing) -> Iterator[Doubt]:
        ids = {i for one in listed for i in one.case.images(filing)}
        facts = self.catalog.images.facts(ids)
        pairs, sides = comparer(self.catalog, self.methods, self.prints, self.looker, filing, facts)

        def place(image_id: int, kind: str) -> PrintedFact | None:
            against = self.looker.against_row(sides[image_id], facts[image_id]) if image_id in sides else []
            return next((fact for fact in against if fact.kind == kind), None)

        teller = Teller(filing, facts, self._evidence(filing, ids), pairs, place)
        yield from in_threads(teller.doubt, [one for one in listed if facts.keys() >= {*one.case.images(filing)}])


def _is_present(one: Judged, filing: Filing) -> bool:
    """Whether all that a case is about is still there."""
    to_sku = one.case.to_sku if isinstance(one.case, PhotoCase) else ""
    return all(i in filing.images for i in one.case.images(filing)) and (not to_sku or to_sku in filing.products)


def _is_asked(filing: Filing, image_id: int, added: Collection[int] | None, sku: str | None) -> bool:
    return (added is None or image_id in added) and (sku is None or filing.images[image_id].sku == sku)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
