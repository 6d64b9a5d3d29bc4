"""One photo or two: what the pixels say where keypoints agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import open_app
from simsearch.core.types import Pixels
from simsearch.duplicates import aligned, pixel_diff
from simsearch.duplicates.pixel_diff import SIDE, PixelPair, pixel_test, refined, thumbnail
from simsearch.duplicates.same_photo import Affine

if TYPE_CHECKING:
    from tests.conftest import Kit

WIDTH, HEIGHT = 640, 480


def moved(z: complex, t: complex = 0j) -> Affine:
    """Points x + iy go to z * (x + iy) + t."""
    return np.array([[z.real, -z.imag, t.real], [z.imag, z.real, t.imag]])


SAME = moved(1 + 0j)


def package(strength: str = "50 mg", seed: int = 3) -> Pixels:
    """A box face: ground, bars, a name and a strength."""
    rng = np.random.default_rng(seed)
    ground = cv2.resize(rng.integers(120, 200, (6, 8, 3), dtype=np.uint8), (WIDTH, HEIGHT))
    for _ in range(12):
        x, y = int(rng.integers(0, WIDTH - 90)), int(rng.integers(0, 160))
        colour = tuple(int(c) for c in rng.integers(0, 255, 3))
        cv2.rectangle(ground, (x, y), (x + 80, y + 20), colour, -1)
    cv2.putText(ground, "CALMORIN", (60, 280), cv2.FONT_HERSHEY_SIMPLEX, 3, (20, 20, 60), 8)
    cv2.putText(ground, strength, (400, 420), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (20, 20, 60), 4)
    return np.asarray(ground, np.uint8)


def encoded(pixels: NDArray[np.uint8], quality: int) -> Pixels:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def brightened(pixels: Pixels) -> Pixels:
    return np.clip(255 * (pixels / 255 * 1.25) ** 0.85, 0, 255).astype(np.uint8)


def smaller(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA), np.uint8)


def burnt(pixels: Pixels) -> Pixels:
    """Brighter, with less contrast: what was burnt out is grey then, and no longer white."""
    brighter = np.clip(pixels.astype(np.float64) * 1.25, 0, 255)
    return np.asarray(brighter.mean() + (brighter - brighter.mean()) * 0.85, np.uint8)


def grey(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def warmer(pixels: Pixels) -> Pixels:
    return np.clip(pixels * [1.12, 1.0, 0.88], 0, 255).astype(np.uint8)


Change = Callable[[Pixels], Pixels]


@pytest.mark.parametrize(
    "changed",
    [
        lambda p: p,
        lambda p: encoded(p, 35),
        brightened,
        lambda p: encoded(burnt(p), 85),
        grey,
        warmer,
        smaller,
        lambda p: encoded(brightened(smaller(p)), 60),
    ],
    ids=["nothing", "re-encoded", "brightened", "burnt", "grey", "warmer", "resized", "all"],
)
def test_a_photo_made_from_another_differs_nowhere(changed: Change) -> None:
    made = changed(package())
    test = pixel_test(thumbnail(package()), thumbnail(made), SAME)
    assert test is not None
    assert test.same


def test_a_crop_and_a_turn_are_followed_in_both_directions() -> None:
    whole = package()
    crop = whole[60:440, 100:600]
    factor = WIDTH / 500  # both are scaled to SIDE: the crop's pixels are larger
    shift = -(100 + 60j) * SIDE / 500
    for a, b, z, t in ((whole, crop, factor, shift), (crop, whole, 1 / factor, -shift / factor)):
        test = pixel_test(thumbnail(a), thumbnail(b), moved(complex(z), t))
        assert test is not None
        assert test.same
    turned = np.ascontiguousarray(np.rot90(whole))  # (x, y) -> (y, WIDTH - x), z -> -iz + i * WIDTH
    test = pixel_test(thumbnail(whole), thumbnail(turned), moved(-1j, 1j * (SIDE - 1)))
    assert test is not None
    assert test.same


def test_a_squeezed_copy_is_followed_in_both_directions() -> None:
    whole = thumbnail(package())
    square = thumbnail(np.asarray(cv2.resize(package(), (300, 300), interpolation=cv2.INTER_AREA), np.uint8))
    matrix = np.array([[SIDE / SIDE, 0.0, 0.0], [0.0, SIDE / whole.shape[0], 0.0]])
    back = np.array([[1.0, 0.0, 0.0], [0.0, whole.shape[0] / SIDE, 0.0]])
    for a, b, way in ((whole, square, matrix), (square, whole, back)):
        test = pixel_test(a, b, way)
        assert test is not None
        assert test.same


def test_a_map_that_is_off_by_pixels_is_refined() -> None:
    whole, crop = thumbnail(package()), thumbnail(package()[60:440, 100:600])
    right = moved(complex(WIDTH / 500), -(100 + 60j) * SIDE / 500)
    off = right + np.array([[0.004, -0.003, 2.5], [0.003, 0.004, -2.0]])
    before, after = pixel_test(whole, crop, off), pixel_test(whole, crop, refined(whole, crop, off))
    assert before is not None
    assert after is not None
    assert (before.same, after.same) == (False, True)
    strange = thumbnail(package(seed=8))
    assert refined(np.zeros_like(whole), strange, SAME).shape == (2, 3)  # nothing to align: the map comes back


def test_no_light_makes_one_object_of_two() -> None:
    """Two tablets of other colours, at one place on one ground, are two."""
    tablets = []
    for colour in ((235, 235, 230), (240, 215, 120), (170, 170, 168)):
        ground = np.full((HEIGHT, WIDTH, 3), 246, np.uint8)
        cv2.ellipse(ground, (320, 240), (60, 40), 0, 0, 360, colour, -1)
        for x in range(60, 600, 12):
            cv2.line(ground, (x, 400), (x, 420), (20, 20, 20), 1)
        tablets.append(thumbnail(encoded(ground, 90)))
    for a, b in ((0, 1), (1, 0), (0, 2), (2, 0), (1, 2)):
        test = pixel_test(tablets[a], tablets[b], SAME)
        assert test is not None
        assert not test.same, (a, b)


def test_another_strength_is_a_place_that_differs() -> None:
    a, b = package("50 mg"), encoded(package("75 mg"), 70)
    for test in (
        pixel_test(thumbnail(a), thumbnail(b), SAME),
        pixel_test(thumbnail(b), thumbnail(a), SAME),
    ):
        assert test is not None
        assert not test.same
        assert test.differing < 0.05
        for left, top, right, bottom in test.places[0]:
            assert 400 / WIDTH - 0.03 < left < right < 480 / WIDTH + 0.03  # the two digits
            assert 370 / HEIGHT < top < bottom < 430 / HEIGHT


def test_what_several_questions_need_of_two_photos_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counting(name: str) -> Callable[..., Any]:
        whole = getattr(aligned, name)

        def counted(*args: Any) -> Any:
            made.append(name)
            return whole(*args)

        return counted

    for name in ("_warped", "allowed"):
        monkeypatch.setattr(aligned, name, counting(name))
    pair = PixelPair(thumbnail(package()), thumbnail(brightened(package())))
    turned = moved(0.999 + 0.001j)
    assert not pair.in_one_light(SAME)
    assert not pair.in_one_light(turned)
    test = pair.test(SAME)
    assert test is not None
    assert test.same
    assert sorted(made) == ["_warped", "_warped", "allowed"]


def test_a_large_place_of_another_colour_ends_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []

    def counted(here: Pixels, there: Pixels, y: int, x: int) -> NDArray[np.uint16]:
        asked.append((y, x))
        return whole(here, there, y, x)

    whole = aligned.missed
    monkeypatch.setattr(pixel_diff, "missed", counted)
    other = package()
    other[300:400, 60:200], other[300:400, 220:360] = (250, 30, 30), (30, 30, 250)
    test = pixel_test(thumbnail(package()), thumbnail(other), SAME)
    assert test is not None
    assert not test.same
    assert set(asked) == {(1, 1)}, "a pixel beside makes no surface another one"


def test_a_photo_is_brought_to_a_frame_with_what_it_covers() -> None:
    pixels = thumbnail(package())
    height, width = pixels.shape[:2]
    matrix = moved(0.98 + 0.1j, 12 - 7j)
    warped, inside = aligned._warped(pixels, (height, width), matrix)
    expected = cv2.warpAffine(pixels, matrix, (width, height))
    assert np.abs(warped[inside].astype(int) - expected[inside].astype(int)).max() <= 1
    covered = cv2.warpAffine(np.ones((height, width), np.uint8), matrix, (width, height))
    rim = cv2.erode(covered, np.ones((9, 9), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    assert np.count_nonzero(inside != (rim > 0)) < 0.002 * inside.size


def test_another_picture_differs_all_over_and_what_lies_elsewhere_says_nothing() -> None:
    a, b = thumbnail(package()), thumbnail(package(seed=8))
    test = pixel_test(a, b, SAME)
    assert test is not None
    assert test.differing > 0.1
    assert pixel_test(a, b, moved(1 + 0j, complex(SIDE - 10))) is None  # a strip of ten pixels in common
    flat = np.full((240, 320, 3), 128, np.uint8)
    same = pixel_test(flat, flat, SAME)
    assert same is not None
    assert same.same


def test_the_catalog_is_told_of_the_place_and_without_the_file_by_keypoints(kit: Kit, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    for sku, pixels in (("fifty", package()), ("copy", encoded(package(), 50)), ("seventyfive", package("75 mg"))):
        (folder / sku).mkdir(parents=True)
        cv2.imwrite(str(folder / sku / "front.png"), pixels)
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([folder])
        found = app.find_duplicates(threshold=0.0)
        pairs = {frozenset((p.a.sku, p.b.sku)): p for g in found.groups for p in g.pairs}
        assert {pair: p.kind for pair, p in pairs.items()} == {frozenset(("fifty", "copy")): "same-photo"}
        other = next(p for p in found.look_alikes if "seventyfive" in {p.a.sku, p.b.sku})
        assert other.reason.startswith("another print; one photo but for ")
        assert other.places is not None
        (folder / "seventyfive" / "front.png").unlink()
        groups = app.duplicates(threshold=0.0)
        gone = [p for g in groups for p in g.pairs if "seventyfive" in {p.a.sku, p.b.sku}]
        assert "same-photo" in {p.kind for p in gone}
        assert {p.places for p in gone} == {None}


def test_a_banner_at_the_rim_is_shown_and_does_not_part_them(kit: Kit, tmp_path: Path) -> None:
    framed = cv2.copyMakeBorder(package(), 60, 60, 60, 60, cv2.BORDER_CONSTANT, value=(230, 230, 230))
    banner = framed.copy()
    banner[-40:] = (30, 90, 160)
    for sku, pixels in (("plain", framed), ("banner", banner)):
        (tmp_path / "shop" / sku).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "shop" / sku / "front.png"), pixels)
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([tmp_path / "shop"])
        [[pair]] = [g.pairs for g in app.duplicates(threshold=0.0)]
        assert (pair.kind, pair.places is not None) == ("same-product", True)
        assert "compare what is printed there" in pair.reason
