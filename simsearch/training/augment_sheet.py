"""An augmentation strategy as a picture: what each part does to a photo, and the views that a network is shown."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from simsearch.core.files import write_output
from simsearch.core.types import Pixels
from simsearch.training.augment import NONE, PARTS, AugmentSettings, view

WHOLE = "all together"
_CELL, _LABEL, _TOP, _GAP = 1.3, 2.1, 0.62, 0.22  # inches
_SIZE = 224  # pixels of a view
_FINE = ("blur", "noise", "JPEG")
"""Fine parts: their rows show the middle of the view, enlarged."""


def part_alone(settings: AugmentSettings, part: str) -> AugmentSettings:
    """Only `part` of the strategy, in every view; equal to NONE where the strategy does not use it."""
    strengths = {name: getattr(settings, name) for name in PARTS[part]}
    # "upright_share" switches a change off instead of on: it stays as it is.
    always = {n: 1.0 for n, v in strengths.items() if n.endswith("_share") and n != "upright_share" and v > 0}
    alone = replace(NONE, **{**strengths, **always})
    if part == "background" and alone != NONE:
        return replace(alone, scale_low=0.7, scale_high=0.7)  # so that some of it can be seen
    return NONE if part == "geometry" and not _moves(settings) else alone


def _moves(s: AugmentSettings) -> bool:
    turned = s.rotation > 0 and s.upright_share < 1
    return turned or (s.scale_low, s.scale_high) != (1.0, 1.0) or any((s.stretch, s.shift, s.perspective))


def strengths(settings: AugmentSettings, part: str) -> list[str]:
    """The strengths of a part in words, one line each; empty where the strategy does not use it."""
    if part_alone(settings, part) == NONE:
        return []
    s = settings
    if part == "geometry":
        lines = [f"turned up to {s.rotation:.0f}°", f"{s.upright_share:.0%} upright"]
        lines += [f"scale {s.scale_low:g} to {s.scale_high:g}", f"stretch {s.stretch:g}, shift {s.shift:g}"]
        return [*lines, f"perspective {s.perspective:g}"]
    if part == "colour":
        return [f"{name} ±{getattr(s, name):g}" for name in PARTS[part]]
    enlarged = ["(the middle, enlarged)"] if part in _FINE else []
    return [f"in {getattr(s, PARTS[part][0]):.0%} of the views", *enlarged]


def draw_strategy(
    path: Path,
    photos: Sequence[tuple[str, Pixels]],
    settings: AugmentSettings,
    title: str,
    *,
    views: int = 8,
    seed: int = 0,
    backdrop: Pixels | None = None,
) -> None:
    """Write a PNG: for each named photo one row for each part of the strategy, then three rows with all parts.

    A row shows its part alone and in every view; the last rows show views as training sees them. The same seed draws
    the same picture. Behind a single photo `backdrop` may stand, behind each of several photos the next one.
    """
    rows = [*PARTS, WHOLE, "", ""]
    block = len(rows) * _CELL + _GAP
    width, height = _LABEL + (views + 1) * _CELL + 0.1, _TOP + len(photos) * block
    figure = Figure(figsize=(width, height))
    figure.text(0.1 / width, 1 - 0.26 / height, title, fontsize=14, weight="bold", va="center")
    for number, (name, pixels) in enumerate(photos):
        top, behind = _TOP + number * block, photos[(number + 1) % len(photos)][1] if len(photos) > 1 else backdrop
        heads = [(1, name if len(name) < 60 else f"...{name[-57:]}")] if len(photos) > 1 else []
        for column, words in [(0, "original"), *(heads or [(1, f"{views} views, seed {seed}")])]:
            x = (_LABEL + column * _CELL) / width
            figure.text(x, 1 - (top - 0.1) / height, words, fontsize=9, va="center", color="#555555")
        for row, part in enumerate(rows):
            y = top + row * _CELL
            shown = settings if part in (WHOLE, "") else part_alone(settings, part)
            _label(figure, part, strengths(settings, part) if part in PARTS else [], y, width, height)
            for column in range(views + 1):
                place = ((_LABEL + column * _CELL) / width, 1 - (y + _CELL) / height, _CELL / width, _CELL / height)
                axes = figure.add_axes(_inset(place))
                rng = np.random.default_rng([seed, number, row, column])
                seen = view(pixels, shown if column else NONE, (_SIZE, _SIZE), rng, behind)
                _cell(axes, seen[70:154, 70:154] if part in _FINE else seen)
    FigureCanvasAgg(figure)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120)
    write_output(path, picture.getvalue())


def _label(figure: Figure, part: str, lines: Sequence[str], y: float, width: float, height: float) -> None:
    figure.text(0.1 / width, 1 - (y + 0.14) / height, part, fontsize=11, weight="bold", va="center")
    words = "not used" if part in PARTS and not lines else "\n".join(lines)
    figure.text(0.1 / width, 1 - (y + 0.30) / height, words, fontsize=8.5, va="top", color="#555555", linespacing=1.25)


def _inset(place: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, w, h = place
    return x + 0.02 * w, y + 0.02 * h, 0.96 * w, 0.96 * h


def _cell(axes: Axes, pixels: Pixels) -> None:
    axes.imshow(pixels, interpolation="nearest" if len(pixels) < _SIZE else "antialiased")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#bbbbbb")
