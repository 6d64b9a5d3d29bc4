"""Figures with their intervals, and tables of them: the same for the screen, for Markdown and for JSON."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from simsearch.core.types import Refusal
from simsearch.evaluation.intervals import Indices, Interval, bootstrap, wilson


@dataclass(frozen=True)
class Figure:
    """A measured value with its 95 % interval."""

    value: float
    """nan where it is undefined."""
    interval: Interval | None = None

    @property
    def share(self) -> str:
        """As a percentage with its interval; `-` where it is undefined."""
        return self._text(".1%")

    @property
    def number(self) -> str:
        """As a number with its interval; `-` where it is undefined."""
        return self._text(".4f")

    def _text(self, form: str) -> str:
        if math.isnan(self.value):
            return "-"
        if self.interval is None or math.isnan(self.interval.low):
            return f"{self.value:{form}}"
        return f"{self.value:{form}} ({self.interval.low:{form}} to {self.interval.high:{form}})"


@dataclass(frozen=True)
class Table:
    """A table of text cells with a title."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def markdown(self) -> str:
        """As a Markdown table under its title."""
        lines = [f"**{self.title}**", "", "| " + " | ".join(self.columns) + " |", "|" + " --- |" * len(self.columns)]
        lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in self.rows]
        return "\n".join(lines)


class Report(Protocol):
    """A measurement of answers: what is printed and written of it."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """Source, counts, machine."""

    @property
    def refusals(self) -> Sequence[Refusal]:
        """Rows and photos that were left out, with the reason."""

    def json(self) -> dict[str, Any]:
        """All figures, as JSON can hold them."""

    def tables(self) -> list[Table]:
        """The tables, in reading order."""


def with_intervals(
    values: Callable[[Indices], Mapping[str, float]], n: int, groups: Sequence[Any], *, seed: int, samples: int = 1000
) -> dict[str, Figure]:
    """Each figure that `values(indices)` returns over all n observations, with its bootstrap interval over `groups`.

    Where a figure is 0 or 1 in the whole sample and in each resample, the bootstrap gives an interval of width 0. The
    interval is then Wilson's, of as many trials as there are groups.
    """
    whole = values(np.arange(n))
    intervals = bootstrap(values, n, groups=np.array(groups), samples=samples, seed=seed)
    return {name: Figure(value, _interval(value, intervals[name], len(set(groups)))) for name, value in whole.items()}


def _interval(value: float, interval: Interval, groups: int) -> Interval:
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
    """Rounded; None for nan and infinities, which JSON cannot hold."""
    return round(value, digits) if math.isfinite(value) else None


def refusals_json(refusals: Sequence[Refusal]) -> dict[str, Any]:
    """`refused`: the messages alone; `refusals`: each with its place and code."""
    return {
        "refused": [r.message for r in refusals],
        "refusals": [{"where": r.where, "code": r.code, "message": r.message} for r in refusals],
    }


def machine() -> str:
    """Processor, cores and operating system, for the line under a table."""
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as stream:
            model = next((line.split(":", 1)[1].strip() for line in stream if line.startswith("model name")), model)
    except OSError:
        pass  # not Linux: the name from `platform` has to do
    return f"{model}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
