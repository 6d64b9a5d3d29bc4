"""Sources as a whole: whatever a file holds, each row is taken or refused, and nothing but SourceError is raised."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simsearch.core.errors import SourceError
from simsearch.ingest.sources import read_source
from tests.ingest.reading import complaint, read

ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_table_that_is_linked_to_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "catalog.csv").write_text("sku,image\nA,a.jpg\n", encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "catalog.csv")
    source = read_source(tmp_path / "link.csv")
    assert source.key == str(tmp_path / "real" / "catalog.csv")
    assert source.rows[0].path == str(tmp_path / "real" / "a.jpg")


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    assert "there is no such file or folder" in complaint(tmp_path / "nothing.csv")
    assert "there is no such file or folder" in complaint(tmp_path / "x\0.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert "there is no such file or folder" in complaint(tmp_path / "loop.csv")


def test_a_photo_is_no_source(tmp_path: Path) -> None:
    (tmp_path / "a.JPG").write_bytes(b"x")
    assert complaint(tmp_path / "a.JPG").endswith(
        "is a photo; name its folder, or a CSV with the columns sku and image"
    )


def sound_or_refused(tmp_path: Path, content: bytes, name: str) -> None:
    try:
        source = read(tmp_path, content, name)
    except SourceError:
        complaint(tmp_path / name)
        return
    for row in source.rows:
        assert row.sku
        assert row.image
        assert Path(row.path).is_absolute()
        json.dumps([row.sku, row.image, row.name, dict(row.attributes)], ensure_ascii=False).encode()
    for refusal in source.refusals:
        assert "\n" not in refusal.message
        refusal.message.encode()


def alphabet(*pieces: bytes) -> Any:
    return st.lists(st.sampled_from(pieces) | st.binary(max_size=3), max_size=40).map(b"".join)


TABLE = alphabet(b'"', b",", b";", b"\n", b"\r", b"\0", b"A", b"a.jpg", b"../", b"/", b"\xff", b"\xc3\xa4", b" ", b'""')


@ANY
@given(head=st.sampled_from([b"", b"sku,image\n", b"image;sku;surface\r\n", b"\xef\xbb\xbfsku\timage\n"]), body=TABLE)
@example(head=b"sku,image\n", body=b'A,"')
def test_any_bytes_are_rows_refusals_or_a_source_error(tmp_path: Path, head: bytes, body: bytes) -> None:
    for name in ("any.csv", "any.jsonl"):
        sound_or_refused(tmp_path, head + body, name)


@ANY
@given(
    alphabet(b'{"sku": ', b'"image": ', b'"a"', b", ", b"}\n", b"{", b"[", b"1e999", b"null", b"-", b"\n", b"\\ud800")
)
def test_any_bytes_as_jsonl(tmp_path: Path, body: bytes) -> None:
    sound_or_refused(tmp_path, body, "any.jsonl")
