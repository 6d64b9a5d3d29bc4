"""Maps through a photo that others were made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import open_app
from simsearch.duplicates import photo_check
from simsearch.duplicates.alignment import best_alignment
from simsearch.duplicates.copies import MOST, Copies, Detail
from simsearch.duplicates.same_photo import Affine, Placement, moved
from simsearch.duplicates.thumbnails import GRID
from tests.duplicates.test_overlays import tablet, watermarked
from tests.duplicates.test_pixel_diff import burnt, encoded, package

if TYPE_CHECKING:
    from tests.conftest import Kit


def placed(*rows: tuple[float, float, float]) -> Placement:
    return Placement(np.array(rows, np.float64), 0.0, 0.0)


CROP = placed((1.25, 0.0, -40.0), (0.0, 1.25, -20.0))
SQUARE = placed((1.0, 0.0, 0.0), (0.0, 2.0, 0.0))
POINTS = np.array([[100.0, 50.0], [200.0, 120.0]])


def goes(matrix: Affine) -> list[list[float]]:
    found: list[list[float]] = moved(matrix, POINTS).round(6).tolist()
    return found


FRAMES = np.array([[512.0, 384.0]] * 60)


def copies(edges: Mapping[tuple[int, int], Placement], frames: NDArray[np.float64] = FRAMES) -> Copies:
    found = Copies(frames)
    for pair, edge in edges.items():
        found.add(pair, edge)
    return found


def test_a_crop_lies_in_a_squeezed_copy_by_way_of_the_photo() -> None:
    frames = FRAMES.copy()
    frames[2] = 512.0, 768.0
    found = copies({(0, 1): CROP, (0, 2): SQUARE}, frames)
    [one] = found.joined()
    assert one.pair == (1, 2)
    in_crop = moved(CROP.matrix, POINTS)
    assert moved(one.placed.matrix, in_crop).round(6).tolist() == goes(SQUARE.matrix)
    assert one.settled  # the photo shows all of the crop
    assert one.around == 0
    assert found.roots((1, 2)) is None, "the photo stands for both"
    assert found.roots((1, 7)) == (0, 7)


def test_what_a_crop_does_not_show_two_photos_may_differ_in() -> None:
    """Photos 1 and 2 agree with a crop of both; the strength may stand outside of it."""
    found = copies({(1, 5): CROP, (2, 5): CROP})
    [one] = found.joined()
    assert (one.pair, one.settled) == ((1, 2), False)
    assert one.around > 0.2, "the two may have more of one scene around the crop"


def test_photos_that_share_a_small_crop_alone_are_not_two_frames_around_it() -> None:
    small = placed((2.5, 0.0, -40.0), (0.0, 2.5, -20.0))
    [one] = copies({(1, 5): small, (2, 5): small}).joined()
    assert (one.settled, one.around) == (False, 0.0)


def test_the_copy_that_shows_most_stands_for_the_others() -> None:
    found = Copies(FRAMES)
    same = placed((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    found.add((0, 1), same, (Detail(2.0), Detail(5.0)))  # 0 is paler
    found.add((1, 2), same, (Detail(5.0), Detail(9.0)))  # 1 is smaller
    assert [found.root(k) for k in range(4)] == [2, 2, 2, 3]
    found.add(
        (2, 3), placed((1.0, 0.0, 200.0), (0.0, 1.0, 100.0)), (Detail(9.0), Detail(9.0))
    )  # two crops that overlap
    assert found.roots((0, 3)) == (2, 3), "neither shows all of the other"


def test_what_has_no_edges_need_not_be_covered() -> None:
    """The white corners of a turned copy leave the photo that it was made from."""
    turned = placed((0.9, -0.42, 100.0), (0.42, 0.9, -90.0))
    whole, inner = Detail(5.0), np.zeros((GRID, GRID), np.bool_)
    inner[5:11, 5:11] = True
    found = Copies(FRAMES)
    found.add((0, 1), turned, (whole, Detail(5.5, np.ones_like(inner))))
    assert found.roots((0, 1)) == (0, 1)
    found = Copies(FRAMES)
    found.add((0, 1), turned, (whole, Detail(5.5, inner)))
    assert found.roots((0, 1)) is None
    assert found.root(1) == 0


def test_only_pairs_of_one_set_that_are_not_joined_are_given() -> None:
    assert list(copies({(0, 1): CROP, (0, 2): SQUARE, (1, 2): SQUARE, (5, 6): CROP}).joined()) == []
    chain = copies({(0, 1): CROP, (1, 2): CROP, (2, 3): CROP})
    assert [one.pair for one in chain.joined()] == [(0, 2), (0, 3), (1, 3)]


def test_a_large_set_is_cut_off() -> None:
    star = copies({(0, k): CROP for k in range(1, 60)})
    assert len(list(star.joined())) == (MOST - 1) * (MOST - 2) / 2
    chain = copies({(k, k + 1): CROP for k in range(59)})
    assert max(one.pair[1] for one in chain.joined()) == MOST - 1


def test_copies_of_a_photo_are_one_group_and_not_all_compared(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = package()
    crop = np.ascontiguousarray(whole[40:460, 60:600])
    edited = {
        "whole": whole,
        "crop": crop,
        "square": np.asarray(cv2.resize(whole, (300, 300), interpolation=cv2.INTER_AREA), np.uint8),
        "small": np.asarray(cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8),
        "light": encoded(burnt(whole), 85),
        "turned": np.ascontiguousarray(np.rot90(whole)),
    }
    for sku, pixels in edited.items():
        (tmp_path / "shop" / sku).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "shop" / sku / "front.png"), pixels)
    compared: list[int] = []

    def counted(*args: Any, **named: Any) -> Any:
        compared.append(1)
        return best_alignment(*args, **named)

    monkeypatch.setattr(photo_check, "best_alignment", counted)
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([tmp_path / "shop"])
        [group] = app.duplicates(threshold=0.99)
    assert set(group.skus) == set(edited)
    assert {pair.kind for pair in group.pairs} == {"same-photo"}
    assert len(group.pairs) == 15
    assert len(compared) < 15
    assert all("pixels agree all over" in pair.reason for pair in group.pairs)


def put(folder: Path, edited: Mapping[str, NDArray[np.uint8]]) -> Path:
    """A shop of these photos, each of an SKU of its own."""
    for sku, pixels in edited.items():
        (folder / "shop" / sku).mkdir(parents=True)
        cv2.imwrite(str(folder / "shop" / sku / "front.png"), pixels)
    return folder / "shop"


def test_what_is_drawn_over_or_around_a_photo_keeps_its_copies_together(kit: Kit, tmp_path: Path) -> None:
    """A screenshot and a copy with a border differ in what lies around the photo, and a watermark lies over it."""
    whole = package()
    screen = np.full((640, 640, 3), 20, np.uint8)
    screen[80:560] = whole
    edited = {
        "whole": whole,
        "border": cv2.copyMakeBorder(whole, 50, 50, 50, 50, cv2.BORDER_CONSTANT, value=(255, 255, 255)),
        "screen": screen,
        "marked": watermarked(whole),
        "small": cv2.resize(whole, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "other": tablet((200, 60, 60)),
    }
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([put(tmp_path, {sku: np.asarray(pixels, np.uint8) for sku, pixels in edited.items()})])
        [group] = app.duplicates(threshold=0.9999)
    assert set(group.skus) == set(edited) - {"other"}
    over = [pair.reason for pair in group.pairs if {pair.a.sku, pair.b.sku} == {"whole", "marked"}]
    assert ["something drawn over" in reason for reason in over] == [True]


def test_mirror_images_are_looked_for_where_a_setting_says_so(kit: Kit, tmp_path: Path) -> None:
    whole = package()
    shop = put(tmp_path, {"whole": whole, "mirror": np.ascontiguousarray(whole[:, ::-1]), "other": package(seed=8)})
    config = tmp_path / "mirrored.toml"
    config.write_text(kit.config.read_text(encoding="utf-8") + "\n[duplicates]\nmirrored = true\n", encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([shop])
        assert app.duplicates(threshold=0.9999) == []
    with open_app(tmp_path / "home", config) as app:
        [group] = app.duplicates(threshold=0.9999)
    assert set(group.skus) == {"whole", "mirror"}
    assert group.pairs[0].kind == "same-photo"
    assert "one photo, mirrored" in group.pairs[0].reason
