"""What a table file is: its encoding, and what is no table."""

from __future__ import annotations

import codecs
import gzip
import os
import zipfile
from pathlib import Path

import pytest

from simsearch.ingest.sources import read_source
from tests.ingest.reading import complaint, listed, read, refused

TEXT = "sku,image,name\nA1,é.jpg,Añejo\nB,b.jpg,药\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-16-be with mark", "utf-32"]
)
def test_encodings_with_a_mark_or_a_telling_start(tmp_path: Path, encoding: str, end: str) -> None:
    name, _, marked = encoding.partition(" ")
    content = (codecs.BOM_UTF16_BE if marked else b"") + TEXT.replace("\n", end).encode(name)
    source = read(tmp_path, content)
    assert source.refusals == []
    assert [(row.sku, row.image, row.name) for row in source.rows] == [("A1", "é.jpg", "Añejo"), ("B", "b.jpg", "药")]
    jsonl = "".join(f'{{"sku": "{sku}", "image": "{image}"}}{end}' for sku, image in listed(source))
    content = (codecs.BOM_UTF16_BE if marked else b"") + jsonl.encode(name)
    assert listed(read(tmp_path, content, "catalog.jsonl")) == listed(source)


def test_unicode_text_of_excel(tmp_path: Path) -> None:
    source = read(tmp_path, "sku\timage\r\n0060\ta.jpg\r\n".encode("utf-16"), "Catalog.txt")
    assert listed(source) == [("0060", "a.jpg")]


@pytest.mark.parametrize("content", [TEXT.encode("utf-16-le")[:-1], TEXT.encode("utf-16")[:-1] + b"\xd8"])
def test_damaged_utf16_refuses_its_row_only(tmp_path: Path, content: bytes) -> None:
    source = read(tmp_path, content)
    assert listed(source) == [("A1", "é.jpg")]
    assert "are not UTF-8 text" in refused(source)[0]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp1251", "shift_jis", "cp437"])
def test_rows_in_another_encoding_are_refused_by_name(tmp_path: Path, encoding: str) -> None:
    word = {"cp1251": "мг", "shift_jis": "薬"}.get(encoding, "é")
    source = read(tmp_path, f"sku,image,name\nA,a.jpg,plain\nB,b.jpg,{word}\nC,c.jpg,\n".encode(encoding))
    assert [row.sku for row in source.rows] == ["A", "C"]
    assert refused(source) == ["bad_row line 3: 'name' holds bytes that are not UTF-8 text; save the table as UTF-8"]


def archive(path: Path, *names: str) -> bytes:
    with zipfile.ZipFile(path, "w") as opened:
        for name in names:
            opened.writestr(name, b"<x/>")
    return path.read_bytes()


@pytest.mark.parametrize("name", ["catalog.xlsx", "catalog.csv", "catalog.jsonl"])
@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], 'is an Excel workbook; save it as "CSV UTF-8"'),
        (["mimetype", "content.xml"], "is an OpenDocument spreadsheet"),
        (["Index/Document.iwa"], "is a Numbers document"), (["Index.zip"], "is a Numbers document"),
        (["catalog.csv"], "is a ZIP archive; unpack it"),
    ],
)  # fmt: skip
def test_workbooks_are_named_whatever_their_ending(tmp_path: Path, name: str, parts: list[str], words: str) -> None:
    archive(tmp_path / name, *parts)
    assert words in complaint(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "is an Excel workbook (.xls)"),
        (b"PK\x03\x04 cut", "is a damaged ZIP archive or workbook"),
        (gzip.compress(TEXT.encode(), mtime=0), "is compressed (gzip)"),
        (b"SQLite format 3\0" + bytes(99), "is an SQLite database"),
        (b"PAR1" + bytes(99), "is a Parquet file"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"{\\rtf1 sku}", "is an RTF document"),
        (b"<html><table><tr><td>sku", "is XML or a web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook>', "is XML or a web page"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "catalog.csv").write_bytes(content)
    assert words in complaint(tmp_path / "catalog.csv")


def test_a_numbers_document_that_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "catalog.numbers").mkdir()
    assert "is a Numbers document; export it as CSV" in complaint(tmp_path / "catalog.numbers")


@pytest.mark.timeout(20)
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero")):
        assert "is no file but a device or pipe" in complaint(path)


def test_a_large_table_with_a_long_tail_of_zero_bytes(tmp_path: Path) -> None:
    """What a file system leaves of a file whose end was never written."""
    (tmp_path / "catalog.csv").write_bytes(b"sku,image\nA,a.jpg\n" + bytes(3_000_000))
    source = read_source(tmp_path / "catalog.csv")
    assert listed(source) == [("A", "a.jpg")]
    assert len(source.refusals) == 1
