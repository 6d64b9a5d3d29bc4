"""Fits what print adds to the probability: the second half of `simsearch calibrate`.

The photos of the sample ask once more. Their candidates are judged by appearance, the contenders are compared by print
as in a query, and a second fusion is fitted over the log-odds of the appearance and what print says. Pairs that print
contradicts take no part: they are ruled out whatever their probability. The threshold is that of photos with print.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.config import QuerySettings
from simsearch.core.errors import TrainingError
from simsearch.core.types import Pixels, Progress, silent
from simsearch.features.codes import codes_of
from simsearch.features.reading import Reading, decode
from simsearch.features.reading.types import Reader
from simsearch.indexes.text_terms import Terms, text_of
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.calibration import LOGIT, Calibration, threshold_for_far
from simsearch.recognition.print_evidence import worth_comparing
from simsearch.recognition.printed import PRINT_FEATURES, RISING, CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.score_fusion import Bools, Floats, Fusion
from simsearch.recognition.verification import Verifier
from simsearch.training.calibrate import LEAST_GEOMETRY, LEAST_PRODUCTS, Lookup, Sample, asking_photos, folds

_BY_TEXT = 10
COLUMNS = (LOGIT, *PRINT_FEATURES)


@dataclass(frozen=True)
class PrintPairs:
    """Pairs (photo, contender) whose print was compared as a query would."""

    rows: Floats
    """(n, len(COLUMNS))"""
    same: Bools
    contradicted: Bools
    query: NDArray[np.int64]
    """Index of the asking photo in the sample."""
    other: NDArray[np.int64]


def print_pairs(
    sample: Sample,
    sharp: Callable[[int], Pixels],
    verifier: Verifier,
    reader: Reader,
    settings: QuerySettings,
    first: int,
    progress: Progress = silent,
) -> PrintPairs:
    """Compare the photos of a sample, described with `reading` and `codes`, with their contenders.

    Args:
        sample: as for `calibrate`.
        sharp: gives the pixels of a photo at the resolution at which it was read.
        verifier: of the appearance, with its calibration.
        reader: reads lines again where a contender has them.
        settings: of queries.
        first: contenders; see `worth_comparing`.
    """
    assert verifier.calibration is not None
    skus = np.array(sample.skus)
    lookup, texts = Lookup(sample, settings), _Texts(sample)
    printed = PrintVerifier(reader, texts.weights.weight)
    sides = [CatalogSide(texts.readings[i], codes_of(d["codes"]), None) for i, d in enumerate(sample.described)]
    geometry = max(settings.geometry, LEAST_GEOMETRY)
    rows, same, contradicted, query, others = [], [], [], [], []
    asking = [i for i in asking_photos(sample) if texts.readings[i].lines]
    for done, i in enumerate(asking, 1):
        chosen, near = lookup.candidates(i)
        by_text = [j for j in texts.nearest(i, _BY_TEXT) if j not in chosen]
        own = np.flatnonzero((skus == skus[i]) & (np.arange(len(skus)) != i)).tolist()
        chosen += [*by_text, *sorted({*own} - {*chosen, *by_text})]
        described = sample.described
        features = verifier.features(
            described[i], [described[j] for j in chosen], geometry=geometry,
            elsewhere=[near.elsewhere(lookup.photos[skus[j]]) for j in chosen[:geometry]] if near else None,
            votes=near.votes(chosen) if near else None,
        )  # fmt: skip
        logits = verifier.calibration.logits(features)
        ranks = {chosen.index(j): rank for rank, j in enumerate(texts.nearest(i, _BY_TEXT))}
        compared = worth_comparing([skus[j] for j in chosen], verifier.probability(features).tolist(), ranks, first)
        photo = PhotoSide(texts.readings[i], codes_of(described[i]["codes"]), sharp(i))
        for place in dict.fromkeys([*compared, *(chosen.index(j) for j in own)]):
            j = chosen[place]
            found = printed.compare(photo, sides[j], verifier.geometry(described[i], described[j]))
            if found.features:
                rows.append([logits[place], *found.features])
                same.append(skus[j] == skus[i])
                contradicted.append(bool(found.contradictions))
                query.append(i)
                others.append(j)
        progress(done, len(asking), "print")
    return PrintPairs(
        np.array(rows, np.float64).reshape(-1, len(COLUMNS)), np.array(same, bool), np.array(contradicted, bool),
        np.array(query, np.int64), np.array(others, np.int64),
    )  # fmt: skip


class _Texts:
    """The readings of a sample, and which are most alike: what the lane of text finds in a catalog."""

    def __init__(self, sample: Sample) -> None:
        self.readings: list[Reading] = [decode(d["reading"].astype(np.uint8, copy=False)) for d in sample.described]
        terms = [text_of(line.text for line in reading.lines).terms for reading in self.readings]
        products: dict[str, list[Terms]] = {}
        for sku, found in zip(sample.skus, terms, strict=True):
            products.setdefault(sku, []).append(found)
        documents = [np.unique(np.concatenate(each)) for each in products.values()]
        self.weights = TextWeights.of(documents, len(documents))
        self._terms, self._squares = terms, [self.weights.units(each) ** 2 for each in terms]
        self._length = np.sqrt([max(1, square.sum()) for square in self._squares])
        flat = np.concatenate(terms)
        order = np.argsort(flat, kind="stable")
        self._places = np.repeat(np.arange(len(terms)), [len(each) for each in terms])[order]
        self._sorted = flat[order]

    def nearest(self, asking: int, most: int) -> list[int]:
        """The photos (at most `most`) whose text is most like that of a photo, best first."""
        start = np.searchsorted(self._sorted, self._terms[asking], "left")
        end = np.searchsorted(self._sorted, self._terms[asking], "right")
        shared = np.zeros(len(self._terms))
        for a, b, square in zip(start, end, self._squares[asking], strict=True):
            shared[self._places[a:b]] += square
        shared[asking] = 0
        best = np.argsort(-shared / self._length, kind="stable")[:most]
        return [int(j) for j in best if shared[j]]


def with_print(
    base: Calibration, pairs: PrintPairs, sample: Sample, target_far: float, facts: Mapping[str, Any]
) -> Calibration:
    """`base` with the fusion of print and the threshold of photos whose print was compared.

    The threshold is cross-fitted and holds `target_far` over photos whose product the catalog lacks, as that of
    appearance does (`calibrate`).

    Raises:
        TrainingError: too few products have several photos with readable print.
    """
    open_ = ~pairs.contradicted
    rows, same, query = pairs.rows[open_], pairs.same[open_], pairs.query[open_]
    products = {sample.skus[i] for i in query[same]}
    if len(products) < LEAST_PRODUCTS or same.all():
        raise TrainingError(
            f"the calibration of print needs {LEAST_PRODUCTS} or more products with several photos whose print can be "
            f"read, and others; there are {len(products)}"
        )
    fold = folds(sample)[query]
    p = np.empty(len(same))
    for number in np.unique(fold):
        out = fold == number
        p[out] = _fit(rows[~out], same[~out]).probability(rows[out])
    asking = np.unique(pairs.query)
    worst = np.array([p[(query == q) & ~same].max(initial=0.0) for q in asking])
    chosen = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    facts = {
        **facts, "photos": len(asking), "products": len(products), "pairs": len(pairs.same),
        "right_pairs": int(pairs.same.sum()),
        "contradicted_right_pairs": int((pairs.same & pairs.contradicted).sum()),
        "contradicted_wrong_pairs": int((~pairs.same & pairs.contradicted).sum()),
        "target_far": target_far, "far_shown": chosen.shown,
    }  # fmt: skip
    return replace(
        base, printed=_fit(rows, same), thresholds={**base.thresholds, "match_print": chosen.threshold},
        facts={**base.facts, "print": facts},
    )  # fmt: skip


def _fit(rows: Floats, same: Bools) -> Fusion:
    return Fusion.fit(rows, same, COLUMNS, l2=1.0, prior=0.5, nonnegative=(LOGIT, *RISING))
