"""Figures of retrieval: the rank of the right product. Arrays in, frozen dataclasses out.

Higher similarity is more alike. It may be -inf (not compared); nan and inf raise ValueError.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from simsearch.evaluation.metrics import NAN, Floats, check_scores, ratio


@dataclass(frozen=True)
class RetrievalFigures:
    """Recall and reciprocal rank over all queries."""

    queries: int
    """Queries that could be scored."""
    recall: Mapping[int, float]
    """k -> share of queries whose right product is among the first k."""
    mean_reciprocal_rank: float
    """Mean of 1 / rank; with one right product a query this is the mean average precision over products."""


def product_ranks(
    similarity: ArrayLike, query_products: ArrayLike, gallery_products: ArrayLike, skip: ArrayLike | None = None
) -> Floats:
    """Rank of each query's right product among all products, 1 = first; shape (q,).

    A product counts by its best image. Ties are ranked worst-case: a wrong product as similar as the right one stands
    before it. The rank is inf, a miss at every k, where the gallery lacks the right product. It is nan, not scored,
    where all images of the right product are skipped.

    Args:
        similarity: (q, g).
        query_products: (q,) the right product of each query.
        gallery_products: (g,) the product of each image.
        skip: (q, g) True for entries that count as absent: ambiguous pairs, the query's own photo.
    """
    s = np.asarray(similarity, np.float64)
    wanted, owners = np.asarray(query_products), np.asarray(gallery_products)
    left_out = np.zeros(s.shape, np.bool_) if skip is None else np.asarray(skip, np.bool_)
    if s.shape != (len(wanted), len(owners)) or left_out.shape != s.shape or not s.size:
        raise ValueError(f"similarity {s.shape}, skip {left_out.shape} do not fit ({len(wanted)}, {len(owners)})")
    check_scores(s)
    products, own = np.unique(owners, return_inverse=True)
    order = np.argsort(own, kind="stable")
    starts = np.searchsorted(own[order], np.arange(len(products)))
    # nan marks products without an entry left: fmax ignores it, and every comparison with it is False.
    best = np.fmax.reduceat(np.where(left_out, np.nan, s)[:, order], starts, axis=1)
    right = wanted[:, None] == products[None, :]
    there = np.where(right, best, np.nan)
    listed, found = right.any(axis=1), (~np.isnan(there)).any(axis=1)
    reference = np.where(found, np.fmax.reduce(there, axis=1), np.nan)
    ahead = ((best >= reference[:, None]) & ~right).sum(axis=1)
    return np.where(found, 1.0 + ahead, np.where(listed, np.nan, np.inf))


def list_ranks(
    ranked: Sequence[Sequence[Hashable]], right: Sequence[Hashable], skip: Sequence[Collection[Hashable]] | None = None
) -> Floats:
    """As :func:`product_ranks`, from lists of product ids, best first; a product listed twice counts once.

    `skip`: for each query, products that are passed over. The rank is inf where the right product is not listed, and
    nan where it is skipped. Lists carry no scores, hence no ties.
    """
    if len(ranked) != len(right) or (skip is not None and len(skip) != len(right)):
        raise ValueError("as many lists as right answers are needed")
    out = np.empty(len(right))
    for i, (listed, wanted) in enumerate(zip(ranked, right, strict=True)):
        passed = skip[i] if skip is not None else ()
        seen = [p for p in dict.fromkeys(listed) if p not in passed]
        out[i] = NAN if wanted in passed else seen.index(wanted) + 1 if wanted in seen else np.inf
    return out


def retrieval_figures(ranks: ArrayLike, ks: Sequence[int] = (1, 5, 10, 50)) -> RetrievalFigures:
    """Recall@k and mean reciprocal rank of ranks (q,). nan ranks are left out; without others the figures are nan."""
    r = np.asarray(ranks, np.float64)
    r = r[~np.isnan(r)]
    recall = {int(k): ratio(int((r <= k).sum()), len(r)) for k in ks}
    return RetrievalFigures(len(r), recall, ratio(float((1 / r).sum()), len(r)))
