"""The lines that two photos have in common say how one lies in the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.features.orb import Geometry
from simsearch.features.reading.types import Cut, Line, Reading
from simsearch.recognition.printed import CatalogSide, PhotoSide, PrintVerifier
from simsearch.recognition.printed.line_alignment import LEAST_LINES, by_lines

WIDTH, HEIGHT, SIDE = 1200, 900, 512
NOWHERE = Geometry(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.float32), 0, None)
TEXTS = ("HEMIPAN", "Each tablet contains", "Paracetamol 500 mg", "Keep out of reach", "Made in India", "10 Tablets")


def row(text: str, x: float, y: float, height: float = 30.0) -> NDArray[np.float64]:
    wide = height * 0.6 * len(text)
    return np.array([[x, y], [x + wide, y], [x + wide, y + height], [x, y + height]])


def reading(quads: list[tuple[str, NDArray[np.float64]]]) -> Reading:
    share = np.array([WIDTH, HEIGHT])
    lines = (Line(text, 0.99, (q / share).astype(np.float32), (Cut(text, 0.99), Cut(text, 0.99))) for text, q in quads)
    return Reading(tuple(lines), WIDTH, HEIGHT)


def turned(quad: NDArray[np.float64], degrees: float, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    turn = np.deg2rad(degrees)
    matrix = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.asarray((quad - [WIDTH / 2, HEIGHT / 2]) @ matrix.T + [WIDTH / 2, HEIGHT / 2] + shift)


def laid(texts: tuple[str, ...] = TEXTS) -> list[tuple[str, NDArray[np.float64]]]:
    return [(text, row(text, 200 + 40 * (i % 2), 150 + 90 * i)) for i, text in enumerate(texts)]


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (25, 0.8), (180, 0.6), (-90, 0.7)])
def test_a_turned_photo_is_laid_over_the_other(degrees: float, scale: float) -> None:
    there = [(text, turned(quad, degrees, scale, (30, -20))) for text, quad in laid()]
    found = by_lines(reading(there), reading(laid()), SIDE)
    assert found is not None
    assert found.inliers == len(TEXTS)
    assert found.homography is not None
    moved = np.column_stack([found.query_xy, np.ones(len(TEXTS))]) @ found.homography.T
    assert np.abs(moved[:, :2] / moved[:, 2:] - found.other_xy).max() < 1.0


def test_lines_that_repeat_and_misread_ones_do_no_harm() -> None:
    foil = [(TEXTS[i % 3], row(TEXTS[i % 3], 100 + 330 * (i % 3), 80 + 100 * (i // 3))) for i in range(12)]
    there = [(text, turned(quad, 12, 0.9, (0, 25))) for text, quad in foil]
    there[4] = ("Each tabIet c0ntains", there[4][1])
    found = by_lines(reading(there), reading(foil), SIDE)
    assert found is not None
    assert found.inliers >= 10


def test_few_common_lines_and_lines_that_lie_elsewhere_align_nothing() -> None:
    few = laid(TEXTS[: LEAST_LINES - 1])
    assert by_lines(reading(few), reading(few), SIDE) is None
    assert by_lines(reading([]), reading(laid()), SIDE) is None
    rng = np.random.default_rng(0)
    strewn = [
        (text, turned(row(text, 300, 300), float(rng.uniform(0, 360)), 0.6, tuple(rng.uniform(-250, 250, 2))))
        for text in TEXTS
    ]
    found = by_lines(reading(strewn), reading(laid()), SIDE)
    assert found is None or found.inliers < len(TEXTS)


def test_the_order_of_the_lines_changes_nothing() -> None:
    there = [(text, turned(quad, 10, 0.8, (10, 10))) for text, quad in laid()]
    one = by_lines(reading(there), reading(laid()), SIDE)
    other = by_lines(reading(there[::-1]), reading(laid()[::-1]), SIDE)
    assert one is not None
    assert other is not None
    assert one.homography is not None
    assert other.homography is not None
    assert np.allclose(one.homography, other.homography, atol=1e-6)


class Says:
    """A reader that reads one text whatever it is shown."""

    fingerprint = "says"

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, pixels: Pixels) -> Reading:
        raise AssertionError

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        return [(self.text, 0.99)] * len(crops)


def test_without_keypoints_a_pack_of_another_size_is_contradicted_at_its_place() -> None:
    photo = reading(laid((*TEXTS[:-1], "15 Tablets")))
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    verifier = PrintVerifier(Says("15 Tablets"))
    catalog = reading([(t, q) for t, q in laid() if t in TEXTS])
    found = verifier.compare(PhotoSide(photo, pixels=pixels), CatalogSide(catalog), NOWHERE)
    assert found.laid_out == len(TEXTS)
    assert ("pack", "15 Tablets", "10 Tablets") in {(f.kind, f.photo, f.catalog) for f in found.contradictions}
