"""Fits the probability by print alone: the last part of `simsearch calibrate`.

The photos of the sample ask for those whose print is most like theirs, as if no picture had a point in common with
another: so a package is met again whose other face is in the catalog. Photos of other faces (role `face`) take part
here and nowhere else, because appearance can learn nothing from them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.codes import Codes
from simsearch.core.errors import TrainingError
from simsearch.core.threads import in_threads
from simsearch.core.types import Progress, silent
from simsearch.features.codes import codes_of
from simsearch.recognition.calibration import Calibration, threshold_for_far
from simsearch.recognition.contenders import unread
from simsearch.recognition.print_alone import ALONE_FALLING, ALONE_FEATURES, ALONE_RISING, alone, said
from simsearch.recognition.printed import CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.score_fusion import Bools, Floats, Fusion
from simsearch.recognition.verification import Verifier
from simsearch.training.calibrate import LEAST_PRODUCTS, Sample, asking_photos, cross_fitted, folds, most_probable
from simsearch.training.calibrate_print import Texts, directed_fit

_AT_ONCE = 64
"""Photos that ask before the progress is told."""
_LEAST = 0.95
"""Least threshold: few wrong pairs name strength, name and form alike, so that a rate alone may set no bar at all."""


@dataclass(frozen=True)
class AlonePairs:
    """Pairs (photo, other photo) compared by print alone."""

    rows: Floats
    """(n, len(ALONE_FEATURES))"""
    same: Bools
    contradicted: Bools
    may_match: Bools
    """Whether name and strength were read, nothing contradicts, and of a wrong pair the pictures agree in no points:
    only such a pair can be a MATCH by print alone."""
    query: NDArray[np.int64]
    """Index of the asking photo in the sample."""
    other: NDArray[np.int64]


def alone_pairs(sample: Sample, verifier: Verifier, texts: int, progress: Progress = silent) -> AlonePairs:
    """Compare the photos of a sample, described with `reading` and `codes`, with those that say most of the same.

    Args:
        sample: as for `calibrate`.
        verifier: says which pictures agree in points: a query judges those by appearance and print together.
        texts: how many photos are compared; the other photos of the product are, too.
        progress: told after every few photos.
    """
    known, skus = Texts(sample), np.array(sample.skus)
    words = [said(reading, None, known.weights.word) for reading in known.readings]
    codes = [codes_of(d["codes"]) if "codes" in d else Codes() for d in sample.described]
    printed = PrintVerifier(None, known.weights.weight)

    def seen(i: int, j: int) -> bool:
        agree = verifier.geometry(sample.described[i], sample.described[j]).inliers
        return agree >= printed.settings.inliers

    def pairs(i: int) -> AlonePairs:
        own = np.flatnonzero((skus == skus[i]) & (np.arange(len(skus)) != i)).tolist()
        others = [j for j in dict.fromkeys([*known.nearest(i, texts), *own]) if known.readings[j].lines]
        photo = PhotoSide(known.readings[i], codes[i])
        compared = [printed.compare(photo, CatalogSide(known.readings[j], codes[j]), None) for j in others]
        found = [alone(words[i], words[j], one) for j, one in zip(others, compared, strict=True)]
        against = [bool(one.contradictions) for one in compared]
        may = [not (unread(one, two) or two.contradictions) for one, two in zip(found, compared, strict=True)]
        may = [yes and not (skus[j] != skus[i] and seen(i, j)) for j, yes in zip(others, may, strict=True)]
        return AlonePairs(
            np.array([one.features for one in found]).reshape(-1, len(ALONE_FEATURES)),
            skus[others] == skus[i] if others else np.zeros(0, bool),
            np.array(against, bool), np.array(may, bool), np.full(len(others), i, np.int64),
            np.array(others, np.int64),
        )  # fmt: skip

    asking = [i for i in asking_photos(sample) if known.readings[i].lines]
    parts: list[AlonePairs] = []
    for start in range(0, len(asking), _AT_ONCE):
        parts += in_threads(pairs, asking[start : start + _AT_ONCE])
        progress(min(start + _AT_ONCE, len(asking)), len(asking), "print alone")
    if not parts:
        none = np.zeros(0, bool)
        ids = np.zeros(0, np.int64)
        return AlonePairs(np.zeros((0, len(ALONE_FEATURES))), none, none, none, ids, ids)
    return AlonePairs(*(np.concatenate([getattr(one, field.name) for one in parts]) for field in fields(AlonePairs)))


def with_alone(
    base: Calibration, pairs: AlonePairs, sample: Sample, target_far: float, facts: Mapping[str, Any]
) -> Calibration:
    """`base` with the fusion of print alone and its threshold, cross-fitted as that of print (`with_print`).

    The threshold holds `target_far` over photos whose product the catalog lacks: of each counts the most probable wrong
    pair that could be a MATCH.

    Raises:
        TrainingError: too few products have several photos with readable print.
    """
    open_ = ~pairs.contradicted
    rows, same, query, may = pairs.rows[open_], pairs.same[open_], pairs.query[open_], pairs.may_match[open_]
    products = {sample.skus[i] for i in query[same]}
    if len(products) < LEAST_PRODUCTS or same.all():
        raise TrainingError(
            f"the calibration of print alone needs {LEAST_PRODUCTS} or more products with several photos whose print "
            f"can be read, and others; there are {len(products)}"
        )
    p = cross_fitted(rows, same, folds(sample)[query], fit_alone, Fusion.probability)
    asking = np.unique(pairs.query)
    worst = most_probable(p, ~same & may, query, asking)
    chosen = threshold_for_far(worst, np.zeros(len(worst), bool), target_far)
    threshold = max(chosen.threshold, _LEAST)
    right = most_probable(p, same & may, query, np.unique(query[same]))
    about = {
        **facts, "photos": len(asking), "products": len(products), "pairs": len(pairs.same),
        "right_pairs": int(pairs.same.sum()), "target_far": target_far, "far_shown": chosen.shown,
        "right_accepted": round(float((right >= threshold).mean()), 4),
    }  # fmt: skip
    return replace(
        base, alone=fit_alone(rows, same), thresholds={**base.thresholds, "match_alone": threshold},
        facts={**base.facts, "print_alone": about},
    )  # fmt: skip


def fit_alone(rows: Floats, same: Bools, columns: Sequence[str] = ALONE_FEATURES) -> Fusion:
    """The fusion of `columns` of print alone, of which `rows` (n, len(columns)) holds the values."""
    return directed_fit(rows, same, columns, rising=ALONE_RISING, falling=ALONE_FALLING)
