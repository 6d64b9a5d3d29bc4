"""What is judged: each photo beside its SKU and the best other one, each pair of SKUs, each column of a row.

A case is a row of features and what it is about; `judging` turns the features into a probability. The fit (see
`scripts/fit_filing.py`) and the check make their cases here, in one way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import log1p

from simsearch.catalog.selection import ProductFacts
from simsearch.core.quantities import Comparison, compare_texts
from simsearch.filing.evidence import APART, ImageSeen, PairSeen, RowSeen
from simsearch.filing.filed import Filing

PHOTO_FEATURES = (
    "own", "best", "alone", "against", "name", "row", "other_name", "other_row", "other_agrees", "read", "mates_row",
    "row_lead", "unnamed", "two", *APART,
)  # fmt: skip
"""Of a photo: `own` and `best`, the highest score of a pair with a photo of its own SKU and of another, -FAR to FAR.
alone: 1 for the only photo of its SKU. against: share of the photos of its SKU that it contradicts. name, other_name:
how much of the name of its own row, and of the other SKU's, is printed on it. row, other_row: log(1 + what contradicts
these rows). other_agrees: how many more of the other row's amounts and codes agree than of its own. read: 1 where print
was read on it. mates_row: how much better than it another photo of its SKU fits their row, where it is like none of
them (a photo that is, and on which little was read, is silent and not odd); row_lead: how much better it
fits the other SKU's row than its own, both by `RowSeen.fit`. unnamed: 1 where its own row says no name.
two: 1 where its SKU has one other photo.
The columns of `APART`: how far it stands apart, by each, from the photo of its SKU that it is nearest to in it."""
TWICE_FEATURES = ("best", "mean", "least", "part", "names", "strengths", "against", "one", "apart", "rows")
"""Of two SKUs: best, mean and least of the highest scores of the photos of either with those of the other, -FAR to FAR.
part: the least of the SKU with fewer photos; the other one may show further faces. names: share of the words of their
names that both have. strengths: 1 where their rows state two. against: share of the pairs that contradict each other.
one: 1 where one of them has one photo alone. apart: share of the pairs whose amounts differ, surely or not, or of which
one lacks a large word in view. rows: share of the photos that say other amounts than the other SKU's row."""
FAR = 8.0
"""The score of photos that were not compared, because no lane returned one for the other, is the lowest: -FAR."""
_KINDS = ("strength", "pack", "volume", "form", "code")
_WHOLE, _PART, _LACKS = 0.85, 0.25, 0.7
"""How much of a name is printed where it is printed whole, and where a word of it is not, at least and at most."""
_LEADS = 1.0
"""How much better another row has to fit than the own one, so that a photo without a pair there is held against it."""
Score = Callable[[PairSeen], float]
"""Log-odds that a pair of photos shows one product, by its features."""


@dataclass(frozen=True)
class PhotoCase:
    """A photo."""

    image_id: int
    features: tuple[float, ...]
    own: int | None
    """The photo of its SKU that fits least, of those that contradict it, or else of all."""
    other: int | None
    """The photo of another SKU that fits best."""
    to_sku: str
    """That SKU, or one whose row alone fits better; "" where there is neither."""
    fits: bool
    """Whether that fits better than its own SKU, and rather than not: `other-product` is judged, else `odd-photo`."""
    by_looks: bool = False
    """Whether nothing is read on it that says anything of the product."""

    def skus(self, filing: Filing) -> tuple[str, str]:
        """Its SKU, and no other."""
        return filing.images[self.image_id].sku, ""

    def key(self, filing: Filing) -> str:
        """Of its doubt."""
        filed = filing.images[self.image_id]
        return f"photo|{filed.sku}|{filed.sha256}"

    def images(self, filing: Filing) -> list[int]:
        """That are told of."""
        return [self.image_id, *(i for i in (self.own, self.other) if i is not None)]


@dataclass(frozen=True)
class TwiceCase:
    """Two SKUs; the first sorts before the second."""

    pair: tuple[str, str]
    features: tuple[float, ...]
    best: tuple[int, int]
    """The photos that fit best: one of the first SKU, one of the second."""
    same_file: bool = False
    """Whether one file is filed under both."""
    by_looks: bool = False
    """Whether print says nothing of any two of their photos."""

    def skus(self, filing: Filing) -> tuple[str, str]:
        """Both."""
        return self.pair

    def key(self, filing: Filing) -> str:
        """Of its doubt."""
        return f"twice|{self.pair[0]}|{self.pair[1]}"

    def images(self, filing: Filing) -> list[int]:
        """That are told of."""
        return list(self.best)


@dataclass(frozen=True)
class WordsCase:
    """A column of a row."""

    sku: str
    kind: str
    """strength, pack, volume, form, code, maker, name, colour or shape."""
    features: tuple[float, ...]
    said: Mapping[int, tuple[str, str]]
    """Image id -> (as printed, as the row says), of the photos that contradict it."""

    def skus(self, filing: Filing) -> tuple[str, str]:
        """Its SKU, and no other."""
        return self.sku, ""

    def key(self, filing: Filing) -> str:
        """Of its doubt."""
        about = sha256(self.said[self.first(filing)][1].encode()).hexdigest()[:16]
        return f"words|{self.sku}|{self.kind}|{about}"

    def first(self, filing: Filing) -> int:
        """The photo that is shown."""
        return min(self.said, key=filing.rank)

    def images(self, filing: Filing) -> list[int]:
        """That are told of."""
        return [self.first(filing)]


Case = PhotoCase | TwiceCase | WordsCase

# -- photos ----------------------------------------------------------------------------------------------------------


def photo_case(image_id: int, seen: Mapping[int, ImageSeen], filing: Filing, score: Score) -> PhotoCase | None:
    """The case of a photo; None where there is nothing to hold it against. `seen`: of it, and of its SKU."""
    one, sku = seen[image_id], filing.images[image_id].sku
    own = [pair for pair in one.own if filing.sku(pair.other) == sku]
    others = [pair for pair in one.others if filing.sku(pair.other) not in (None, sku)]
    if not own and not others and not (one.row.agree or one.row.against or one.named):
        return None
    best = max(others, key=lambda p: (score(p), filing.rank(p.other)), default=None)
    ours, theirs = max(map(score, own), default=-FAR), score(best) if best else -FAR
    to_sku = (filing.sku(best.other) or "") if best else ""
    fits = theirs > max(ours, 0.0)
    if not fits and (leading := _leading(one, filing, sku)):
        # Its words lead to another row, whether or not a photo of that SKU is like it.
        near = [pair for pair in others if filing.sku(pair.other) == leading]
        best, to_sku, fits = max(near, key=lambda p: (score(p), filing.rank(p.other)), default=None), leading, True
        theirs = score(best) if best else -FAR
    row = one.rows.get(to_sku, RowSeen(0.0))
    against = sum(pair.contradicted for pair in own) / max(1, len(own))
    agrees = len({*row.agree} & {*_KINDS}) - len({*one.row.agree} & {*_KINDS})
    mates = [seen[pair.other].row.fit for pair in own if pair.other in seen]
    features = (
        ours, theirs, float(not own), against, one.row.name, log1p(len(one.row.against)), row.name,
        log1p(len(row.against)), float(agrees), float(one.read),
        max(mates) - one.row.fit if mates and one.read and ours < 0 else 0.0, row.fit - one.row.fit if to_sku else 0.0,
        float(not filing.products[sku].name), float(len(filing.groups[sku]) == 2), *_apart(own),
    )  # fmt: skip
    worst = min(own, key=lambda p: (not p.contradicted, score(p), filing.rank(p.other)), default=None)
    silent = not one.read and not one.named and all(pair.by_looks for pair in (*own, *others))
    about = worst.other if worst else None, best.other if best else None
    return PhotoCase(image_id, features, *about, to_sku, fits, silent)


def _apart(pairs: Collection[PairSeen]) -> tuple[float, ...]:
    """The least of each column of `APART`; 0 without any pairs."""
    told = [pair.apart for pair in pairs] or [(0.0,) * len(APART)]
    return tuple(map(min, zip(*told, strict=True)))


def _leading(one: ImageSeen, filing: Filing, sku: str) -> str:
    """The SKU whose row a photo fits clearly better than its own, and whose name it prints; "" where there is none."""
    rows = {other: one.rows[other] for other in one.named if other != sku and other in filing.products}
    best = max(rows, key=lambda other: (round(rows[other].fit, 6), other), default="")
    if not best or rows[best].against or rows[best].fit < one.row.fit + _LEADS:
        return ""
    # A name alone leads nowhere where its own is printed too: an ingredient, or the shorter name of a sibling.
    return best if one.row.against or rows[best].name > one.row.name else ""


# -- pairs of SKUs ---------------------------------------------------------------------------------------------------


def twice_cases(
    seen: Mapping[int, ImageSeen], filing: Filing, score: Score, skus: Collection[str] | None = None
) -> list[TwiceCase]:
    """The cases of all pairs of SKUs of which any photos were compared, by SKU; with `skus`, of any of these."""
    met: dict[tuple[str, str], dict[tuple[int, int], PairSeen]] = defaultdict(dict)
    for i, one in seen.items():
        a = filing.images[i].sku
        for pair in one.others:
            b = filing.sku(pair.other)
            if b is None or a == b or (skus is not None and a not in skus and b not in skus):
                continue
            key = (i, pair.other) if a < b else (pair.other, i)
            met[min(a, b), max(a, b)][key] = pair
    return [
        _twice(both, pairs, seen, filing, score) for both, pairs in sorted(met.items())
        if not _two_strengths(both, pairs, seen, filing) and not _two_names(both, seen, filing)
    ]  # fmt: skip


def _two_strengths(
    skus: tuple[str, str], pairs: Collection[tuple[int, int]], seen: Mapping[int, ImageSeen], filing: Filing
) -> bool:
    """Whether a photo prints the strength of its own row, and another one than the other row states."""
    other = {skus[0]: skus[1], skus[1]: skus[0]}
    held = [(seen[i].row, seen[i].rows.get(other[filing.images[i].sku])) for pair in pairs for i in pair if i in seen]
    return any(
        "strength" in own.agree and row is not None and "strength" in {kind for kind, *_ in (*row.against, *row.unsure)}
        for own, row in held
    )


def _two_names(skus: tuple[str, str], seen: Mapping[int, ImageSeen], filing: Filing) -> bool:
    """Whether photos of each SKU print the whole name of their own row, and those of one only a part of the other's.

    "Kerdunal" beside "Kerdunal Junior". Where nothing of a name is printed, another face may be shown.
    """
    words = [{*filing.products[sku].name.casefold().split()} for sku in skus]
    if words[0] == words[1] or not all(words):
        return False
    own, across = [0.0, 0.0], [0.0, 0.0]
    for side, sku in enumerate(skus):
        for one in (seen[i] for i in filing.groups[sku] if i in seen):
            own[side] = max(own[side], one.row.name)
            other = one.rows.get(skus[1 - side])
            across[side] = max(across[side], other.name if other else 0.0)
    return min(own) >= _WHOLE and _PART <= min(across) <= _LACKS


def _twice(
    skus: tuple[str, str], pairs: Mapping[tuple[int, int], PairSeen], seen: Mapping[int, ImageSeen], filing: Filing,
    score: Score,
) -> TwiceCase:  # fmt: skip
    scores = {pair: score(one) for pair, one in pairs.items()}
    each: dict[int, float] = {i: -FAR for sku in skus for i in filing.groups[sku]}
    for pair, value in scores.items():
        for i in pair:
            each[i] = max(each[i], value)
    best = max(scores, key=lambda pair: (scores[pair], filing.rank(pair[0]), filing.rank(pair[1])))
    a, b = (filing.products[sku] for sku in skus)
    contradicted = sum(pair.contradicted for pair in pairs.values()) / len(pairs)
    apart = compare_texts(a.strength, b.strength, (a.form, b.form)) is Comparison.DIFFERENT
    few = min(len(filing.groups[sku]) for sku in skus)
    part = min(each[i] for sku in skus if len(filing.groups[sku]) == few for i in filing.groups[sku])
    features = (
        scores[best], sum(each.values()) / len(each), min(each.values()), part, _common(a, b), float(apart),
        contradicted, float(few == 1), sum(any(pair.apart[:2]) for pair in pairs.values()) / len(pairs),
        _against_rows(skus, {i for pair in pairs for i in pair}, seen, filing),
    )  # fmt: skip
    files = [{filing.images[i].sha256 for i in filing.groups[sku]} for sku in skus]
    return TwiceCase(skus, features, best, bool(files[0] & files[1]), all(pair.by_looks for pair in pairs.values()))


def _against_rows(
    skus: tuple[str, str], images: Collection[int], seen: Mapping[int, ImageSeen], filing: Filing
) -> float:
    """The share of the images that say other amounts than the row of the SKU that they are not filed under."""
    other = {skus[0]: skus[1], skus[1]: skus[0]}
    rows = [seen[i].rows.get(other[filing.images[i].sku]) for i in images if i in seen]
    held = [row for row in rows if row is not None]
    return sum(bool({kind for kind, *_ in (*row.against, *row.unsure)} & {*_KINDS}) for row in held) / max(1, len(held))


def _common(a: ProductFacts, b: ProductFacts) -> float:
    ours, theirs = ({*p.name.casefold().split()} for p in (a, b))
    return len(ours & theirs) / max(1, len(ours | theirs))
