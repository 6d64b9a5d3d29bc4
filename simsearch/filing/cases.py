"""What is judged: each photo beside its SKU and the best other one, each pair of SKUs, each column of a row.

A case is a row of features and what it is about; `judging` turns the features into a probability. The fit (see
`scripts/fit_filing.py`) and the check make their cases here, in one way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import log1p

from simsearch.catalog.selection import ProductFacts
from simsearch.core.quantities import Comparison, compare_texts
from simsearch.filing.evidence import ImageSeen, PairSeen, RowSeen
from simsearch.filing.seeing import Filing

PHOTO_FEATURES = ("own", "best", "alone", "against", "name", "row", "other_name", "other_row", "other_agrees", "read")
"""Of a photo: `own` and `best`, the highest score of a pair with a photo of its own SKU and of another, -FAR to FAR.
alone: 1 for the only photo of its SKU. against: share of the photos of its SKU that it contradicts. name, other_name:
how much of the name of its own row, and of the other SKU's, is printed on it. row, other_row: log(1 + what contradicts
these rows). other_agrees: how many more of the other row's amounts and codes agree than of its own. read: 1 where print
was read on it."""
TWICE_FEATURES = ("best", "mean", "least", "part", "names", "strengths", "against", "one")
"""Of two SKUs: best, mean and least of the highest scores of the photos of either with those of the other, -FAR to FAR.
part: the least of the SKU with fewer photos; the other one may show further faces. names: share of the words of their
names that both have. strengths: 1 where their rows state two. against: share of the pairs that contradict each other.
one: 1 where one of them has one photo alone."""
WORDS_FEATURES = ("against", "agree", "name", "pack", "volume", "form")
"""Of a column of a row: log(1 + photos that contradict it), log(1 + photos that agree), how much of the row's name is
printed where it is printed most, and 1 for a column that is a pack, a volume or a form, and not a strength or code."""
FAR = 8.0
"""The score of photos that were not compared, because no lane returned one for the other, is the lowest: -FAR."""
_KINDS = ("strength", "pack", "volume", "form", "code")
Score = Callable[[PairSeen], float]
"""Log-odds that a pair of photos shows one product, by its features."""


@dataclass(frozen=True)
class PhotoCase:
    """A photo."""

    image_id: int
    features: tuple[float, ...]
    own: PairSeen | None
    """The pair with the photo of its SKU that fits least, of those that contradict it, or else of all."""
    other: PairSeen | None
    """The pair with the photo of another SKU that fits best."""
    fits: bool
    """Whether that fits better than its own SKU, and rather than not: `other-product` is judged, else `odd-photo`."""


@dataclass(frozen=True)
class TwiceCase:
    """Two SKUs; the first sorts before the second."""

    skus: tuple[str, str]
    features: tuple[float, ...]
    best: tuple[int, int]
    """The photos that fit best: one of the first SKU, one of the second."""
    same_file: bool = False
    """Whether one file is filed under both."""


@dataclass(frozen=True)
class WordsCase:
    """A column of a row."""

    sku: str
    kind: str
    """strength, pack, volume, form or code."""
    features: tuple[float, ...]
    said: Mapping[int, tuple[str, str]]
    """Image id -> (as printed, as the row says), of the photos that contradict it."""


# -- photos ----------------------------------------------------------------------------------------------------------


def photo_case(image_id: int, seen: ImageSeen, filing: Filing, score: Score) -> PhotoCase | None:
    """The case of a photo; None where there is nothing to hold it against."""
    own = [pair for pair in seen.own if filing.sku(pair.other) == filing.images[image_id].sku]
    others = [p for p in seen.others if filing.sku(p.other) not in (None, filing.images[image_id].sku)]
    if not own and not others and not (seen.row.agree or seen.row.against):
        return None
    best = max(others, key=lambda p: (score(p), filing.rank(p.other)), default=None)
    row = seen.rows.get(filing.sku(best.other) or "", RowSeen(0.0)) if best else RowSeen(0.0)
    ours, theirs = max(map(score, own), default=-FAR), score(best) if best else -FAR
    against = sum(pair.contradicted for pair in own) / max(1, len(own))
    agrees = len({*row.agree} & {*_KINDS}) - len({*seen.row.agree} & {*_KINDS})
    features = (
        ours, theirs, float(not own), against, seen.row.name, log1p(len(seen.row.against)), row.name,
        log1p(len(row.against)), float(agrees), float(seen.read),
    )  # fmt: skip
    worst = min(own, key=lambda p: (not p.contradicted, score(p), filing.rank(p.other)), default=None)
    return PhotoCase(image_id, features, worst, best, theirs > max(ours, 0.0))


# -- pairs of SKUs ---------------------------------------------------------------------------------------------------


def twice_cases(seen: Mapping[int, ImageSeen], filing: Filing, score: Score) -> list[TwiceCase]:
    """The cases of all pairs of SKUs of which any photos were compared, by SKU."""
    met: dict[tuple[str, str], dict[tuple[int, int], PairSeen]] = defaultdict(dict)
    for i, one in seen.items():
        for pair in one.others:
            a, b = filing.images[i].sku, filing.sku(pair.other)
            if b is not None and a != b:
                key = (i, pair.other) if a < b else (pair.other, i)
                met[min(a, b), max(a, b)][key] = pair
    return [_twice(skus, pairs, filing, score) for skus, pairs in sorted(met.items())]


def _twice(skus: tuple[str, str], pairs: Mapping[tuple[int, int], PairSeen], filing: Filing, score: Score) -> TwiceCase:
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
        contradicted, float(few == 1),
    )  # fmt: skip
    files = [{filing.images[i].sha256 for i in filing.groups[sku]} for sku in skus]
    return TwiceCase(skus, features, best, bool(files[0] & files[1]))


def _common(a: ProductFacts, b: ProductFacts) -> float:
    ours, theirs = ({*p.name.casefold().split()} for p in (a, b))
    return len(ours & theirs) / max(1, len(ours | theirs))


# -- rows ------------------------------------------------------------------------------------------------------------


def words_cases(seen: Mapping[int, ImageSeen], filing: Filing, skus: Iterable[str]) -> list[WordsCase]:
    """The cases of all columns of the rows of `skus` that any photo contradicts."""
    return [case for sku in sorted(skus) for kind in _KINDS if (case := _words(sku, kind, seen, filing))]


def _words(sku: str, kind: str, seen: Mapping[int, ImageSeen], filing: Filing) -> WordsCase | None:
    said: dict[int, tuple[str, str]] = {}
    agree, name = 0, 0.0
    for i in filing.groups.get(sku, ()):
        if i not in seen:
            continue
        row = seen[i].row
        name = max(name, row.name)
        agree += kind in row.agree
        facts = [(ours, theirs) for what, ours, theirs in row.against if what == kind]
        if facts and kind not in row.agree:
            said[i] = facts[0]
    if not said:
        return None
    features = (log1p(len(said)), log1p(agree), name, *(float(kind == other) for other in ("pack", "volume", "form")))
    return WordsCase(sku, kind, features, said)
