"""The picture of a strategy: what each part of it does, alone and in every view."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsearch.training.augment import NONE, PARTS, strategy, view
from simsearch.training.augment_sheet import draw_strategy, part_alone, strengths

PHOTO = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_alone_does_its_work_in_every_view_and_nothing_else(part: str) -> None:
    alone = part_alone(strategy("phone"), part)
    moved = {f.name for f in fields(alone) if getattr(alone, f.name) != getattr(NONE, f.name)}
    assert moved <= set(PARTS[part]) | ({"scale_low", "scale_high"} if part == "background" else set())
    assert all(getattr(alone, n) == 1.0 for n in PARTS[part] if n.endswith("_share") and n != "upright_share")
    still = view(PHOTO, NONE, (96, 96), np.random.default_rng(0)).astype(int)
    views = [view(PHOTO, alone, (96, 96), np.random.default_rng(s)) for s in range(3)]
    assert max(np.abs(v - still).mean() for v in views) > 0.5
    assert strengths(strategy("phone"), part)


def test_a_part_that_is_off_is_told_so() -> None:
    assert all(part_alone(NONE, part) == NONE and strengths(NONE, part) == [] for part in PARTS)
    assert strengths(strategy("mild"), "occlusion") == []
    upright = replace(NONE, rotation=180.0, upright_share=1.0)
    assert strengths(upright, "geometry") == []


def test_the_picture_is_a_function_of_the_seed(tmp_path: Path) -> None:
    pictures = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        draw_strategy(tmp_path / name, [("photo", PHOTO)], strategy("phone"), "phone", views=2, seed=seed)
        with Image.open(tmp_path / name) as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] != pictures[2]).any()
    assert pictures[0].shape[0] > 2.5 * pictures[0].shape[1]  # twelve rows of three cells and a label
