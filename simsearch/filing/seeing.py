"""Looks at the photos of a catalog, block by block, and keeps what it saw: a later check goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.selection import Filed, ProductFacts
from simsearch.core.threads import in_threads
from simsearch.core.types import Description, PrintComparison, PrintedFact, Progress
from simsearch.features.base import Method
from simsearch.filing.evidence import PAIR_FEATURES, ImageSeen, Looker, PairSeen
from simsearch.filing.nearby import Near, Nearby, nearest_own, worth_comparing
from simsearch.recognition.pair_scorer import StoredPrint
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.stored import stored

VERSION = "2"
"""Of what is seen: raised when the same catalog would be seen otherwise."""
MATES = 4
"""Photos of the own SKU that a photo is compared with: the most similar ones."""
_BLOCK = 128
"""Images that are looked at and kept at once."""
_LOOK, _LIKENESS = PAIR_FEATURES.index("look"), PAIR_FEATURES.index("likeness")
_NEAR_LOOK, _NEAR_TEXT = -2.0, 0.3
"""From which a new photo is so near to an older one that this is looked at again."""
_NOT_READ = PrintSide()


@dataclass(frozen=True, eq=False)
class Filing:
    """How the catalog is filed, as of one moment."""

    images: Mapping[int, Filed]
    products: Mapping[str, ProductFacts]
    """SKU -> what the table says of it."""
    groups: Mapping[str, tuple[int, ...]]
    """SKU -> its images, by content."""
    read: frozenset[int]
    """Images whose print was read."""
    rows: Mapping[str, str]
    """SKU -> digest of its row."""

    @classmethod
    def of(cls, catalog: Catalog, reading: Method | None) -> Filing:
        """As the catalog is now."""
        images = {filed.id: filed for filed in catalog.selection.contents()}
        products = {product.sku: product for product in catalog.selection.products()}
        groups: dict[str, list[int]] = defaultdict(list)
        for filed in sorted(images.values(), key=lambda f: (f.sku, f.sha256, f.id)):
            groups[filed.sku].append(filed.id)
        read = catalog.descriptors.active_ids(reading.fingerprint).tolist() if reading else []
        rows = {sku: _digest([p.name, p.strength, p.form, p.manufacturer, dict(p.attributes)])
                for sku, p in products.items()}  # fmt: skip
        return cls(images, products, {s: tuple(g) for s, g in groups.items()}, frozenset(read), rows)

    def sku(self, image_id: int) -> str | None:
        """Of an image; None where it is no longer active."""
        filed = self.images.get(image_id)
        return filed.sku if filed else None

    def rank(self, image_id: int) -> tuple[str, ...]:
        """Sorts images by their content, so that the order in which they came in changes nothing."""
        filed = self.images.get(image_id)
        return (filed.sha256, filed.sku) if filed else ("", "")

    def stamp(self, image_id: int, others: Iterable[int], method: str) -> str:
        """Digest of all that is seen of an image: itself, its SKU and row, and the photos that it was compared with."""
        own = self.images[image_id]
        mates = [(self.images[i].sha256, i in self.read) for i in self.groups[own.sku]]
        met = sorted((*self.rank(i), self.rows.get(self.sku(i) or "", ""), i in self.read) for i in others)
        known = [VERSION, method, own.sku, own.sha256, own.surface, self.rows.get(own.sku, ""), mates, met]
        return _digest(known)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


class Watcher:
    """Sees the images that no check has seen as they are now."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        prints: StoredPrint | None,
        looker: Looker,
        nearby: Nearby,
        method: str,
    ) -> None:
        """`method`: fingerprint of all that the evidence is computed by."""
        self.catalog, self.methods, self.prints = catalog, methods, prints
        self.looker, self.nearby, self.method = looker, nearby, method

    def see(
        self, filing: Filing, wanted: Collection[int] | None, progress: Progress
    ) -> tuple[dict[int, ImageSeen], int]:
        """See and keep what changed; returns all that was ever seen, and how many images were looked at now.

        `wanted`: image ids; None: all. Photos that a new one comes near to are looked at again with it.
        """
        known = {i: (stamp, kept) for i, (stamp, kept) in self.catalog.doubts.seen().items() if i in filing.images}
        due = [i for i in filing.images if (wanted is None or i in wanted) and self._is_due(filing, i, known.get(i))]
        done, total, looked = 0, len(due), set[int]()
        fresh: dict[int, tuple[str, Mapping[str, Any]]] = {}
        queue = sorted(due, key=lambda i: (filing.images[i].sku, filing.rank(i)))
        while queue:
            again: dict[int, None] = {}
            for start in range(0, len(queue), _BLOCK):
                block = queue[start : start + _BLOCK]
                seen = self._block(filing, block)
                noted = {
                    i: (filing.stamp(i, [p.other for p in one.others], self.method), one.json())
                    for i, one in seen.items()
                }
                self.catalog.doubts.note_seen(noted)
                fresh |= noted
                looked |= set(block)
                if done < len(due):
                    new = [i for i in block if i not in known]
                    again |= dict.fromkeys(p.other for i in new if i in seen for p in seen[i].others if _is_near(p))
                done += len(block)
                progress(done, total, "looking")
            queue = sorted((i for i in again if i not in looked), key=lambda i: (filing.images[i].sku, filing.rank(i)))
            total += len(queue)
        return {i: ImageSeen.of(kept) for i, (_, kept) in (known | fresh).items()}, len(looked)

    def _is_due(self, filing: Filing, image_id: int, kept: tuple[str, Mapping[str, object]] | None) -> bool:
        if kept is None:
            return True
        others = kept[1].get("others")
        met = [pair[0] for pair in others] if isinstance(others, list) else []
        return kept[0] != filing.stamp(image_id, met, self.method)

    def _block(self, filing: Filing, block: Sequence[int]) -> dict[int, ImageSeen]:
        own = self.catalog.images.facts(block)
        printed = self._stored_print(own)
        looks = self.nearby.by_looks(list(own))
        picked = in_threads(lambda i: self._picked(filing, i, looks.get(i, []), printed.get(i, _NOT_READ)), list(own))
        chosen = dict(zip(own, picked, strict=True))
        facts = own | self.catalog.images.facts({n for sides in picked for side in sides for n in side} - own.keys())
        printed |= self._stored_print({i: f for i, f in facts.items() if i not in own})
        described = stored(self.catalog, self.methods, facts)
        pairs = {_ordered(filing, i, n) for i, sides in chosen.items() for side in sides for n in side}
        known = [pair for pair in sorted(pairs) if all(n in described and not described[n].loose_pills for n in pair)]
        features = in_threads(lambda pair: self._pair(pair, described, printed), known)
        looked = dict(zip(known, features, strict=True))

        def seen(i: int) -> ImageSeen:
            mates, near = (
                tuple(PairSeen(n, looked[pair]) for n in side if (pair := _ordered(filing, i, n)) in looked)
                for side in chosen[i]
            )
            side = printed.get(i, _NOT_READ)
            others = {facts[pair.other].sku: facts[pair.other] for pair in near}
            rows = {sku: self.looker.row(side, other) for sku, other in others.items()}
            read = side.reading is not None and bool(side.reading.lines)
            return ImageSeen(read, mates, near, self.looker.row(side, facts[i]), rows)

        return dict(zip(own, in_threads(seen, list(own)), strict=True))

    def _picked(
        self, filing: Filing, i: int, near: Sequence[Near], side: PrintSide
    ) -> tuple[Sequence[int], Sequence[int]]:
        """The photos of its own SKU, and those of others, that an image is compared with."""
        sku = filing.images[i].sku
        mates = [n for n in filing.groups[sku] if n != i]
        lanes = near, self.nearby.by_print(i, side), self.nearby.by_codes(i, side.codes)
        return nearest_own(near, mates, filing.rank)[:MATES], worth_comparing(lanes, filing.sku, sku, filing.rank)

    def _pair(
        self, pair: tuple[int, int], described: Mapping[int, Description], printed: Mapping[int, PrintSide]
    ) -> tuple[float, ...]:
        a, b = pair
        read = printed.get(a, _NOT_READ), printed.get(b, _NOT_READ)
        return self.looker.pair((described[a], described[b]), read)[0]

    def _stored_print(self, facts: Mapping[int, ImageFacts]) -> dict[int, PrintSide]:
        return dict(self.prints.stored(self.catalog, facts)) if self.prints and facts else {}


def _ordered(filing: Filing, a: int, b: int) -> tuple[int, int]:
    """Two images as they are compared: which is the first must not depend on the order in which they came in."""
    return (a, b) if (filing.rank(a), a) <= (filing.rank(b), b) else (b, a)


def _is_near(pair: PairSeen) -> bool:
    return pair.features[_LOOK] >= _NEAR_LOOK or pair.features[_LIKENESS] >= _NEAR_TEXT


def comparer(
    catalog: Catalog,
    methods: Mapping[str, Method],
    prints: StoredPrint | None,
    looker: Looker,
    filing: Filing,
    facts: Mapping[int, ImageFacts],
) -> tuple[Callable[[int, int], PrintComparison | None], Mapping[int, PrintSide]]:
    """What compares the print of two of the images of `facts`, the first as the photo; and what was read on each."""
    sides = dict(prints.stored(catalog, facts)) if prints and facts else {}
    described = stored(catalog, methods, facts)

    def compare(a: int, b: int) -> PrintComparison | None:
        if not all(i in described and i in sides for i in (a, b)):
            return None
        first, second = _ordered(filing, a, b)
        _, printed = looker.pair((described[first], described[second]), (sides[first], sides[second]))
        return printed if first == a or printed is None else turned(printed)

    return compare, sides


def turned(printed: PrintComparison) -> PrintComparison:
    """The same comparison, seen from the other photo."""
    agree, against = (tuple(map(_turned, facts)) for facts in (printed.agreements, printed.contradictions))
    return replace(printed, agreements=agree, contradictions=against)


def _turned(fact: PrintedFact) -> PrintedFact:
    return replace(
        fact, photo=fact.catalog, catalog=fact.photo, photo_place=fact.catalog_place, catalog_place=fact.photo_place
    )
