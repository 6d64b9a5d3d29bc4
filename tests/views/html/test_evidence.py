"""Evidence pictures show what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.features.orb import Geometry
from simsearch.views.html import side_by_side
from simsearch.views.html.evidence import HEIGHT, MARGIN, NARROWEST, WIDEST, writable

if TYPE_CHECKING:
    pass


def noise(height: int, width: int, seed: int) -> Pixels:
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def geometry(query_xy: list[tuple[float, float]], other_xy: list[tuple[float, float]]) -> Geometry:
    return Geometry(np.array(query_xy, np.float32), np.array(other_xy, np.float32), len(query_xy), np.eye(3))


def find(sheet: Pixels, picture: Pixels) -> tuple[int, int, float]:
    """x, y and mean difference where `picture`, at HEIGHT, fits `sheet` best."""
    height, width = picture.shape[:2]
    scaled = cv2.resize(picture, (round(width * HEIGHT / height), HEIGHT), interpolation=cv2.INTER_AREA)
    _, _, (x, y), _ = cv2.minMaxLoc(cv2.matchTemplate(sheet, scaled, cv2.TM_SQDIFF))
    region = sheet[y : y + HEIGHT, x : x + scaled.shape[1]].astype(int)
    return x, y, float(np.abs(region - scaled).mean())


def test_both_pictures_are_there_at_equal_height() -> None:
    query, other = noise(600, 480, 1), noise(700, 560, 2)
    sheet = side_by_side(query, other, None, ["caption"], size=512)
    x1, y1, off1 = find(sheet, query)
    x2, y2, off2 = find(sheet, other)
    assert off1 < 2
    assert off2 < 2
    assert y1 == y2
    assert x1 + round(480 * HEIGHT / 600) + MARGIN == x2


def test_lines_are_drawn_only_for_a_geometry() -> None:
    query, other = noise(512, 512, 1), noise(512, 512, 2)
    plain = side_by_side(query, other, None, ["caption"], size=512)
    none = side_by_side(
        query,
        other,
        Geometry(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), 3, None),
        ["caption"],
        size=512,
    )
    drawn = side_by_side(query, other, geometry([(100, 100)], [(300, 200)]), ["caption"], size=512)
    assert (plain == none).all()
    assert (plain != drawn).any()


@pytest.mark.parametrize(("height", "width"), [(512, 512), (256, 128), (1024, 640)])
def test_a_line_joins_the_two_points(height: int, width: int) -> None:
    """Points are given in pixels of the pictures scaled to 512 on the longer side."""
    query, other = noise(height, width, 3), noise(height, width, 4)
    scale = 512 / height
    a, b = (0.25 * width * scale, 0.5 * 512), (0.75 * width * scale, 0.25 * 512)
    plain = side_by_side(query, other, None, ["caption"], size=512)
    drawn = side_by_side(query, other, geometry([a], [b]), ["caption"], size=512)
    rows, columns = np.nonzero((plain != drawn).any(axis=2))
    shown = round(width * HEIGHT / height)
    left = (plain.shape[1] - 2 * shown - MARGIN) // 2
    top = find(plain, query)[1]
    assert abs(columns.min() - (left + 0.25 * shown)) < 6
    assert abs(columns.max() - (left + shown + MARGIN + 0.75 * shown)) < 6
    assert abs(rows.max() - (top + 0.5 * HEIGHT)) < 6
    assert abs(rows.min() - (top + 0.25 * HEIGHT)) < 6


@pytest.mark.parametrize("text", ["short", "a caption of many words " * 12, "X" * 300, "", "天然 only this"])
def test_a_caption_is_never_cut_off(text: str) -> None:
    query, other = noise(300, 300, 1), noise(300, 300, 2)
    sheet = side_by_side(query, other, None, [text, text], size=512)
    paper = np.array((255, 255, 255))
    border = np.concatenate(
        [sheet[:4].reshape(-1, 3), sheet[-4:].reshape(-1, 3), sheet[:, :4].reshape(-1, 3), sheet[:, -4:].reshape(-1, 3)]
    )
    assert (border == paper).all()


@pytest.mark.parametrize("shape", [(4, 4000), (4000, 4), (1, 1), (90, 3000)])
def test_odd_shapes_fit(shape: tuple[int, int]) -> None:
    sheet = side_by_side(noise(*shape, 1), noise(*shape[::-1], 2), None, ["caption"], size=512)
    assert NARROWEST <= sheet.shape[1] <= WIDEST


def test_letters_that_the_font_lacks_become_one_mark() -> None:
    assert writable("Aspirin 阿司匹林 100 mg\n") == "Aspirin … 100 mg"
    assert writable("Zäpfchen × 10 µg") == "Zäpfchen × 10 µg"
