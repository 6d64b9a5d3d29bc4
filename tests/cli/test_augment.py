"""`simsearch augmentations`: the picture of a strategy."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from simsearch.training.augment import strategy

if TYPE_CHECKING:
    from tests.conftest import Run

PHOTO = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))


def test_the_command_draws_a_config_on_photos(run: Run, tmp_path: Path) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    (tmp_path / "x.toml").write_text('seed = 1\n[augment]\nstrategy = "pills"\nrotation = 10.0\n', encoding="utf-8")
    out = tmp_path / "out.png"
    arguments = (tmp_path / "a.png", "--config", tmp_path / "x.toml", "--views", "1", "--out", out)
    [said] = run("augmentations", *arguments, "--json").objects
    assert said["picture"] == str(out)
    assert said["strengths"] == asdict(replace(strategy("pills"), rotation=10.0))
    with Image.open(out) as picture:
        assert picture.size[0] > 300


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--strategy", "fone"], 2, "--strategy: there is no augmentation strategy 'fone'; known: phone, mild"),
        (["--strategy", "mild", "--config", "x.toml"], 2, "not both"),
        (["--config", "missing.toml"], 2, "missing.toml: there is no such file"),
        (["missing.jpg"], 3, "missing.jpg"),
        (["--views", "1", "--out", "no/such/folder.png"], 2, "cannot be written"),
    ],
)
def test_a_call_that_cannot_be_meant_is_one_line(
    arguments: list[str], code: int, words: str, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert words in run("augmentations", *arguments).error(code)
