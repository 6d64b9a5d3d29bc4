"""Several scores of a pair as one probability: logistic regression, and a monotone map after it. NumPy alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simsearch.core.numbers import sigmoid

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

        Newton's method with projection onto the bounds and a halving line search; deterministic.
        Source: Bertsekas (1982), "Projected Newton Methods for Optimization Problems with Simple Constraints".

        Args:
            features: (n, f), finite, one column a name.
            same: (n,) whether the pair shows one product; both kinds must occur.
            names: of the f columns.
            l2: above 0; keeps the weights finite where a feature separates the classes. The bias is not penalised.
            prior: share of "same" that the probabilities assume, in (0, 1): the c_i weight the two classes so. None:
                c_i = 1, the probabilities assume the sample's own share.
            nonnegative: features whose weight must not be negative: a larger value never lowers the probability.

        Raises:
            ValueError: other shapes, numbers that are not finite, one class missing, an unknown name, l2 <= 0.
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
        """This fusion rescaled on pairs of other products: its logit becomes slope * logit + intercept, slope >= 0.

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
        """The same model for a table with the columns `names`; columns it was not fitted on get weight 0.

        Raises:
            ValueError: a column that it was fitted on is missing.
        """
        if missing := sorted({*self.names} - {*names}):
            raise ValueError(f"there is no feature {missing[0]!r}; there are {', '.join(names)}")
        own = dict(zip(self.names, zip(self.mean, self.scale, self.weights, strict=True), strict=True))
        mean, scale, weights = zip(*(own.get(name, (0.0, 1.0, 0.0)) for name in names), strict=True)
        return Fusion(tuple(names), mean, scale, weights, self.bias)

    def logits(self, features: ArrayLike) -> Floats:
        """Log-odds: `features` (n, f) -> (n,)."""
        x = _table(features, self.names)
        return np.asarray((x - self.mean) / self.scale @ np.array(self.weights) + self.bias, np.float64)

    def probability(self, features: ArrayLike) -> Floats:
        """`features` (n, f) -> (n,) in [0, 1]."""
        return sigmoid(self.logits(features))


@dataclass(frozen=True)
class Monotone:
    """A rising piecewise-linear map from logit to logit, of slope 1 beyond its ends; the identity without knots.

    Calibrations that are fitted now hold the identity. Files of earlier versions may hold knots.
    """

    x: tuple[float, ...] = ()
    y: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or not np.isfinite([*self.x, *self.y]).all():
            raise ValueError("a map needs as many finite x as y")
        if (np.diff(self.x) <= 0).any() or (np.diff(self.y) < 0).any():
            raise ValueError("the knots of a map must rise")

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
    """Minimise the loss of `Fusion.fit` over the weights (f + 1,); the last column of `x` is the bias."""
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
        residual = float(np.abs(w - projected(w - gradient)).max())
        if residual <= 1e-10 * len(y):
            break
        # Weights held at their bound take a gradient step; Newton's step is taken among the free ones.
        held = bounded & (w <= min(1e-3, residual)) & (gradient > 0)
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


def _floats(values: Floats) -> tuple[float, ...]:
    return tuple(float(v) for v in values)
