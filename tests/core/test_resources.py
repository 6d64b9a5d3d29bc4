"""Files that are not code are found beside a checkout and inside an installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.core import resources
from simsearch.core.errors import SimsearchError


def test_a_checkout_has_them_beside_the_package() -> None:
    assert (resources.resource_dir("configs") / "default.toml").is_file()


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "PACKAGE", tmp_path / "simsearch")
    (tmp_path / "configs").mkdir()  # of another project
    with pytest.raises(SimsearchError, match="the folder 'configs' of simsearch is missing"):
        resources.resource_dir("configs")
    (tmp_path / "simsearch/configs").mkdir(parents=True)
    assert resources.resource_dir("configs") == tmp_path / "simsearch/configs"
