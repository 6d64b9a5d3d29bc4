"""Sources that moved or vanished: named, let go of when asked, and never by themselves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch import open_app
from simsearch.app import App
from simsearch.core.errors import SourceError

if TYPE_CHECKING:
    from tests.conftest import Kit, Run


def paint(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(values).resize((80, 60), Pillow.Resampling.NEAREST).save(path)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder of three products."""
    for number in range(3):
        paint(tmp_path / f"old/P{number}/front.png", number)
    return tmp_path / "old"


@pytest.fixture
def app(tmp_path: Path, kit: Kit) -> Iterator[App]:
    with open_app(tmp_path / "home", kit.config) as app:
        yield app


def images(app: App) -> int:
    return app.status().counts["images_ok"]


def test_a_source_that_moved_is_named_and_let_go_of(app: App, old: Path, tmp_path: Path) -> None:
    app.index([old], rebuild=True)
    assert app.status().sources_gone == {}
    new = old.rename(tmp_path / "new")
    app.index([new], prune=True)
    assert images(app) == 6
    assert app.status().sources_gone == {str(old): 3}
    report = app.index([], forget=[old])
    assert (report.added, report.retired, images(app)) == (0, 3, 3)
    assert app.status().sources_gone == {}
    assert {Path(k.path).parts[-3] for k in app.catalog.images.known([])} == {"new"}


def test_the_new_place_is_read_before_the_old_one_is_let_go_of(app: App, old: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("sku,image\n" + "".join(f"P{n},old/P{n}/front.png\n" for n in range(2)), encoding="utf-8")
    app.index([old], rebuild=False)
    report = app.index([table], forget=[old], rebuild=False)
    assert (report.unchanged, report.retired, images(app)) == (2, 1, 2)  # the table lists the same two files


def test_photos_that_are_all_gone_from_a_source_that_is_there(app: App, old: Path, tmp_path: Path) -> None:
    table = old.parent / "table.csv"
    table.write_text("sku,image\nA,old/P0/front.png\nB,old/P1/front.png\n", encoding="utf-8")
    app.index([table], rebuild=False)
    (old / "P0/front.png").unlink()
    assert app.status().sources_gone == {}
    (old / "P1/front.png").unlink()
    assert app.status().sources_gone == {str(table): 2}


@pytest.mark.parametrize("spelled", ["{}", "{}/", "{}/../old", "link"])
def test_ways_to_name_a_source(
    app: App, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelled: str
) -> None:
    (tmp_path / "link").symlink_to(old)
    app.index([old], rebuild=False)
    monkeypatch.chdir(tmp_path)
    assert app.index([], forget=[spelled.format("old")], rebuild=False).retired == 3


def test_refused_rows_of_a_source_are_let_go_of_too(app: App, old: Path) -> None:
    table = old / "table.csv"
    table.write_text("sku,image\n,P0/front.png\n", encoding="utf-8")
    app.index([old, table], rebuild=False)
    table.unlink()
    assert app.status().sources_gone == {str(table): 0}
    app.index([], forget=[table], rebuild=False)
    assert (app.status().sources_gone, app.refused(), images(app)) == ({}, [], 3)


def test_a_source_that_nobody_knows(app: App, old: Path, tmp_path: Path) -> None:
    app.index([old], rebuild=False)
    with pytest.raises(SourceError) as caught:
        app.index([], forget=[tmp_path / "other"])
    assert str(caught.value) == f"{tmp_path}/other: nothing in the catalog came from there; its sources: {old}"


def test_a_source_left_without_a_photo_goes_only_if_asked_to(app: App, old: Path) -> None:
    app.index([old], rebuild=False)
    for number in range(3):
        shutil.rmtree(old / f"P{number}")
    for ask in (lambda: app.index([old]), lambda: app.nightly([old])):
        with pytest.raises(SourceError, match="holds no photos"):
            ask()
    with pytest.raises(SourceError, match="3 of 3 images are no longer listed"):
        app.index([old], prune=True)
    assert images(app) == 3
    assert app.index([old], prune_all=True).retired == 3
    with pytest.raises(SourceError, match="holds no photos"):
        app.index([old], prune_all=True)  # nothing is left of it to take out


def test_a_table_left_without_a_row_can_be_emptied(app: App, old: Path) -> None:
    table = old / "table.csv"
    table.write_text("sku,image\nA,P0/front.png\n", encoding="utf-8")
    app.index([table], rebuild=False)
    table.write_text("sku,image\n", encoding="utf-8")
    with pytest.raises(SourceError, match="holds no rows"):
        app.index([table], rebuild=False)
    assert app.index([table], prune=True, rebuild=False).retired == 1  # one image may always go


def test_the_command_line_names_it_and_the_way_out(on: Run, old: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    on(home, "index", old)
    old.rename(tmp_path / "new")
    said = on(home, "status").out
    assert f"gone         {old}, or every photo of it: 3 images" in said
    assert f"`simsearch index --forget-source {old}`" in said
    [status] = on(home, "status", "--json").objects
    assert status["sources_gone"] == [{"source": str(old), "images": 3}]
    assert "no such file" in on(home, "index", "--prune", old).error(4)
    assert "give a SOURCE" in on(home, "index").error(2)
    done = on(home, "index", "--forget-source", old, tmp_path / "new")
    assert (done.code, "3 added" in done.out, "3 retired" in done.out) == (0, True, True)
    assert "gone " not in on(home, "status").out
    assert "no catalog" in on(tmp_path / "none", "index", "--forget-source", old).error(5)
