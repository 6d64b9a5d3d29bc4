"""Tables of figures, the same ones for the screen, for Markdown and for JSON."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simsearch.evaluation.intervals import Indices, Interval, bootstrap, wilson


@dataclass(frozen=True)
class Figure:
    """A figure and how sure it is."""

    value: float
    interval: Interval | None = None
    """95 %."""

    @property
    def share(self) -> str:
        """As a percentage with its interval; `-` where it is undefined."""
        if math.isnan(self.value):
            return "-"
        if self.interval is None or math.isnan(self.interval.low):
            return f"{self.value:.1%}"
        return f"{self.value:.1%} ({self.interval.low:.1%} to {self.interval.high:.1%})"

    @property
    def number(self) -> str:
        """As a number with its interval; `-` where it is undefined."""
        if math.isnan(self.value):
            return "-"
        if self.interval is None or math.isnan(self.interval.low):
            return f"{self.value:.4f}"
        return f"{self.value:.4f} ({self.interval.low:.4f} to {self.interval.high:.4f})"


@dataclass(frozen=True)
class Sheet:
    """A table in words."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        """As a Markdown table under its title."""
        lines = [f"**{self.title}**", "", "| " + " | ".join(self.columns) + " |", "|" + " --- |" * len(self.columns)]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in self.rows]
        return "\n".join(lines)


def measured(
    values: Callable[[Indices], Mapping[str, float]], n: int, groups: Sequence[Any], *, seed: int, samples: int = 1000
) -> dict[str, Figure]:
    """Every figure of `values(indices)` over all n observations, with its bootstrap interval over `groups`.

    Where a figure is 0 or 1, and so is each of its resamples, the bootstrap knows nothing: the interval is then
    Wilson's of as many trials as there are groups.
    """
    whole = values(np.arange(n))
    intervals = bootstrap(values, n, groups=np.array(groups), samples=samples, seed=seed)
    return {name: Figure(value, _spread(value, intervals[name], len(set(groups)))) for name, value in whole.items()}


def _spread(value: float, interval: Interval, groups: int) -> Interval:
    if value in (0.0, 1.0) and interval.low == interval.high == value:
        return wilson(round(value) * groups, groups)
    return interval


def plain(figures: Mapping[str, Figure]) -> dict[str, Any]:
    """`name` and `name_95` of each figure, as JSON can hold them."""
    out: dict[str, Any] = {}
    for name, figure in figures.items():
        out[name] = finite(figure.value)
        if figure.interval is not None:
            out[f"{name}_95"] = [finite(figure.interval.low), finite(figure.interval.high)]
    return out


def finite(value: float, digits: int = 4) -> float | None:
    """Rounded; None where it is undefined or without bound."""
    return round(value, digits) if math.isfinite(value) else None
