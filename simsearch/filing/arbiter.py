"""Which doubts are listed: each case with its probability, and of several about one error the surest alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from simsearch.catalog.doubts import Doubt, DoubtKind, DoubtVerdict
from simsearch.filing.cases import PhotoCase, TwiceCase, WordsCase, photo_case, twice_cases, words_cases
from simsearch.filing.evidence import ImageSeen
from simsearch.filing.judging import Judge
from simsearch.filing.seeing import Filing

_SURE_TWICE = 0.5
"""Probability of two SKUs for one product from which a photo that fits the other one is no error of its own."""
_SAME_FILE = 0.95
"""Least probability of two SKUs that hold one file: it shows one product, and stands under two. No error of this kind
was planted: the figure is set by hand."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A case with its probability."""

    kind: DoubtKind
    case: PhotoCase | TwiceCase | WordsCase
    probability: float


def judged(seen: Mapping[int, ImageSeen], filing: Filing, judge: Judge) -> list[Judged]:
    """All cases of all that was seen, with their probabilities; nothing is left out."""
    photos = [case for i in sorted(seen) if (case := photo_case(i, seen[i], filing, judge.score)) is not None]
    twice = twice_cases(seen, filing, judge.score)
    words = words_cases(seen, filing, filing.groups)
    found: list[Judged] = []
    for kind, cases in (
        (DoubtKind.OTHER_PRODUCT, [case for case in photos if case.fits]),
        (DoubtKind.ODD_PHOTO, [case for case in photos if not case.fits]),
        (DoubtKind.ONE_PRODUCT_TWICE, twice),
        (DoubtKind.WORDS_DIFFER, words),
    ):
        listed: Sequence[PhotoCase | TwiceCase | WordsCase] = cases
        probabilities = judge.probabilities(kind.value, [case.features for case in listed])
        found += [Judged(kind, case, _lifted(case, p)) for case, p in zip(listed, probabilities, strict=True)]
    return found


def _lifted(case: PhotoCase | TwiceCase | WordsCase, probability: float) -> float:
    return max(probability, _SAME_FILE) if isinstance(case, TwiceCase) and case.same_file else probability


def settled(found: Iterable[Judged], filing: Filing, least: float, said: Collection[Doubt]) -> list[Judged]:
    """Those that are listed: at least as probable as `least`, and each error once.

    Args:
        found: all cases.
        filing: how the catalog is filed.
        least: probability, 0 to 1.
        said: doubts that people decided. Of two photos that were found to belong together neither is odd any more.
    """
    probable = [one for one in found if one.probability >= least]
    apart = _together(said)
    twins = {
        skus for one in found if isinstance(one.case, TwiceCase) and one.probability >= _SURE_TWICE
        for skus in (one.case.skus, one.case.skus[::-1])
    }  # fmt: skip
    kept = [one for one in probable if not isinstance(one.case, PhotoCase)]
    photos = [(one, one.case) for one in probable if isinstance(one.case, PhotoCase)]
    accused: dict[int, float] = {}
    for one, case in sorted(photos, key=lambda pair: (-round(pair[0].probability, 6), filing.rank(pair[1].image_id))):
        sku = filing.images[case.image_id].sku
        other = filing.sku(case.other.other) if case.fits and case.other else None
        if other is not None and (sku, other) in twins:
            continue
        if _beside_accused(case, accused) or _said_together(case, filing, apart):
            continue
        accused[case.image_id] = one.probability
        kept.append(one)
    return [one for one in kept if not _explained(one, accused)]


def _beside_accused(case: PhotoCase, accused: Mapping[int, float]) -> bool:
    """Whether a photo is doubted only beside one that is surer to be filed wrong itself, which it fits or does not."""
    held = case.other if case.fits else case.own
    return held is not None and held.other in accused


def _together(said: Collection[Doubt]) -> Mapping[str, set[tuple[str, str]]]:
    """SKU -> pairs of contents that a dismissal found to belong together, both ways round."""
    pairs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for doubt in said:
        dismissed = doubt.verdict is DoubtVerdict.DISMISSED
        if dismissed and doubt.photo and doubt.against and doubt.against.sku == doubt.sku:
            pairs[doubt.sku].add((doubt.photo.sha256, doubt.against.sha256))
            pairs[doubt.sku].add((doubt.against.sha256, doubt.photo.sha256))
    return pairs


def _said_together(case: PhotoCase, filing: Filing, apart: Mapping[str, set[tuple[str, str]]]) -> bool:
    filed = filing.images[case.image_id]
    if case.fits or case.own is None or filed.sku not in apart:
        return False
    return (filed.sha256, filing.images[case.own.other].sha256) in apart[filed.sku]


def _explained(one: Judged, accused: Mapping[int, float]) -> bool:
    """Whether all photos that contradict a row are doubted themselves: they are wrong, and not the row."""
    return isinstance(one.case, WordsCase) and all(i in accused for i in one.case.said)
