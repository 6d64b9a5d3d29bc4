"""The augmentation: a function of its seed; each part does something, and nothing at strength 0."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError
from simsearch.core.types import Pixels
from simsearch.features.network.frames import framed
from simsearch.training.augment import PARTS, STRATEGIES, AugmentSettings, strategy, view, with_strategy

OFF = AugmentSettings(
    **{f.name: 1.0 if f.name.startswith(("scale", "upright")) else 0.0 for f in fields(AugmentSettings)}
)
CHANGES = {
    "rotation": {"rotation": 90.0, "upright_share": 0.0},
    "scale": {"scale_low": 0.5, "scale_high": 0.6},
    "stretch": {"stretch": 0.5},
    "shift": {"shift": 0.3},
    "perspective": {"perspective": 0.2},
    "background": {"background_share": 1.0, "scale_low": 0.5, "scale_high": 0.5},
    "brightness": {"brightness": 0.5},
    "contrast": {"contrast": 0.5},
    "colour": {"colour": 0.5},
    "saturation": {"saturation": 0.8},
    "light": {"light_share": 1.0},
    "glare": {"glare_share": 1.0},
    "blur": {"blur_share": 1.0},
    "noise": {"noise_share": 1.0},
    "occlusion": {"occlusion_share": 1.0},
    "jpeg": {"jpeg_share": 1.0},
}


def package(width: int = 160, height: int = 120, seed: int = 0) -> Pixels:
    """A box with bars and a disc on a plain ground."""
    rng = np.random.default_rng(seed)
    out = np.full((height, width, 3), 215, np.uint8)
    cv2.rectangle(out, (width // 10, height // 10), (width * 9 // 10, height * 9 // 10), (70, 120, 200), -1)
    for _ in range(4):
        x, y = int(rng.integers(width * 3 // 4)), int(rng.integers(height * 3 // 4))
        colour = tuple(int(c) for c in rng.integers(0, 255, 3))
        cv2.rectangle(out, (x, y), (x + width // 5, y + height // 8), colour, -1)
    cv2.circle(out, (width // 2, height // 2), max(1, height // 6), (230, 60, 50), -1)
    return out


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def difference(a: Pixels, b: Pixels) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


def test_is_a_function_of_the_seed() -> None:
    photo, other = package(), package(seed=1)
    before = photo.copy()
    one, same, another = (view(photo, AugmentSettings(), (96, 96), rng(s), other) for s in (3, 3, 4))
    assert (one == same).all()
    assert (one != another).any()
    assert (photo == before).all()
    assert (other == package(seed=1)).all()


@pytest.mark.parametrize(("width", "height"), [(160, 120), (100, 300), (48, 48)])
def test_strength_zero_is_the_plain_picture(width: int, height: int) -> None:
    photo = package(width, height)
    assert difference(view(photo, OFF, (96, 96), rng()), framed(photo, (96, 96))) < 6


def test_no_two_seeds_differ_at_strength_zero() -> None:
    assert (view(package(), OFF, (96, 96), rng(1)) == view(package(), OFF, (96, 96), rng(2))).all()


@pytest.mark.parametrize("part", CHANGES)
def test_each_part_changes_the_picture(part: str) -> None:
    photo, still = package(), view(package(), OFF, (96, 96), rng())
    changed = [view(photo, replace(OFF, **CHANGES[part]), (96, 96), rng(s), package(seed=9)) for s in range(4)]
    assert max(difference(c, still) for c in changed) > 1.0
    assert difference(changed[0], changed[1]) > 0.2


def test_every_setting_is_changed_by_a_test() -> None:
    assert {name for part in CHANGES.values() for name in part} == {f.name for f in fields(AugmentSettings)}


def test_rotation_is_what_it_says() -> None:
    photo = package(100, 100)
    turned = [view(photo, replace(OFF, rotation=180.0, upright_share=0.0), (100, 100), rng(s)) for s in range(40)]
    # Some of the views come near a quarter turn either way, which the settings allow.
    assert min(difference(t, np.rot90(photo)) for t in turned) < min(25.0, difference(photo, np.rot90(photo)))
    upright = view(photo, replace(OFF, rotation=180.0, upright_share=1.0), (100, 100), rng(5))
    assert difference(upright, photo) < 6


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(32, 80), st.integers(0, 1000), st.booleans())
def test_any_photo_gives_a_full_view(width: int, height: int, size: int, seed: int, behind: bool) -> None:
    photo = rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    out = view(photo, AugmentSettings(), (size, size), rng(seed), photo if behind else None)
    assert out.shape == (size, size, 3)
    assert out.dtype == np.uint8


def test_perspective_never_folds_a_thin_package() -> None:
    # A blister strip, dark on white: folded over, it would show as two dark triangles, far from convex.
    strip = np.full((40, 400, 3), 255, np.uint8)
    strip[2:-2, 2:-2] = 20
    for seed in range(60):
        out = view(strip, replace(OFF, perspective=0.4, scale_low=0.7, scale_high=0.7), (128, 128), rng(seed))
        dark = (out[:, :, 0] < 128).astype(np.uint8)
        contours, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        outline = max(contours, key=cv2.contourArea)
        hull = cv2.contourArea(cv2.convexHull(outline))
        assert cv2.contourArea(outline) > 0.85 * hull


def test_the_backdrop_shows_around_the_package() -> None:
    photo, red = package(), np.zeros((90, 90, 3), np.uint8)
    red[:] = (255, 0, 0)
    alone = replace(OFF, background_share=1.0, scale_low=0.5, scale_high=0.5)
    corners = {tuple(view(photo, alone, (64, 64), rng(s), red)[0, 0].tolist()) for s in range(30)}
    assert (255, 0, 0) in corners
    assert len(corners) > 5


def test_scales_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="scale_low"):
        AugmentSettings(scale_low=1.2, scale_high=1.0)


# -- strategies ------------------------------------------------------------------------------------------------------

PHOTO = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))


def test_the_default_is_phone_and_none_changes_nothing() -> None:
    assert strategy("phone") == AugmentSettings()
    views = [view(PHOTO, strategy("none"), (96, 96), np.random.default_rng(s)) for s in range(3)]
    assert all((v == views[0]).all() for v in views)


def test_every_strength_belongs_to_one_part() -> None:
    listed = [name for names in PARTS.values() for name in names]
    assert sorted(listed) == sorted(f.name for f in fields(AugmentSettings))


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_is_within_the_bounds_of_its_settings(name: str) -> None:
    assert parse_settings(AugmentSettings, asdict(strategy(name)), where=name) == strategy(name)


def test_a_config_names_a_strategy_and_changes_single_strengths() -> None:
    tables = with_strategy({"seed": 3, "augment": {"strategy": "mild", "rotation": 90.0}}, where="x.toml")
    assert tables["seed"] == 3
    assert AugmentSettings(**tables["augment"]) == replace(strategy("mild"), rotation=90.0)
    assert with_strategy({"augment": {"rotation": 1.0}}, where="x.toml") == {"augment": {"rotation": 1.0}}
    assert with_strategy({"seed": 1}, where="x.toml") == {"seed": 1}


@pytest.mark.parametrize("name", ["fone", "", 3])
def test_an_unknown_strategy_is_named_with_the_file(name: Any) -> None:
    with pytest.raises(ConfigError, match=rf"x\.toml: augment\.strategy: .*'{name}'; known: phone, mild, pills, none"):
        with_strategy({"augment": {"strategy": name}}, where="x.toml")
