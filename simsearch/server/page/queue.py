"""What waits for a person: suspected duplicates of the last search, and answers that nobody has spoken on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from threading import Lock
from typing import Any

from simsearch.catalog.decisions import DecisionFilter, DecisionVerdict, RecordedDecision
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import Review, Side
from simsearch.server.duplicate_runs import DuplicateRuns, Run
from simsearch.server.state import ServerState

KINDS = ("duplicates", "look-alikes", "ambiguous", "unknown", "corrected")
"""What the queue can be narrowed to. Look-alikes, which are known to differ, are shown only when asked for."""
_MOST_ANSWERS = 300
"""Answers of one kind, newest first: more would make no shorter work of them."""
_NEAR = ("identical", "same-photo", "same-product", "look-alike")


@dataclass(frozen=True)
class Pair:
    """Two photos of the catalog that a search took for one product, or for look-alikes."""

    key: str
    kind: str
    a: ImageFacts
    b: ImageFacts
    found: Mapping[str, Any]
    """As the search kept it: probability, inliers, printed, reason."""

    @property
    def conflict(self) -> bool:
        """Whether they are filed under two SKUs."""
        return self.a.sku != self.b.sku

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both photos, each by its content."""
        return Side(self.a.sku, self.a.sha256), Side(self.b.sku, self.b.sha256)

    @property
    def words(self) -> str:
        """What a search looks through."""
        return " ".join((self.a.sku, self.a.title, self.a.manufacturer, self.b.sku, self.b.title)).casefold()

    @property
    def place(self) -> tuple[bool, int, str, float]:
        """Conflicts first, then by kind and family, then the most probable."""
        name = min(self.a.name.casefold(), self.b.name.casefold())
        return not self.conflict, _NEAR.index(self.kind), name, -float(self.found.get("probability") or 0)


@dataclass(frozen=True)
class Asked:
    """A recorded answer."""

    key: str
    kind: str
    """"ambiguous", "unknown" or "corrected"."""
    record: RecordedDecision
    names: Mapping[str, str] = field(default_factory=dict)
    """SKU -> name with strength, of the products that it names."""

    @property
    def words(self) -> str:
        """What a search looks through."""
        return " ".join((self.record.query, self.record.sku or "", *self.names, *self.names.values())).casefold()


Item = Pair | Asked


@dataclass(frozen=True)
class Queue:
    """The open items in their order, and the search that the pairs come from."""

    items: tuple[Item, ...]
    counts: Mapping[str, int]
    """Kind -> open items, whatever the queue is narrowed to."""
    run: Run | None
    """None where duplicates were never searched."""

    def index(self, key: str) -> int | None:
        """Where the item is; None where it is not open."""
        return next((n for n, item in enumerate(self.items) if item.key == key), None)


class Queues:
    """Makes the queue. The pairs of a search are read once; safe to share between threads."""

    def __init__(self, shared: ServerState) -> None:
        self.shared = shared
        self._lock = Lock()
        self._read: tuple[tuple[str, int], list[Pair]] = (("", -1), [])

    def open(self, kind: str = "", words: str = "") -> Queue:
        """What waits. `kind`: of KINDS; "": all but look-alikes. `words`: each stands in a name or SKU."""
        self.shared.app.require_catalog()
        run, pairs = self.pairs()
        said = Said(self.shared.app.catalog.reviews.all())
        waiting = [pair for pair in pairs if said.of(pair) is None]
        by_kind: dict[str, Sequence[Item]] = {
            "duplicates": [p for p in waiting if p.kind != "look-alike"],
            "look-alikes": [p for p in waiting if p.kind == "look-alike"],
            **self._answers(),
        }
        chosen = [kind] if kind in by_kind else [k for k in KINDS if k != "look-alikes"]
        wanted = words.casefold().split()
        items = [i for k in chosen for i in by_kind[k] if all(word in i.words for word in wanted)]
        return Queue(tuple(items), {k: len(by_kind[k]) for k in KINDS}, run)

    def pairs(self) -> tuple[Run | None, list[Pair]]:
        """The pairs of the last search whose photos are still in the catalog, in order."""
        run = DuplicateRuns(self.shared.app.home).latest()
        if run is None:
            return None, []
        stamp = run.id, self.shared.app.catalog.revision()
        with self._lock:
            if self._read[0] != stamp:
                groups = list(DuplicateRuns(self.shared.app.home).groups(run))
                ids = {image["id"] for group in groups for image in group["images"]}
                self._read = stamp, _pairs(groups, self.shared.app.catalog.images.facts(ids))
            return run, self._read[1]

    def find(self, key: str) -> Item | None:
        """An item, open or not."""
        if key.startswith("p"):
            return next((pair for pair in self.pairs()[1] if pair.key == key), None)
        number = key[1:]
        record = self.shared.app.catalog.decisions.get(int(number)) if number.isdecimal() and len(number) < 16 else None
        return Asked(key, record.outcome, record) if record else None

    def _answers(self) -> dict[str, Sequence[Asked]]:
        decisions = self.shared.app.catalog.decisions
        found: dict[str, list[RecordedDecision]] = {
            kind: list(decisions.find(DecisionFilter(outcome=kind, reviewed=False), limit=_MOST_ANSWERS))
            for kind in ("ambiguous", "unknown")
        }
        reviewed = islice(decisions.find(DecisionFilter(reviewed=True)), _MOST_ANSWERS)
        found["corrected"] = [d for d in reviewed if d.review and d.review.verdict is DecisionVerdict.CORRECTED]
        skus = {sku for records in found.values() for d in records for sku in skus_of(d)}
        listed = self.shared.app.catalog.browse.by_sku(skus)
        names = {sku: f"{p.product.name} {p.product.strength}".strip() for sku, p in listed.items()}
        return {
            kind: [Asked(f"a{d.id}", kind, d, {sku: names.get(sku, sku) for sku in skus_of(d)}) for d in records]
            for kind, records in found.items()
        }


class Said:
    """What people said of pairs: of two photos, or of two SKUs and so of all of their photos."""

    def __init__(self, reviews: Iterable[Review]) -> None:
        self._by_pair = {frozenset((review.a, review.b)): review for review in reviews}

    def of(self, pair: Pair) -> Review | None:
        """The word that settles a pair; None where there is none."""
        exact, skus = pair.sides, (Side(pair.a.sku), Side(pair.b.sku))
        return self._by_pair.get(frozenset(exact)) or self._by_pair.get(frozenset(skus))


def skus_of(record: RecordedDecision) -> list[str]:
    """The SKUs that an answer names, and the one that a person named."""
    named = record.evidence.get("named") or ([record.sku] if record.sku else [])
    said = [record.review.sku] if record.review and record.review.sku else []
    return [str(sku) for sku in dict.fromkeys([*named, *said])]


def _pairs(groups: Iterable[Mapping[str, Any]], facts: Mapping[int, ImageFacts]) -> list[Pair]:
    found: dict[str, Pair] = {}
    for group in groups:
        for pair in group["pairs"]:
            a, b = facts.get(pair["a_id"]), facts.get(pair["b_id"])
            # In a group of several SKUs, the question is which of them are one product.
            if a is not None and b is not None and (a.sku != b.sku or not group["conflict"]):
                digest = hashlib.sha256(f"{a.sku}\0{a.sha256}\0{b.sku}\0{b.sha256}".encode()).hexdigest()
                found[f"p{digest[:16]}"] = Pair(f"p{digest[:16]}", pair["kind"], a, b, pair)
    return sorted(found.values(), key=lambda pair: pair.place)
