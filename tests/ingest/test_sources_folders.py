"""Folders as sources: one sub-folder a product, loose photos by their own name."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from simsearch.core.errors import SourceError
from simsearch.ingest.sources import Source, read_source


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def listed(source: Source) -> list[tuple[str, str]]:
    return [(row.sku, row.image) for row in source.rows]


def test_a_folder_a_product(shop: Path) -> None:
    put(shop, "B2/front.jpg", "B2/back.PNG", "A1/x.webp", "loose.jpeg", "A1/deep/er/y.tif", "药盒/正面.jpg")
    source = read_source(shop)
    assert source.key == str(shop)
    assert source.refusals == []
    assert listed(source) == [
        ("A1", "A1/deep/er/y.tif"),
        ("A1", "A1/x.webp"),
        ("B2", "B2/back.PNG"),
        ("B2", "B2/front.jpg"),
        ("loose", "loose.jpeg"),
        ("药盒", "药盒/正面.jpg"),
    ]
    assert source.rows[0].path == source.rows[0].where == str(shop / "A1/deep/er/y.tif")


def test_hidden_and_other_files_are_passed_over(shop: Path) -> None:
    put(shop, "A/a.jpg", "A/.b.jpg", "A/.trash/c.jpg", ".git/d.jpg", ".e.jpg", "A/notes.txt", "A/jpg", "readme.md")
    (shop / "A" / "folder.jpg").mkdir()
    (shop / "empty").mkdir()
    assert listed(read_source(shop)) == [("A", "A/a.jpg")]


def test_a_folder_named_in_any_way_is_the_same_source(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(shop, "A/a.jpg")
    (tmp_path / "link").symlink_to(shop)
    monkeypatch.chdir(shop)
    for path in (Path(), Path("../shop"), tmp_path / "link", shop / "A" / ".."):
        assert read_source(path).key == str(shop)


def test_links_that_leave_the_folder_are_refused(shop: Path, tmp_path: Path) -> None:
    put(tmp_path, "private/secret.jpg")
    put(shop, "A/a.jpg")
    (shop / "A" / "within.jpg").symlink_to("a.jpg")
    (shop / "A" / "leaves.jpg").symlink_to(tmp_path / "private" / "secret.jpg")
    (shop / "leaves.jpg").symlink_to(tmp_path / "private" / "secret.jpg")
    (shop / "B").symlink_to(tmp_path / "private")
    (shop / "A" / "folder").symlink_to(tmp_path / "private")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg"), ("A", "A/within.jpg")]
    assert [(r.code, r.where) for r in source.refusals] == [
        ("outside_root", "A/leaves.jpg"),
        ("outside_root", "B/secret.jpg"),
        ("outside_root", "leaves.jpg"),
    ]
    assert source.refusals[0].message == f"{shop}/A/leaves.jpg: is a link that leaves {shop}"


def test_loops_of_links_end(shop: Path) -> None:
    put(shop, "A/a.jpg")
    (shop / "A" / "self").symlink_to(".")
    (shop / "A" / "up").symlink_to("..")
    (shop / "loop.jpg").symlink_to("loop.jpg")
    (shop / "gone.jpg").symlink_to("nowhere.jpg")
    # What a link does not lead to is listed: reading it will say what is wrong.
    assert listed(read_source(shop)) == [("A", "A/a.jpg"), ("gone", "gone.jpg"), ("loop", "loop.jpg")]


@pytest.mark.parametrize("name", ["two\nlines.jpg", "tab\t.jpg", os.fsdecode(b"latin-\xe9.jpg")])
def test_names_that_are_no_text_are_refused(shop: Path, tmp_path: Path, name: str) -> None:
    put(shop, "A/a.jpg", f"A/{name}", f"{name}/b.jpg")
    (shop / "A" / f"link {name}").symlink_to(tmp_path / name)
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert [r.code for r in source.refusals] == ["bad_row"] * 3
    for refusal in source.refusals:
        assert refusal.message.endswith(": its name is not valid text; rename it")
        assert refusal.message.isascii()
        assert refusal.message.isprintable()


def test_a_source_whose_own_name_is_no_text_is_refused(tmp_path: Path) -> None:
    put(tmp_path, os.fsdecode(b"caf\xe9/A/a.jpg"))
    with pytest.raises(SourceError, match="its name is not valid text; rename it") as caught:
        read_source(tmp_path / os.fsdecode(b"caf\xe9"))
    assert str(caught.value).isascii()


def test_a_folder_without_photos(shop: Path) -> None:
    put(shop, "A/notes.txt")
    with pytest.raises(SourceError, match=r"holds no photos \(.*\.jpg.*\) and no folders of photos"):
        read_source(shop)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list anything")
def test_folders_that_may_not_be_listed(shop: Path) -> None:
    put(shop, "A/a.jpg", "B/b.jpg")
    try:
        (shop / "B").chmod(0)
        source = read_source(shop)
        assert listed(source) == [("A", "A/a.jpg")]
        assert [(r.code, r.message) for r in source.refusals] == [
            ("missing", f"{shop}/B: cannot be listed (Permission denied)")
        ]
        shop.chmod(0)
        with pytest.raises(SourceError, match=r"cannot be read \(Permission denied\)"):
            read_source(shop)
    finally:
        shop.chmod(stat.S_IRWXU)
        (shop / "B").chmod(stat.S_IRWXU)
