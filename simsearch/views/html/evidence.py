"""Evidence pictures: a photo beside a catalog picture, matching keypoints, read lines, and a caption below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from simsearch.core.types import Pixels
from simsearch.features.orb import Geometry
from simsearch.views.html.marks import Frame, Mark, draw

HEIGHT = 340  # pixels; less where both pictures together would be wider than WIDEST
NARROWEST, WIDEST = 640, 1280  # pixels, of the whole sheet
MARGIN = 16
_PAPER, _INK, _FAINT = (255, 255, 255), (24, 28, 33), (92, 99, 106)
_LABEL, _HEADING, _TEXT, _MARK = 16, 23, 18, 13  # font sizes in pixels
_SHIFT = 4  # fractional bits of OpenCV's coordinates


def side_by_side(
    query: Pixels,
    other: Pixels,
    geometry: Geometry | None,
    caption: Sequence[str],
    *,
    size: int,
    labels: tuple[str, str] = ("photo", "catalog"),
    marks: Sequence[Mark] = (),
) -> Pixels:
    """Both pictures at equal height, a line for each inlier of `geometry`, and the whole caption below.

    Args:
        query: the photo.
        other: the catalog picture.
        geometry: inliers in pixels of the pictures scaled to `size` on the longer side; None draws no line.
        caption: its first line is bold; lines too long for the picture are wrapped.
        size: `OrbSettings.size` that the geometry was found with.
        labels: what stands above the two pictures.
        marks: read lines, outlined over everything else.
    """
    left, right = _fitted(query, other)
    both = left.shape[1] + MARGIN + right.shape[1]
    width = max(NARROWEST, both + 2 * MARGIN)
    lines = list(_wrapped(caption, width - 2 * MARGIN))
    top = MARGIN + _line_height(_LABEL)
    below = top + left.shape[0] + MARGIN // 2
    height = below + sum(_line_height(font) for _, font, _ in lines) + MARGIN
    sheet: Pixels = np.full((height, width, 3), _PAPER, np.uint8)
    starts = ((width - both) // 2, (width - both) // 2 + left.shape[1] + MARGIN)
    for picture, x in zip((left, right), starts, strict=True):
        sheet[top : top + picture.shape[0], x : x + picture.shape[1]] = picture
    if geometry is not None and geometry.inliers:
        from_xy = _placed(geometry.query_xy, left, size, (starts[0], top))
        to_xy = _placed(geometry.other_xy, right, size, (starts[1], top))
        _draw_matches(sheet, from_xy, to_xy)
    if marks:
        pictures = zip((left, right), starts, strict=True)
        frames = [Frame(x, top, picture.shape[1], picture.shape[0]) for picture, x in pictures]
        written = [replace(mark, words=writable(mark.words)) for mark in marks]
        sheet = draw(sheet, written, frames, lettering(_MARK))
    texts = [(x, MARGIN, label, _LABEL, _FAINT) for x, label in zip(starts, labels, strict=True)]
    for text, font, ink in lines:
        texts.append((MARGIN, below, text, font, ink))
        below += _line_height(font)
    return _written(sheet, texts)


def _fitted(query: Pixels, other: Pixels) -> tuple[Pixels, Pixels]:
    ratios = [picture.shape[1] / picture.shape[0] for picture in (query, other)]
    height = max(1, min(HEIGHT, int((WIDEST - 3 * MARGIN) / sum(ratios))))
    return _resized(query, height, ratios[0]), _resized(other, height, ratios[1])


def _resized(picture: Pixels, height: int, ratio: float) -> Pixels:
    way = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (max(1, round(height * ratio)), height), interpolation=way), np.uint8)


def _placed(xy: NDArray[np.float32], picture: Pixels, size: int, corner: tuple[int, int]) -> NDArray[np.float64]:
    """Points (n, 2) on the sheet. `xy` refers to the picture scaled to `size`; the picture begins at `corner`."""
    scale = max(picture.shape[:2]) / size
    return np.asarray((xy + 0.5) * scale - 0.5 + np.array(corner), np.float64)


def _draw_matches(sheet: Pixels, from_xy: NDArray[np.float64], to_xy: NDArray[np.float64]) -> None:
    """Draw lines from left to right. Their colour follows their height on the left, so that the eye can follow one."""
    order = np.argsort(from_xy[:, 1], kind="stable")
    ramp = np.linspace(20, 235, len(order)).astype(np.uint8)
    colours = cv2.applyColorMap(ramp[:, None], cv2.COLORMAP_TURBO).reshape(-1, 3)[:, ::-1].tolist()
    starts, ends = (np.rint(xy[order] * 2**_SHIFT).astype(int).tolist() for xy in (from_xy, to_xy))
    drawn = sheet.copy()
    for a, b, colour in zip(starts, ends, colours, strict=True):
        cv2.line(drawn, a, b, colour, 1, cv2.LINE_AA, _SHIFT)
    share = min(0.8, 0.3 + 20 / len(order))  # many lines are drawn paler, so that the print below them stays readable
    cv2.addWeighted(drawn, share, sheet, 1 - share, 0, dst=sheet)
    radius = 2 if len(order) <= 60 else 1
    for (x, y), colour in zip([*starts, *ends], colours * 2, strict=True):
        cv2.circle(sheet, (x >> _SHIFT, y >> _SHIFT), radius, colour, cv2.FILLED, cv2.LINE_AA)


# -- text ------------------------------------------------------------------------------------------------------------


@cache
def _font_path(bold: bool) -> Path:
    import matplotlib as mpl  # its fonts are the same on every machine

    return Path(mpl.get_data_path()) / "fonts" / "ttf" / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")


@cache
def lettering(size: int) -> ImageFont.FreeTypeFont:
    """The font of all pictures, `size` in pixels; headings are bold."""
    return ImageFont.truetype(str(_font_path(size == _HEADING)), size, layout_engine=ImageFont.Layout.BASIC)


@cache
def _letters() -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset.intersection(*(frozenset(FT2Font(str(_font_path(bold))).get_charmap()) for bold in (False, True)))


def writable(text: str) -> str:
    """`text` on one line. Each run of letters that the font lacks, such as Chinese, becomes "…"."""
    out = ""
    for letter in " ".join(text.split()):
        if ord(letter) in _letters():
            out += letter
        elif not out.endswith("…"):
            out += "…"
    return out


def _line_height(size: int) -> int:
    return round(size * 1.35)


def _wrapped(caption: Sequence[str], width: int) -> Iterator[tuple[str, int, tuple[int, int, int]]]:
    """(line, font size, ink), each line at most `width` pixels wide."""
    for number, text in enumerate(caption):
        size, ink = (_HEADING, _INK) if number == 0 else (_TEXT, _FAINT)
        for line in _lines(writable(text), lettering(size), width):
            yield line, size, ink


def _lines(text: str, font: ImageFont.FreeTypeFont, width: int) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}".lstrip()
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            yield line
        line = word
        while font.getlength(line) > width:  # a word wider than the picture is broken
            fits = max(1, next(n for n in range(len(line)) if font.getlength(line[: n + 1]) > width))
            yield line[:fits]
            line = line[fits:]
    if line:
        yield line


def _written(sheet: Pixels, texts: Sequence[tuple[int, int, str, int, tuple[int, int, int]]]) -> Pixels:
    """`sheet` with (x, y, text, font size, ink), each at its upper left."""
    picture = Image.fromarray(sheet)
    draw = ImageDraw.Draw(picture)
    for x, y, text, size, ink in texts:
        draw.text((x, y), writable(text), fill=ink, font=lettering(size))
    return np.asarray(picture, np.uint8)
