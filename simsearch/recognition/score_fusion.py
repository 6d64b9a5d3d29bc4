"""Several scores of a pair as one probability: logistic regression, and a rising map after it. Needs no torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class Fusion:
    """Logistic regression: probability = 1 / (1 + exp(-(bias + sum over j of weight_j (x_j - mean_j) / scale_j)))."""

    names: tuple[str, ...]
    """The features, in the order of the columns."""
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    """Above 0."""
    weights: tuple[float, ...]
    """Of the standardised features."""
    bias: float

    def __post_init__(self) -> None:
        sizes = {len(part) for part in (self.names, self.mean, self.scale, self.weights)}
        if len(sizes) != 1 or not self.names or len(set(self.names)) != len(self.names):
            raise ValueError("a fusion needs one mean, scale and weight for each of its features, none named twice")
        if not np.isfinite([*self.mean, *self.scale, *self.weights, self.bias]).all() or min(self.scale) <= 0:
            raise ValueError("the numbers of a fusion must be finite, its scales above 0")

    @classmethod
    def fit(
        cls,
        features: ArrayLike,
        same: ArrayLike,
        names: Sequence[str],
        *,
        l2: float = 1.0,
        prior: float | None = None,
        nonnegative: Collection[str] = (),
    ) -> Fusion:
        """The fusion that minimises sum over pairs of c_i log(1 + exp(-+logit_i)) + l2 / 2 |weights|^2.

        `features` (n, f), finite, one column a name; `same` (n,). The bias is not penalised; l2 > 0 keeps the weights
        finite where a feature separates the classes. `prior`, in (0, 1): the share of "same" that the probabilities
        shall assume, whatever it is in the sample; the c_i weight the classes so (None: c_i = 1, the sample's share).
        Features named in `nonnegative` get a weight >= 0: more of them never lowers the probability.

        Newton's method with projection onto the bounds and a halving line search, without any random part.
        Source: Bertsekas (1982), "Projected Newton Methods for Optimization Problems with Simple Constraints".

        Raises ValueError: other shapes, numbers that are not finite, one class missing, an unknown name, l2 <= 0.
        """
        x, y = _table(features, names), np.asarray(same, np.bool_)
        if y.shape != (len(x),) or y.all() or not y.any():
            raise ValueError(f"same {y.shape} must tell {len(x)} pairs apart, with both kinds among them")
        if not l2 > 0 or (prior is not None and not 0 < prior < 1) or set(nonnegative) - set(names):
            raise ValueError("l2 must be above 0, prior within (0, 1), and nonnegative a part of the names")
        mean, spread = x.mean(axis=0), x.std(axis=0)
        scale = np.where(spread > 1e-12 * (1 + np.abs(mean)), spread, 1.0)  # a constant column then stays 0
        bounded = np.array([*(n in nonnegative for n in names), False])
        w = _newton(np.column_stack([(x - mean) / scale, np.ones(len(x))]), y, _class_weights(y, prior), l2, bounded)
        return cls(tuple(names), _floats(mean), _floats(scale), _floats(w[:-1]), float(w[-1]))

    def platt(self, features: ArrayLike, same: ArrayLike, *, prior: float | None = None) -> Fusion:
        """This fusion with slope * logit + intercept as its logit, fitted on pairs of other products; slope >= 0.

        Source: Platt (1999), "Probabilistic Outputs for Support Vector Machines". ValueError as :meth:`fit`.
        """
        z = self.logits(features)[:, None]
        return self.after(Fusion.fit(z, same, ("logit",), l2=1e-6 * len(z), prior=prior, nonnegative=("logit",)))

    def after(self, line: Fusion) -> Fusion:
        """This fusion with its logit put through `line`, a fusion of one feature."""
        slope = line.weights[0] / line.scale[0]
        weights = tuple(slope * w for w in self.weights)
        return replace(self, weights=weights, bias=line.bias + slope * (self.bias - line.mean[0]))

    def on(self, names: Sequence[str]) -> Fusion:
        """The same of a table with the columns `names`, of which those it was not fitted with count nothing.

        ValueError where one that it was fitted with is not among them.
        """
        if missing := sorted({*self.names} - {*names}):
            raise ValueError(f"there is no feature {missing[0]!r}; there are {', '.join(names)}")
        own = dict(zip(self.names, zip(self.mean, self.scale, self.weights, strict=True), strict=True))
        mean, scale, weights = zip(*(own.get(name, (0.0, 1.0, 0.0)) for name in names), strict=True)
        return Fusion(tuple(names), mean, scale, weights, self.bias)

    def logits(self, features: ArrayLike) -> Floats:
        """Before the sigmoid: `features` (n, f) -> (n,)."""
        x = _table(features, self.names)
        return np.asarray((x - self.mean) / self.scale @ np.array(self.weights) + self.bias, np.float64)

    def probability(self, features: ArrayLike) -> Floats:
        """`features` (n, f) -> (n,) in [0, 1]."""
        return sigmoid(self.logits(features))


@dataclass(frozen=True)
class Monotone:
    """A rising piecewise-linear map from logit to logit, of slope 1 beyond its ends; the identity without knots."""

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not np.isfinite([*self.x, *self.y]).all():
            raise ValueError("a map needs as many finite x as y")
        if (np.diff(self.x) <= 0).any() or (np.diff(self.y) < 0).any():
            raise ValueError("the knots of a map must rise")

    @classmethod
    def isotonic(cls, logits: ArrayLike, same: ArrayLike, *, knots: int = 8, prior: float | None = None) -> Monotone:
        """Isotonic regression of `same` (n,) on `logits` (n,) by pooling adjacent violators, reduced to `knots` blocks.

        Each block gives one knot: its mean logit, and the logit of its share of positives. Shares are drawn in by half
        a pair of each kind (Krichevsky-Trofimov), so that none is 0 or 1. The smallest block joins the neighbour whose
        share is nearer until there are few enough.
        Source: Zadrozny, Elkan (2002), "Transforming Classifier Scores into Accurate Multiclass Probability Estimates".
        """
        x, y = np.asarray(logits, np.float64), np.asarray(same, np.bool_)
        if x.ndim != 1 or y.shape != x.shape or not np.isfinite(x).all() or y.all() or not y.any() or knots < 1:
            raise ValueError(f"logits {x.shape} and same {y.shape} must be finite (n,) with both kinds; knots >= 1")
        c = _class_weights(y, prior)
        values, place = np.unique(x, return_inverse=True)
        weight, positive = np.bincount(place, weights=c), np.bincount(place, weights=c * y)
        blocks = _pooled(np.column_stack([weight, positive, weight * values]))
        while len(blocks) > knots:
            share = blocks[:, 1] / blocks[:, 0]
            i = int(np.argmin(blocks[:, 0]))
            before = share[i] - share[i - 1] if i else np.inf
            after = share[i + 1] - share[i] if i + 1 < len(blocks) else np.inf
            blocks = _joined(blocks, i - 1 if before <= after else i)
        centre, total = blocks[:, 2] / blocks[:, 0], blocks[:, 0] + 1
        blocks = _pooled(np.column_stack([total, blocks[:, 1] + 0.5, centre * total]))
        share = blocks[:, 1] / blocks[:, 0]
        return cls(_floats(blocks[:, 2] / blocks[:, 0]), _floats(np.log(share) - np.log1p(-share)))

    def __call__(self, logits: ArrayLike) -> Floats:
        """(n,) -> (n,)."""
        z = np.asarray(logits, np.float64)
        if not self.x:
            return z
        inner = np.interp(z, self.x, self.y)
        return np.asarray(inner + np.minimum(z - self.x[0], 0) + np.maximum(z - self.x[-1], 0), np.float64)


def _table(features: ArrayLike, names: Sequence[str]) -> Floats:
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or x.shape[1] != len(names) or not np.isfinite(x).all():
        raise ValueError(f"features {x.shape} must be finite, with the columns {', '.join(names)}")
    return x


def _class_weights(y: Bools, prior: float | None) -> Floats:
    if prior is None:
        return np.ones(len(y))
    share = float(y.mean())
    return np.where(y, prior / share, (1 - prior) / (1 - share))


def _newton(x: Floats, y: Bools, c: Floats, l2: float, bounded: Bools) -> Floats:
    """The minimum of `Fusion.fit`; the last column of `x` is the bias."""
    penalty = np.append(np.full(x.shape[1] - 1, l2), 0.0)

    def loss(w: Floats) -> float:
        z = x @ w
        return float(c @ np.logaddexp(0, np.where(y, -z, z)) + penalty @ (w * w) / 2)

    def projected(w: Floats) -> Floats:
        return np.where(bounded, np.maximum(w, 0), w)

    w = np.zeros(x.shape[1])
    w[-1] = np.log((c @ y) / (c @ ~y))
    for _ in range(200):
        p = sigmoid(x @ w)
        gradient = x.T @ (c * (p - y)) + penalty * w
        still = float(np.abs(w - projected(w - gradient)).max())
        if still <= 1e-10 * len(y):
            break
        # Weights that the bound holds step alone; the others take Newton's step among themselves.
        held = bounded & (w <= min(1e-3, still)) & (gradient > 0)
        free = np.flatnonzero(~held)
        curvature = (x[:, free] * (c * p * (1 - p))[:, None]).T @ x[:, free] + np.diag(penalty[free] + 1e-12)
        step = -gradient
        step[free] = np.linalg.solve(curvature, -gradient[free])
        now, size = loss(w), 1.0
        while size > 1e-12:
            moved = projected(w + size * step)
            if loss(moved) <= now + 1e-4 * gradient @ (moved - w):
                break
            size /= 2
        w = moved
    return w


def _pooled(blocks: Floats) -> Floats:
    """Adjacent blocks (weight, positive weight, weighted logit) joined until the shares of positives rise strictly."""
    out: list[Floats] = []
    for block in blocks:
        out.append(block)
        while len(out) > 1 and out[-2][1] * out[-1][0] >= out[-1][1] * out[-2][0]:
            last = out.pop()
            out[-1] = out[-1] + last
    return np.array(out)


def _joined(blocks: Floats, i: int) -> Floats:
    return np.vstack([blocks[:i], blocks[i] + blocks[i + 1], blocks[i + 2 :]])


def sigmoid(z: Floats) -> Floats:
    """1 / (1 + exp(-z)) in double precision, without overflow, exact for small probabilities too."""
    return np.asarray(np.exp(-np.logaddexp(0, -z)), np.float64)


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
