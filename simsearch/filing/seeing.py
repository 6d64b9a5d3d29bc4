"""Looks at the photos of a catalog, block by block, and keeps what it saw: a later check goes on from there."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from simsearch.catalog import Catalog
from simsearch.catalog.checked import Evidence, Seen
from simsearch.catalog.images import ImageFacts
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.threads import in_threads
from simsearch.core.types import Description, Descriptor, Progress
from simsearch.features.base import Method, unpack
from simsearch.features.reading import Reading
from simsearch.features.reading.content import content
from simsearch.filing.crew import Block, Crew
from simsearch.filing.evidence import PAIR_FEATURES, ImageSeen, PairSeen, RowSeen
from simsearch.filing.filed import Filing
from simsearch.filing.looker import Looker
from simsearch.filing.nearby import Near, Nearby, nearest_own, worth_comparing
from simsearch.filing.print_lines import stored_sides
from simsearch.recognition.pair_scorer import StoredPrint
from simsearch.recognition.print_pairs import PrintSide
from simsearch.recognition.stored import stored

VERSION = "7"
"""Of what is seen: raised when the same catalog would be seen otherwise."""
MATES = 4
"""Photos of the own SKU that a photo is compared with: the most similar ones."""
_ROWS = 2
"""Rows without a near photo that a photo is held against, of those whose names it prints: the ones that fit best."""
_ROWS_TRIED = 8
_BLOCK = 128
"""Images that are looked at and kept at once."""
_LOOK, _LIKENESS = PAIR_FEATURES.index("look"), PAIR_FEATURES.index("likeness")
_NEAR_LOOK, _NEAR_TEXT = -2.0, 0.3
"""From which a new photo is so near to an older one that this is looked at again."""
_NOT_READ = PrintSide()
_WORD = re.compile(r"[^\W\d_]{4}")
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Block:
    """What is known of images that are looked at together, and of all that they are compared with."""

    facts: Mapping[int, ImageFacts]
    printed: Mapping[int, PrintSide]
    chosen: Mapping[int, tuple[Sequence[int], Sequence[int]]]
    """Image id -> the photos of its own SKU, and those of others, that it is compared with."""
    pills: Mapping[int, Descriptor]
    looked: Mapping[Pair, tuple[float, ...]]
    """Features of the pairs."""


class Watcher:
    """Sees the images that no check has seen as they are now."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        prints: StoredPrint | None,
        looker: Looker,
        nearby: Nearby,
        stamp: str,
        crew: Crew,
        pills: Method | None = None,
    ) -> None:
        """`stamp`: of all that the evidence is computed by. `crew`: looks along with this process. `pills`: describes
        loose pills; None: nothing does.
        """
        self.catalog, self.methods, self.prints, self.pills = catalog, methods, prints, pills
        self.looker, self.nearby, self.stamp, self.crew = looker, nearby, stamp, crew

    def see(
        self, filing: Filing, due: Collection[int], mates: Collection[int], revision: int, progress: Progress
    ) -> frozenset[int]:
        """See and keep the images `due`, older ones that a new one comes near to, and `mates`; returns all of these.

        `mates`: looked at beside photos of their SKU alone, the rest is as it was. `revision`: the catalog's, as of
        `filing`.
        """
        done, total, looked, again = 0, len({*due, *mates}), set[int](), set[int]()
        for wave, ids in (("due", due), ("again", again), ("mates", mates)):  # the first fills the second
            queue = sorted({*ids} - looked, key=lambda i: (filing.images[i].sku, filing.rank(i)))
            total = max(total, done + len(queue))
            blocks = [(queue[start : start + _BLOCK], wave == "mates") for start in range(0, len(queue), _BLOCK)]
            for (block, _), (seen, known) in self.crew.run(blocks, partial(self.look, filing)):
                noted: dict[int, tuple[Evidence, Collection[int]]] = {
                    i: (one.json(), [p.other for p in one.others]) for i, one in seen.items()
                }
                self.catalog.checked.note(noted, self.stamp, revision)
                looked |= set(block)
                if wave == "due":
                    new = [i for i in block if i in seen and i not in known]
                    again |= {p.other for i in new for p in seen[i].others if _is_near(p)}
                done += len(block)
                progress(done, total, "looking")
        return frozenset(looked)

    def naming(self, filing: Filing, rows: Collection[str]) -> set[int]:
        """Images that print the whole name of another row, of those that are new or were changed: `rows`.

        Where their own name is the same, only those of an SKU about which something may be wrong.
        """
        vocabulary, doubted = filing.vocabulary, {case.sku for case in self.catalog.checked.cases()}
        named: dict[int, set[str]] = defaultdict(set)
        for sku in sorted(sku for sku in rows if sku in filing.products and vocabulary.leads(sku)):
            words = {*vocabulary.words(sku)}
            for i in self.nearby.by_words(words) & filing.images.keys():
                own = filing.images[i].sku
                if own != sku and (words != {*vocabulary.words(own)} or own in doubted):
                    named[i].add(sku)
        found: set[int] = set()
        listed = sorted(named)
        for block in (listed[start : start + _BLOCK] for start in range(0, len(listed), _BLOCK)):
            facts = self.catalog.images.facts(block)
            sides = self._stored_print(facts)
            found |= {
                i for i, side in sides.items()
                if not named[i].isdisjoint(vocabulary.named(side.reading, facts[i].sku))
            }  # fmt: skip
        return found

    def look(self, filing: Filing, block: Block) -> tuple[dict[int, ImageSeen], frozenset[int]]:
        """What is seen of some images, and which of them were seen before. Nothing is written."""
        ids, beside_mates = block
        return (self._beside_mates(filing, ids), frozenset(ids)) if beside_mates else self.block(filing, ids)

    def block(self, filing: Filing, block: Sequence[int]) -> tuple[dict[int, ImageSeen], frozenset[int]]:
        """What is seen of some images, and which of them were seen before. Nothing is written."""
        own = self.catalog.images.facts(block)
        printed = self._stored_print(own)
        looks = self.nearby.by_looks(list(own))
        picked = in_threads(lambda i: self._picked(filing, i, looks.get(i, []), printed.get(i, _NOT_READ)), list(own))
        chosen = dict(zip(own, picked, strict=True))
        facts = own | self.catalog.images.facts({n for sides in picked for side in sides for n in side} - own.keys())
        printed |= self._stored_print({i: f for i, f in facts.items() if i not in own})
        before = self.catalog.checked.seen(facts, self.stamp)
        pairs = {filing.ordered(i, n) for i, sides in chosen.items() for side in sides for n in side}
        known = self._known(before, facts)
        looked = known | self._fresh(pairs - known.keys(), facts, printed)
        of = _Block(facts, printed, chosen, self._pills(own.values()), looked)
        _ = filing.vocabulary  # made once, before threads ask for it
        seen = in_threads(lambda i: self._image(filing, of, i), list(own))
        return dict(zip(own, seen, strict=True)), frozenset(before.keys() & own.keys())

    def _beside_mates(self, filing: Filing, ids: Sequence[int]) -> dict[int, ImageSeen]:
        """What was seen of some images, and what is seen of them beside the photos of their SKU."""
        mates = {i: [n for n in filing.groups[filing.images[i].sku] if n != i] for i in ids}
        looks = self.nearby.by_looks([i for i in ids if len(mates[i]) > MATES])
        chosen = {i: nearest_own(looks.get(i, []), of, filing.rank)[:MATES] for i, of in mates.items()}
        around = {*ids, *(n for of in chosen.values() for n in of)}
        before = self.catalog.checked.seen(around, self.stamp)
        looked = self._known(before, around)
        missing = {filing.ordered(i, n) for i, of in chosen.items() for n in of} - looked.keys()
        facts = self.catalog.images.facts({i for pair in missing for i in pair})
        looked |= self._fresh(missing, facts, self._stored_print(facts))
        return {
            i: replace(ImageSeen.of(before[i].evidence), own=_seen_pairs(filing, i, chosen[i], looked))
            for i in ids if i in before
        }  # fmt: skip

    def _fresh(
        self, pairs: Collection[Pair], facts: Mapping[int, ImageFacts], printed: Mapping[int, PrintSide]
    ) -> dict[Pair, tuple[float, ...]]:
        """Features of pairs, but of such as show loose pills or lack what they are compared by."""
        described = stored(self.catalog, self.methods, {i: facts[i] for pair in pairs for i in pair if i in facts})
        fresh = [pair for pair in sorted(pairs) if all(n in described and not described[n].loose_pills for n in pair)]
        features = in_threads(lambda pair: self._pair(pair, described, printed), fresh)
        return dict(zip(fresh, features, strict=True))

    def _known(self, before: Mapping[int, Seen], facts: Collection[int]) -> dict[Pair, tuple[float, ...]]:
        """Features of pairs that were looked at from either side since both of their photos changed last."""
        changed = self.catalog.selection.changed(facts)
        known: dict[Pair, tuple[float, ...]] = {}
        for i, one in before.items():
            for side in ("own", "others"):
                for other, *features in one.evidence[side]:
                    if other in facts and max(changed[i], changed[other]) <= one.revision:
                        known[i, other] = known[other, i] = tuple(features)
        return known

    def _image(self, filing: Filing, of: _Block, i: int) -> ImageSeen:
        mates, near = (_seen_pairs(filing, i, side, of.looked) for side in of.chosen[i])
        side, sku = of.printed.get(i, _NOT_READ), of.facts[i].sku
        makers = filing.vocabulary.makers(side.reading)
        row = self.looker.row(side, of.facts[i], makers, of.pills.get(i))
        others = {of.facts[pair.other].sku: of.facts[pair.other] for pair in near}
        rows = {other: self.looker.row(side, facts) for other, facts in others.items()}
        named = filing.vocabulary.named(side.reading, sku)
        rows |= self._best_rows(filing, side, [other for other in named if other not in rows][:_ROWS_TRIED])
        held = tuple(other for other in named if other in rows)
        return ImageSeen(_says_something(side.reading), mates, near, row, rows, held)

    def _best_rows(self, filing: Filing, side: PrintSide, skus: Iterable[str]) -> dict[str, RowSeen]:
        found: dict[str, RowSeen] = {}
        for sku in skus:
            facts = filing.vocabulary.facts(sku)
            if facts is not None:
                found[sku] = self.looker.row(side, facts)
        best = sorted(found, key=lambda sku: (-round(found[sku].fit, 6), sku))
        return {sku: found[sku] for sku in best[:_ROWS]}

    def _picked(
        self, filing: Filing, i: int, near: Sequence[Near], side: PrintSide
    ) -> tuple[Sequence[int], Sequence[int]]:
        """The photos of its own SKU, and those of others, that an image is compared with."""
        sku = filing.images[i].sku
        mates = [n for n in filing.groups[sku] if n != i]
        lanes = near, self.nearby.by_print(i, side), self.nearby.by_codes(i, side.codes)
        return nearest_own(near, mates, filing.rank)[:MATES], worth_comparing(lanes, filing.sku, sku, filing.rank)

    def _pair(
        self, pair: Pair, described: Mapping[int, Description], printed: Mapping[int, PrintSide]
    ) -> tuple[float, ...]:
        a, b = pair
        read = printed.get(a, _NOT_READ), printed.get(b, _NOT_READ)
        features = self.looker.pair((described[a], described[b]), read)[0]
        return tuple(round(value, 4) for value in features)  # as it is kept, so that it is the same when it is reused

    def _stored_print(self, facts: Mapping[int, ImageFacts]) -> dict[int, PrintSide]:
        return stored_sides(self.prints, self.catalog, facts)

    def _pills(self, facts: Iterable[ImageFacts]) -> dict[int, Descriptor]:
        """What loose pills look like, of the images that show such."""
        if self.pills is None:
            return {}
        wanted = [f.id for f in facts if f.surface == "pills"]
        found: dict[int, Descriptor] = {}
        for i, data in self.catalog.descriptors.of(self.pills.fingerprint, wanted).items():
            try:
                found[i] = unpack(self.pills, data, i)
            except DamagedDescriptor:  # the nightly check names it; here its columns are left alone
                continue
        return found


def _seen_pairs(
    filing: Filing, i: int, chosen: Iterable[int], looked: Mapping[Pair, tuple[float, ...]]
) -> tuple[PairSeen, ...]:
    """An image beside those that were chosen, as far as they could be compared."""
    return tuple(PairSeen(n, looked[pair]) for n in chosen if (pair := filing.ordered(i, n)) in looked)


def stamp_of(methods: Iterable[Method]) -> str:
    """Digest of what sees: it changes where the same catalog would be seen otherwise."""
    known = " ".join([VERSION, *sorted(method.fingerprint for method in methods)])
    return hashlib.sha256(known.encode()).hexdigest()


def _says_something(reading: Reading | None) -> bool:
    """Whether words are read, and not only what varies between packs of one product, as on the back of a strip."""
    lines = reading.lines if reading is not None else ()
    vary = [content(line.text).varies for line in lines]
    lasting = sum(not varies and bool(_WORD.search(line.text)) for line, varies in zip(lines, vary, strict=True))
    return lasting > 0 and lasting >= sum(vary)


def _is_near(pair: PairSeen) -> bool:
    return pair.features[_LOOK] >= _NEAR_LOOK or pair.features[_LIKENESS] >= _NEAR_TEXT
