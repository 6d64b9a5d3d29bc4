"""`simsearch augmentations`: the picture of a strategy or of a training config."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from simsearch.cli import main as cli
from simsearch.training.augment import strategy

PHOTO = np.kron(np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8), np.ones((20, 20, 1), np.uint8))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["simsearch", "augmentations", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_command_draws_a_config_on_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(PHOTO).save(tmp_path / "a.png")
    (tmp_path / "x.toml").write_text('seed = 1\n[augment]\nstrategy = "pills"\nrotation = 10.0\n', encoding="utf-8")
    out = tmp_path / "out.png"
    arguments = (tmp_path / "a.png", "--config", tmp_path / "x.toml", "--views", "1", "--out", out)
    assert run(monkeypatch, *arguments, "--json") == 0
    said = json.loads(capsys.readouterr().out)
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
    arguments: list[str],
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 1
