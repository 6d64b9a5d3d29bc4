"""One row of a table: its fields, its SKU, and where its photo is."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.ingest.reading import listed, put, read, refused


def test_relative_paths_stay_under_the_table_and_absolute_ones_do_not(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    (tmp_path / "secret.jpg").touch()
    (folder / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    absolute = tmp_path / "secret.jpg"
    rows = ["../secret.jpg", "a/../../secret.jpg", "link.jpg", str(absolute), "a/../b.jpg", "loop.jpg", "y" * 300]
    source = read(folder, "sku,image\n" + "".join(f"A,{row}\n" for row in rows))
    assert [row.image for row in source.rows] == rows[3:]
    assert source.rows[0].path == str(absolute)
    assert [r.code for r in source.refusals] == ["outside_root"] * 3


def test_a_path_that_leaves_the_folder_is_told_the_way_out(tmp_path: Path) -> None:
    source = read(tmp_path, "sku,image\nA,../a.jpg\nB,..\\b.jpg\n")
    assert refused(source) == [
        f"outside_root line {line}: {image} leaves the folder of the table; copy the photo into it, or give its "
        "absolute path"
        for line, image in ((2, "../a.jpg"), (3, "..\\b.jpg"))
    ]


def test_backslashes_are_read_as_slashes_unless_the_file_has_them(tmp_path: Path) -> None:
    put(tmp_path, "photos/a.jpg", "odd\\name.jpg")
    source = read(tmp_path, "sku,image\nA,photos\\a.jpg\nB,odd\\name.jpg\nC,.\\photos\\none.jpg\n")
    assert [Path(row.path).relative_to(tmp_path).as_posix() for row in source.rows] == [
        "photos/a.jpg", "odd\\name.jpg", "photos/none.jpg",
    ]  # fmt: skip


@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("written", ["NFC", "NFD"])
def test_names_of_photos_are_found_in_any_unicode_form(tmp_path: Path, stored: str, written: str) -> None:
    name = unicodedata.normalize(stored, "Añejo/é.jpg")  # type: ignore[arg-type]
    put(tmp_path, name)
    [row] = read(tmp_path, f"sku,image\nA,{unicodedata.normalize(written, name)}\n").rows  # type: ignore[arg-type]
    assert row.path == str(tmp_path / name)


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("C:\\photos\\1.jpg", "path of Windows"), ("d:/photos/1.jpg", "path of Windows"),
        ("\\\\server\\share\\1.jpg", "path of Windows"), ("//server/share/1.jpg", "path of Windows"),
        ("https://shop.example/1.jpg", "web address"), ("HTTP://x/1.jpg", "web address"),
        ("s3://bucket/1.jpg", "web address"), ("file:///photos/1.jpg", "web address"),
        ("data:image/png;base64,AAAA", "web address"),
    ],
)  # fmt: skip
def test_paths_of_other_machines_are_named(tmp_path: Path, image: str, kind: str) -> None:
    source = read(tmp_path, f'sku,image\nA,"{image}"\n')
    [message] = refused(source)
    assert f"is a {kind}; copy the photo beside the table" in message
    assert source.refusals[0].path == ""  # it may stand for any photo of the source: none may retire for it


def test_a_file_that_is_named_like_a_drive_is_a_file(tmp_path: Path) -> None:
    put(tmp_path, "C:/photo.jpg")
    assert listed(read(tmp_path, "sku,image\nA,C:/photo.jpg\n")) == [("A", "C:/photo.jpg")]


@pytest.mark.parametrize("column", ["name", "strength", "form", "manufacturer", "image"])
@pytest.mark.parametrize("value", ["#REF!", "#N/A", "#NAME?", "#######"])
def test_error_values_are_no_words_to_tell_people(tmp_path: Path, column: str, value: str) -> None:
    row = {"sku": "A", "image": "a.jpg", column: value}
    [message] = refused(read(tmp_path, ",".join(row) + "\n" + ",".join(row.values()) + "\n"))
    assert message == f"bad_row line 2: {column!r} is {value!r}: the error value of a spreadsheet; repair the cell"


@pytest.mark.parametrize("value", ["nan", "NaN", "NULL", "None", "N/A", "<NA>", "NA"])
def test_a_word_for_an_empty_cell_is_an_empty_cell(tmp_path: Path, value: str) -> None:
    [row] = read(tmp_path, f"sku,image,name,strength,surface,atc\nA,a.jpg,{value},{value},{value},{value}\n").rows
    assert (row.name, row.strength, row.surface, row.attributes) == ("", "", "", {})
    assert refused(read(tmp_path, f"sku,image\nA,{value}\n")) == []


def test_a_sku_is_one_in_every_unicode_form_and_with_marks_around_it(tmp_path: Path) -> None:
    skus = ["Añejo", unicodedata.normalize("NFD", "Añejo"), "\ufeffAñejo", " \xa0Añejo\u200b ", "Añejo\u200e"]
    source = read(tmp_path, "sku,image\n" + "".join(f"{sku},{i}.jpg\n" for i, sku in enumerate(skus)))
    assert {row.sku for row in source.rows} == {"Añejo"}
    assert len(source.rows) == len(skus)
