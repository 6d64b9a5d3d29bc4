"""Which doubts are listed: each case with its probability, and of several about one error the surest alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from simsearch.catalog.doubts import Doubt, DoubtKind, DoubtVerdict
from simsearch.filing.cases import Case, PhotoCase, TwiceCase, WordsCase, photo_case, twice_cases
from simsearch.filing.evidence import ImageSeen
from simsearch.filing.filed import Filing
from simsearch.filing.judging import BY_LOOKS, LOOKS, Judge
from simsearch.filing.keeping import Judged
from simsearch.filing.word_cases import PRINTED, WORDS_FEATURES, looks_cases, words_cases

_SURE_TWICE = 0.5
"""Probability of two SKUs for one product from which a photo that fits the other one is no error of its own."""
_RATHER = 0.5
"""Probability of another product below which a photo may be none of either."""
_SAME_FILE = 0.95
"""Least probability of two SKUs that hold one file: it shows one product, and stands under two. No error of this kind
was planted: the figure is set by hand."""
_UNSURE = 0.8
"""Most of it where no photo contradicts a row surely. Of 260 contradictions that were fitted on, 22 were no errors: on
foil, where a digit or a point is lost in a fold, more are. And of one product that looks like two by an amount or a
large word: neither two brands in one design nor two strengths were planted as one product under two SKUs."""
_SILENT = 0.6
"""Most of it for a photo that is like none of its SKU where one side says nothing: it may be the back of the strip. On
all photos that were fitted on something was read."""
_BY_LOOKS = 0.85
"""Most of it where looks and keypoints alone speak: the packages whose print was taken away to fit on are not the foil
and the bottles that have none."""
_SURELY = WORDS_FEATURES.index("against")


def judged(
    seen: Mapping[int, ImageSeen], filing: Filing, judge: Judge, skus: Collection[str] | None = None
) -> list[Judged]:
    """All cases, with their probabilities; nothing is left out.

    Args:
        seen: what was seen of the images of `skus`, and of all images that were compared with these.
        filing: how the catalog is filed.
        judge: what turns features into probabilities.
        skus: only cases of these are made; None: all.
    """
    about = filing.groups.keys() if skus is None else skus
    images = sorted(i for sku in about for i in filing.groups.get(sku, ()) if i in seen)
    photos = [case for i in images if (case := photo_case(i, seen, filing, judge.score)) is not None]
    photos = _by_kind(photos, judge)
    found: list[Judged] = []
    for kind, fit, cases in (
        (DoubtKind.OTHER_PRODUCT, "other-product", [case for case in photos if case.fits]),
        (DoubtKind.ODD_PHOTO, "odd-photo", [case for case in photos if not case.fits]),
        (DoubtKind.ONE_PRODUCT_TWICE, "one-product-twice", twice_cases(seen, filing, judge.score, skus)),
        (DoubtKind.WORDS_DIFFER, "words-differ", words_cases(seen, filing, about)),
        (DoubtKind.WORDS_DIFFER, LOOKS, looks_cases(seen, filing, about)),
    ):
        listed: Sequence[Case] = cases
        probabilities = _probabilities(listed, fit, judge)
        found += [Judged(kind, case, _bounded(case, p, seen)) for case, p in zip(listed, probabilities, strict=True)]
    return found


def _probabilities(cases: Sequence[Case], kind: str, judge: Judge) -> list[float]:
    """Of each case, by the fit of its kind; where print says nothing, by that of looks."""
    found = dict[int, float]()
    for by_looks in (False, True):
        some = [i for i, case in enumerate(cases) if _by_looks(case) == by_looks]
        told = judge.probabilities(kind + BY_LOOKS if by_looks else kind, [cases[i].features for i in some])
        found |= dict(zip(some, told, strict=True))
    return [found[i] for i in range(len(cases))]


def _by_looks(case: Case) -> bool:
    return not isinstance(case, WordsCase) and case.by_looks


def _by_kind(photos: Sequence[PhotoCase], judge: Judge) -> list[PhotoCase]:
    """The cases of photos: one that hardly belongs to an SKU that it fits better may be odd."""
    fits, odd = (_probabilities(photos, kind, judge) for kind in ("other-product", "odd-photo"))
    return [
        replace(case, fits=False) if case.fits and there < min(_RATHER, apart) else case
        for case, there, apart in zip(photos, fits, odd, strict=True)
    ]


def _bounded(case: Case, probability: float, seen: Mapping[int, ImageSeen]) -> float:
    """Within what is set by hand, where there was nothing to fit on."""
    if isinstance(case, TwiceCase) and case.same_file:
        return max(probability, _SAME_FILE)
    if _by_looks(case):
        probability = min(probability, _BY_LOOKS)
    if _stands_apart(case, seen):
        probability = min(probability, _UNSURE)
    if isinstance(case, WordsCase) and case.kind in PRINTED and not case.features[_SURELY]:
        return min(probability, _UNSURE)
    if isinstance(case, PhotoCase) and not case.fits and _is_silent(seen[case.image_id], seen):
        return min(probability, _SILENT)
    return probability


def _stands_apart(case: Case, seen: Mapping[int, ImageSeen]) -> bool:
    """Whether amounts differ between what would be one product, or a large word is missing where it would be seen."""
    if isinstance(case, TwiceCase):
        near = [case.best, case.best[::-1]]
    elif isinstance(case, PhotoCase) and case.fits and case.other is not None:
        near = [(case.image_id, case.other)]
    else:
        return False
    return any(any(pair.apart[:2]) for i, other in near if i in seen for pair in seen[i].others if pair.other == other)


def _is_silent(one: ImageSeen, seen: Mapping[int, ImageSeen]) -> bool:
    """Whether nothing is read on a photo, or on none of those of its SKU: another face may say nothing."""
    mates = [seen[pair.other].read for pair in one.own if pair.other in seen]
    return not one.read or (bool(mates) and not any(mates))


def settled(found: Iterable[Judged], filing: Filing, least: float, said: Collection[Doubt]) -> list[Judged]:
    """Those that are listed: at least as probable as `least`, and each error once.

    Args:
        found: all cases of at least `least`; others may be left out.
        filing: how the catalog is filed.
        least: probability, 0 to 1.
        said: doubts that people decided. Of two photos that were found to belong together neither is odd any more.
    """
    cases = list(found)
    apart = _together(said)
    twins = {
        skus for one in cases if isinstance(one.case, TwiceCase) and one.probability >= _SURE_TWICE
        for skus in (one.case.pair, one.case.pair[::-1])
    }  # fmt: skip
    kept = [one for one in cases if not isinstance(one.case, PhotoCase) and one.probability >= least]
    accused: dict[int, float] = {}
    for one, case in sorted(_either(cases, filing, least), key=lambda pair: _order(pair[0], pair[1], filing)):
        sku = filing.images[case.image_id].sku
        if one.probability < least or (case.fits and (sku, case.to_sku) in twins):
            continue
        if _beside_accused(case, accused) or _said_together(case, filing, apart):
            continue
        accused[case.image_id] = one.probability
        kept.append(one)
    return [one for one in kept if not _explained(one, accused)]


def _order(one: Judged, case: PhotoCase, filing: Filing) -> tuple[float, tuple[str, str]]:
    """Surest first."""
    return -round(one.probability, 6), filing.rank(case.image_id)


def _either(cases: Sequence[Judged], filing: Filing, least: float) -> list[tuple[Judged, PhotoCase]]:
    """The cases of photos. Where an SKU has two photos that do not belong together, one doubt is about both of them.

    One of them is wrong: that is what either of their cases gives the probability of. Where one is known to be wrong,
    because it fits another SKU, nothing is left to doubt about the other one.
    """
    photos = {one.case.image_id: (one, one.case) for one in cases if isinstance(one.case, PhotoCase)}
    found = []
    for one, case in photos.values():
        mate = photos.get(case.own) if case.own is not None and not case.fits else None
        if mate is None or len(filing.groups[filing.images[case.image_id].sku]) != 2:
            found.append((one, case))
        elif mate[1].fits:
            found += [(one, case)] if mate[0].probability < least else []
        elif (-one.probability, filing.rank(case.image_id)) < (-mate[0].probability, filing.rank(mate[1].image_id)):
            found.append((one, case))
    return found


def _beside_accused(case: PhotoCase, accused: Mapping[int, float]) -> bool:
    """Whether a photo is doubted only beside one that is surer to be filed wrong itself, which it fits or does not."""
    return (case.other if case.fits else case.own) in accused


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
    return (filed.sha256, filing.images[case.own].sha256) in apart[filed.sku]


def _explained(one: Judged, accused: Mapping[int, float]) -> bool:
    """Whether all photos that contradict a row are doubted themselves: they are wrong, and not the row."""
    return isinstance(one.case, WordsCase) and all(i in accused for i in one.case.said)
