"""Folders as sources: one sub-folder a product, loose photos by their own name."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

import pytest

from simsearch.core.errors import SourceError
from simsearch.ingest.file_kinds import NOT_READ, RAW
from simsearch.ingest.sources import Source, read_source
from tests.ingest.reading import listed, put


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    return folder


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


def passed(source: Source) -> list[tuple[str, str, str]]:
    """(path below the source, reason, what it is counted under)."""
    return [(str(Path(p.path).relative_to(source.key)), p.reason, p.what) for p in source.passed_over]


def test_hidden_and_other_files_are_passed_over_and_told(shop: Path) -> None:
    put(shop, "A/a.jpg", "A/.b.jpg", "A/.cache/c.jpg", ".git/d.jpg", ".e.jpg", "A/notes.txt", "A/jpg", "readme.md")
    (shop / "A" / "folder.jpg").mkdir()
    (shop / "empty").mkdir()
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert source.refusals == []
    assert passed(source) == [
        (".e.jpg", "hidden", "hidden names"), (".git", "hidden", "hidden names"),
        ("A/.b.jpg", "hidden", "hidden names"), ("A/.cache", "hidden", "hidden names"),
        ("A/folder.jpg", "empty", "empty folders"), ("A/jpg", "other", "no suffix"),
        ("A/notes.txt", "other", ".txt"), ("empty", "empty", "empty folders"), ("readme.md", "other", ".md"),
    ]  # fmt: skip


SYSTEM_FOLDERS = (
    "@eaDir #recycle @Recycle $RECYCLE.BIN RECYCLER __MACOSX lost+found .Trash-1000 .Trashes LOST.DIR @tmp #snapshot "
    "@Recently-Snapshot .@__thumb .AppleDouble"
)


@pytest.mark.parametrize("name", [*SYSTEM_FOLDERS.split(), "System Volume Information", "Network Trash Folder"])
def test_folders_of_systems_hold_no_products(shop: Path, name: str) -> None:
    put(shop, "A/a.jpg", f"{name}/P80/front.jpg", f"A/{name}/front.jpg", f"B/{name.upper()}/front.jpg", "B/b.jpg")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg"), ("B", "B/b.jpg")]
    assert sorted(passed(source)) == sorted(
        [(name, "system", name), (f"A/{name}", "system", name), (f"B/{name.upper()}", "system", name.upper())]
    )


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((n, n) for n in "Thumbs.db desktop.ini .DS_Store ehthumbs.db .apdisk Thumbs.db:encryptable".split()),
        ("._a.jpg", "._*"), ("~$catalog.xlsx", "~$*"),
    ],
)  # fmt: skip
def test_files_of_systems_are_no_photos(shop: Path, name: str, what: str) -> None:
    put(shop, "A/a.jpg", name, f"A/{name}", content=b"\xff\xd8\xff\xe0")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert sorted(passed(source)) == sorted([(f"A/{name}", "system", what), (name, "system", what)])


@pytest.mark.parametrize("ending", [".part", ".crdownload", ".tmp", ".filepart", ".bak", ".old", "~"])
def test_downloads_under_way_and_older_copies_are_no_photos(shop: Path, ending: str) -> None:
    put(shop, f"A/a.jpg{ending}", "A/a.jpg", f"P{ending}/b.jpg", content=b"\xff\xd8\xff\xe0")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg"), (f"P{ending}", f"P{ending}/b.jpg")]  # a folder may be named so
    assert passed(source) == [(f"A/a.jpg{ending}", "unfinished", ending)]


STARTS = {
    "jpeg": b"\xff\xd8\xff\xe0", "png": b"\x89PNG\r\n\x1a\n", "gif": b"GIF89a", "webp": b"RIFF\1\0\0\0WEBPVP8 ",
    "bmp": b"BM\1\2\3\4\0\0\0\0\x36\0\0\0\x28\0\0\0", "tiff": b"II*\0\x08\0\0\0", "tiff big-endian": b"MM\0*\0\0\0\x08",
    "ppm": b"P6 2 2 255 ", "pgm": b"P5\n# by hand\n2 2\n255\n", "avif": b"\0\0\0\x1cftypavif",
    "heic": b"\0\0\0\x18ftypheic", "jp2": b"\0\0\0\x0cjP  \r\n\x87\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", STARTS)
def test_a_photo_is_known_by_its_content_where_its_ending_does_not_say_so(shop: Path, kind: str) -> None:
    put(shop, "A/front", "A/back.dat", "A/side.JPG_original", "A/icon.ico", "12.5", "B7.data", content=STARTS[kind])
    source = read_source(shop)
    assert source.passed_over == []
    assert [sku for sku, _ in listed(source)] == ["12.5", "A", "A", "A", "A", "B7"]


@pytest.mark.parametrize(
    "head",
    [
        b"", b"BM25 is a ranking function of text retrieval, as is known.", b"P5 tablets", b"%PDF-1.7", b"8BPS\0\1",
        b"RIFF....WAVE", b"\0\0\0\x18ftypmp42", b"\0\0\1\0\1\0\x10\x10", b"<svg ", b'<?xml version="1.0"?>\n<svg>',
    ],
)  # fmt: skip
def test_what_is_no_photo_by_its_content(shop: Path, head: bytes) -> None:
    put(shop, "A/a.jpg")
    put(shop, "A/front", content=head)
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert [what for _, _, what in passed(source)] == ["no suffix"]


@pytest.mark.parametrize("suffix", sorted(NOT_READ))
def test_pictures_of_other_kinds_are_counted_by_their_ending(shop: Path, suffix: str) -> None:
    put(shop, "A/a.jpg", f"A/b{suffix.upper()}", f"c{suffix}")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert [(reason, what) for _, reason, what in passed(source)] == [("kind", suffix)] * 2


@pytest.mark.parametrize("suffix", sorted(RAW))
def test_camera_raw_is_not_taken_for_the_tiff_that_it_begins_like(shop: Path, suffix: str) -> None:
    put(shop, f"A/b{suffix}", content=STARTS["tiff"])
    put(shop, "A/a.jpg")
    assert listed(read_source(shop)) == [("A", "A/a.jpg")]


@pytest.mark.timeout(20)
def test_pipes_and_broken_links_are_not_waited_for(shop: Path) -> None:
    put(shop, "A/a.jpg")
    os.mkfifo(shop / "A/pipe")
    (shop / "A/gone").symlink_to("nowhere")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert [reason for _, reason, _ in passed(source)] == ["no_file"] * 2


def test_two_forms_of_one_name_are_one_product(shop: Path) -> None:
    forms = [unicodedata.normalize("NFC", "Añejo"), unicodedata.normalize("NFD", "Añejo")]
    put(shop, *(f"{form}/{n}.jpg" for n, form in enumerate(forms)), " Añejo /2.jpg", f"{forms[1]}.jpg")
    source = read_source(shop)
    assert {row.sku for row in source.rows} == {forms[0]}
    assert len({row.path for row in source.rows}) == 4


def test_a_folder_whose_name_is_blank_names_no_product(shop: Path) -> None:
    put(shop, "A/a.jpg", " /b.jpg", "\u200b/c.jpg")
    source = read_source(shop)
    assert listed(source) == [("A", "A/a.jpg")]
    assert ["whose name is blank" in r.message for r in source.refusals] == [True, True]


def test_a_source_without_photos_says_what_it_holds(shop: Path) -> None:
    put(shop, "A/a.tga", "A/b.tga", "A/Thumbs.db", "c.txt")
    with pytest.raises(SourceError) as caught:
        read_source(shop)
    assert str(caught.value).endswith(
        "no folders of photos; passed over: 2 .tga (pictures of a kind that is not read); 1 .txt (no pictures); "
        "1 Thumbs.db (left by a system or file server)"
    )


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
        ("outside_root", "B"),
        ("outside_root", "leaves.jpg"),
    ]
    assert source.refusals[0].message == f"{shop}/A/leaves.jpg: is a link that leaves {shop}"


def test_loops_of_links_end(shop: Path) -> None:
    put(shop, "A/a.jpg")
    (shop / "A" / "self").symlink_to(".")
    (shop / "A" / "up").symlink_to("..")
    (shop / "all").symlink_to(".")
    (shop / "above").symlink_to("../shop")
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
