"""Fits what print adds to the probability: the second half of `simsearch calibrate`.

The photos of the sample ask once more. Their candidates are judged by appearance, the contenders are compared by print
as in a query, and a second fusion is fitted over the log-odds of the appearance and what print says. Pairs that print
contradicts take no part: they are ruled out whatever their probability. The threshold is that of photos with print;
pairs in doubt are never matched, and do not raise it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.codes import Codes
from simsearch.core.config import QuerySettings
from simsearch.core.errors import TrainingError
from simsearch.core.threads import in_threads
from simsearch.core.types import Pixels, Progress, silent
from simsearch.features.codes import codes_of
from simsearch.features.reading import Reading, decode
from simsearch.features.reading.types import Reader
from simsearch.indexes.text_terms import Terms, text_of
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.calibration import LOGIT, Calibration, threshold_for_far
from simsearch.recognition.print_evidence import both_read, worth_comparing
from simsearch.recognition.printed import FALLING, PRINT_FEATURES, RISING, CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.score_fusion import Bools, Floats, Fusion
from simsearch.recognition.verification import Verifier
from simsearch.training.calibrate import (
    LEAST_GEOMETRY,
    LEAST_PRODUCTS,
    Lookup,
    Sample,
    asking_photos,
    cross_fitted,
    folds,
    most_probable,
)

_AT_ONCE = 16
"""Photos that ask before the progress is told."""
COLUMNS = (LOGIT, *PRINT_FEATURES)


@dataclass(frozen=True)
class PrintPairs:
    """Pairs (photo, contender) whose print was compared as a query would."""

    rows: Floats
    """(n, len(COLUMNS))"""
    same: Bools
    contradicted: Bools
    doubted: Bools
    """Whether an amount in view was not settled: such a pair is no match, however probable."""
    query: NDArray[np.int64]
    """Index of the asking photo in the sample."""
    other: NDArray[np.int64]


_NONE = PrintPairs(
    np.zeros((0, len(COLUMNS))), *(np.zeros(0, bool) for _ in range(3)), *(np.zeros(0, np.int64) for _ in range(2))
)


def print_pairs(
    sample: Sample,
    sharp: Callable[[int], Pixels | None],
    verifier: Verifier,
    reader: Reader,
    settings: QuerySettings,
    first: int,
    progress: Progress = silent,
) -> PrintPairs:
    """Compare the photos of a sample, described with `reading` and `codes`, with their contenders.

    Args:
        sample: as for `calibrate`.
        sharp: gives the pixels of a photo at the resolution at which it was read; None where its file is gone
            meanwhile: it does not ask then.
        verifier: of the appearance, with its calibration.
        reader: reads lines again where a contender has them.
        settings: of queries.
        first: contenders; see `worth_comparing`.
        progress: told after every few photos.
    """
    asks = _Asks(sample, sharp, verifier, reader, settings, first)
    asking = [i for i in asking_photos(sample) if asks.texts.readings[i].lines]
    found: list[PrintPairs] = [_NONE]
    for start in range(0, len(asking), _AT_ONCE):
        found += in_threads(asks.pairs, asking[start : start + _AT_ONCE])
        progress(min(start + _AT_ONCE, len(asking)), len(asking), "print")
    return PrintPairs(*(np.concatenate([getattr(one, field.name) for one in found]) for field in fields(PrintPairs)))


class _Asks:
    """Asks photos of a sample for the others, as a query would. Safe to share between threads."""

    def __init__(
        self,
        sample: Sample,
        sharp: Callable[[int], Pixels | None],
        verifier: Verifier,
        reader: Reader,
        settings: QuerySettings,
        first: int,
    ) -> None:
        self.sample, self.sharp, self.verifier, self.settings, self.first = sample, sharp, verifier, settings, first
        self.skus = np.array(sample.skus)
        self.lookup, self.texts = Lookup(sample, settings), Texts(sample)
        self.printed = PrintVerifier(reader, self.texts.weights.weight, keypoint_side=verifier.orb.settings.size)
        codes = [codes_of(d["codes"]) if "codes" in d else Codes() for d in sample.described]
        self.photos = codes
        self.sides = [CatalogSide(r, c, None) for r, c in zip(self.texts.readings, codes, strict=True)]

    def pairs(self, i: int) -> PrintPairs:
        """The pairs of photo `i` with its contenders, and with the other photos of its product."""
        skus, described = self.skus, self.sample.described
        pixels = self.sharp(i)
        if pixels is None:
            return _NONE
        by_text = self.texts.nearest(i, self.settings.text_candidates)
        chosen, features = self._candidates(i, by_text)
        assert self.verifier.calibration is not None
        logits = self.verifier.calibration.logits(features)
        ranks = {chosen.index(j): rank for rank, j in enumerate(by_text)}
        of = skus[chosen].tolist()
        compared = worth_comparing(of, self.verifier.probability(features).tolist(), ranks, self.first)
        photo = PhotoSide(self.texts.readings[i], self.photos[i], pixels)
        places = dict.fromkeys([*compared, *(place for place, sku in enumerate(of) if sku == skus[i])])
        found = {
            p: self.printed.compare(photo, self.sides[chosen[p]], self.verifier.geometry(described[i], described[j]))
            for p in places
            for j in [chosen[p]]
        }
        told = [p for p, one in found.items() if both_read(one)]
        return PrintPairs(
            rows=np.array([[logits[p], *found[p].features] for p in told]).reshape(-1, len(COLUMNS)),
            same=np.array([of[p] == skus[i] for p in told], bool),
            contradicted=np.array([bool(found[p].contradictions) for p in told], bool),
            doubted=np.array([bool(found[p].doubts) for p in told], bool),
            query=np.full(len(told), i, np.int64),
            other=np.array([chosen[p] for p in told], np.int64),
        )

    def _candidates(self, i: int, by_text: Sequence[int]) -> tuple[list[int], Floats]:
        """Candidates of a photo, and the features of its appearance beside each."""
        chosen, near = self.lookup.candidates(i)
        own = np.flatnonzero((self.skus == self.skus[i]) & (np.arange(len(self.skus)) != i)).tolist()
        # A right photo that the lookup misses still teaches what a right pair looks like.
        chosen = list(dict.fromkeys([*chosen, *by_text, *own]))
        geometry = max(self.settings.geometry, LEAST_GEOMETRY)
        features = self.verifier.features(
            self.sample.described[i],
            [self.sample.described[j] for j in chosen],
            geometry=geometry,
            elsewhere=[near.elsewhere(self.lookup.photos[self.skus[j]]) for j in chosen[:geometry]] if near else None,
            votes=near.votes(chosen) if near else None,
        )
        return chosen, features


class Texts:
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
    may_match = ~same & ~pairs.doubted[open_]
    products = {sample.skus[i] for i in query[same]}
    if len(products) < LEAST_PRODUCTS or same.all():
        raise TrainingError(
            f"the calibration of print needs {LEAST_PRODUCTS} or more products with several photos whose print can be "
            f"read, and others; there are {len(products)}"
        )
    p = cross_fitted(rows, same, folds(sample)[query], fit, Fusion.probability)
    asking = np.unique(pairs.query)
    worst = most_probable(p, may_match, query, asking)
    chosen = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    facts = {
        **facts, "photos": len(asking), "products": len(products), "pairs": len(pairs.same),
        "right_pairs": int(pairs.same.sum()),
        "contradicted_right_pairs": int((pairs.same & pairs.contradicted).sum()),
        "contradicted_wrong_pairs": int((~pairs.same & pairs.contradicted).sum()),
        "doubted_right_pairs": int((pairs.same & pairs.doubted).sum()),
        "doubted_wrong_pairs": int((~pairs.same & pairs.doubted).sum()),
        "target_far": target_far, "far_shown": chosen.shown,
    }  # fmt: skip
    return replace(
        base, printed=fit(rows, same), thresholds={**base.thresholds, "match_print": chosen.threshold},
        facts={**base.facts, "print": facts},
    )  # fmt: skip


def fit(rows: Floats, same: Bools, columns: Sequence[str] = COLUMNS) -> Fusion:
    """The fusion of `columns`, of which `rows` (n, len(columns)) holds the values.

    A column of `RISING` never makes "same product" less likely by growing, one of `FALLING` never more likely.
    """
    return directed_fit(rows, same, columns, rising=(LOGIT, *RISING), falling=FALLING)


def directed_fit(
    rows: Floats, same: Bools, columns: Sequence[str], *, rising: Collection[str], falling: Collection[str]
) -> Fusion:
    """A fusion of `columns` (values: `rows`) in which those of `rising` never count against, of `falling` never for."""
    sign = np.array([-1.0 if column in falling else 1.0 for column in columns])
    bounded = {*rising, *falling} & {*columns}
    turned = Fusion.fit(rows * sign, same, columns, l2=1.0, prior=0.5, nonnegative=bounded)
    mean, weights = tuple((sign * turned.mean).tolist()), tuple((sign * turned.weights).tolist())
    return replace(turned, mean=mean, weights=weights)
