"""What its source no longer lists is retired; what is only refused stays, and never too much goes at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch import open_app
from simsearch.app import App
from simsearch.core.errors import SourceError
from simsearch.ingest.retirement import Gone, check_share

PHOTOS = ("A/1.png", "A/2.png", "B/1.png", "C/deep/1.png", "CD/1.png", "E/1.png")
HEAD = "sku,image,surface\n"


def paint(path: Path, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(values).resize((80, 60), Pillow.Resampling.NEAREST).save(path)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    for number, name in enumerate(PHOTOS):
        paint(tmp_path / "shop" / name, number)
    return tmp_path / "shop"


@pytest.fixture
def app(tmp_path: Path, kit: object) -> Iterator[App]:
    with open_app(tmp_path / "home", kit.config) as app:  # type: ignore[attr-defined]
        yield app


def rows(*names: str, surface: str = "") -> str:
    return "".join(f"{name[0]},{name},{surface}\n" for name in names)


@pytest.fixture
def table(shop: Path, app: App) -> Path:
    """A table of all photos, indexed."""
    path = shop / "table.csv"
    path.write_text(HEAD + rows(*PHOTOS), encoding="utf-8")
    app.index([path], rebuild=False)
    return path


def left(app: App) -> set[str]:
    return {Path(k.path).relative_to(app.home.parent / "shop").as_posix() for k in app.catalog.images.known([])}


def test_a_refused_row_keeps_its_photo(app: App, table: Path) -> None:
    table.write_text(HEAD + rows(*PHOTOS[:4]) + rows(PHOTOS[4], surface="bakc"), encoding="utf-8")
    report = app.index([table], prune=True, rebuild=False)
    assert (report.retired, report.kept, report.refused) == (1, 1, 1)
    assert left(app) == {*PHOTOS[:5]}


@pytest.mark.parametrize(
    "row",
    ["B,,\n", "B,B/1.png,,more\n", 'B,"B/1.png,\n', "B,B/1\x07.png,\n", '"B"x,B/1.png,\n', "B," + "b" * 10_001 + ",\n"],
    ids=["empty", "too many fields", "open quote", "control character", "quote", "too long"],
)
def test_a_row_that_names_no_photo_may_stand_for_any(app: App, table: Path, row: str) -> None:
    table.write_text(HEAD + rows(*PHOTOS[:2]) + row, encoding="utf-8")
    report = app.index([table], prune_all=True, rebuild=False)
    assert (report.retired, report.kept, report.refused) == (0, 4, 1)
    assert left(app) == {*PHOTOS}


def test_only_the_source_of_such_a_row_is_left_alone(app: App, table: Path, shop: Path) -> None:
    other = shop / "other.csv"
    other.write_text(HEAD + rows(*PHOTOS[:2]), encoding="utf-8")
    app.index([other], rebuild=False)  # these two belong to it now
    other.write_text(HEAD + rows(PHOTOS[0]), encoding="utf-8")
    table.write_text(HEAD + rows(*PHOTOS[2:4]) + "E,,\n", encoding="utf-8")
    report = app.index([table, other], prune=True, rebuild=False)
    assert (report.retired, report.kept) == (1, 2)
    assert left(app) == {*PHOTOS} - {"A/2.png"}


@pytest.mark.parametrize("field", ['"sku": ["B"]', '"sku": "B", "surface": "bakc"', '"name": "b"', '"sku": "\\ud800"'])
def test_a_refused_record_of_jsonl_keeps_its_photo(app: App, shop: Path, field: str) -> None:
    path = shop / "table.jsonl"
    lines = [f'{{"sku": "{name[0]}", "image": "{name}"}}\n' for name in PHOTOS]
    path.write_text("".join(lines), encoding="utf-8")
    app.index([path], rebuild=False)
    path.write_text("".join(lines[:2]) + f'{{{field}, "image": "./B/1.png"}}\n', encoding="utf-8")
    report = app.index([path], prune_all=True, rebuild=False)
    assert (report.retired, report.kept) == (3, 1)
    assert left(app) == {*PHOTOS[:3]}


def unlistable(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """`folder` cannot be listed, for root neither."""
    real = os.scandir

    def scandir(path: str) -> object:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.parametrize("folder", ["C", "C/deep"])
def test_a_folder_that_cannot_be_listed_keeps_its_photos(
    app: App, shop: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    app.index([shop], rebuild=False)
    (shop / "CD/1.png").unlink()  # beside C, and not in it
    unlistable(monkeypatch, shop / folder)
    report = app.index([shop], prune=True, rebuild=False)
    assert [r.code for r in report.refusals] == ["missing"]
    assert (report.retired, report.kept) == (1, 1)
    assert left(app) == {*PHOTOS} - {"CD/1.png"}


def test_a_link_that_was_turned_away_keeps_its_photo(app: App, shop: Path, tmp_path: Path) -> None:
    app.index([shop], rebuild=False)
    (shop / "B/1.png").rename(tmp_path / "1.png")
    (shop / "B/1.png").symlink_to(tmp_path / "1.png")
    report = app.index([shop], prune=True, rebuild=False)
    assert ([r.code for r in report.refusals], report.retired, report.kept) == (["outside_root"], 0, 1)
    assert left(app) == {*PHOTOS}


def test_the_night_keeps_what_is_refused_and_says_so(app: App, table: Path) -> None:
    app.nightly([table])
    table.write_text(HEAD + rows(*PHOTOS[:4]) + rows(PHOTOS[4], surface="bakc"), encoding="utf-8")
    report = app.nightly([table])
    assert (report.changes["retired"], report.changes["kept"]) == (1, 1)
    assert left(app) == {*PHOTOS[:5]}
    table.write_text(HEAD + rows(*PHOTOS[:3]) + "E,,\n", encoding="utf-8")  # suddenly half empty, and one row is vague
    assert app.nightly([table]).changes["kept"] == 2
    assert left(app) == {*PHOTOS[:5]}


def test_prune_stops_where_a_night_would(app: App, table: Path) -> None:
    table.write_text(HEAD + rows(*PHOTOS[:3]) + rows("new.png"), encoding="utf-8")
    paint(table.parent / "new.png", 50)
    with pytest.raises(SourceError) as caught:
        app.index([table], prune=True, rebuild=False)
    assert str(caught.value) == (
        f"3 of 6 images are no longer listed by {table}: more than nightly.retire_share = 0.2; is everything mounted? "
        "If they are to go, run `simsearch index --prune-all` on these sources once"
    )
    assert left(app) == {*PHOTOS}  # nothing was changed, nothing added
    assert app.index([table], prune_all=True, rebuild=False).retired == 3
    assert left(app) == {*PHOTOS[:3], "new.png"}


@pytest.mark.parametrize(
    ("gone", "known", "share", "sound"),
    [(1, 2, 0.0, True), (2, 9, 0.0, False), (2, 10, 0.2, True), (3, 10, 0.2, False), (9, 9, 1.0, True)],
)
def test_one_image_may_always_go(gone: int, known: int, share: float, sound: bool) -> None:
    found = Gone(tuple(range(gone)), 0, known)
    if sound:
        check_share(found, share, [])
    else:
        with pytest.raises(SourceError, match=f"{gone} of {known} images are no longer listed"):
            check_share(found, share, [])
