"""Tables as sources: what a CSV or JSONL lists, and what of it is refused, by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simsearch.core.errors import SourceError
from simsearch.core.types import SourceRow
from simsearch.ingest.sources import MAX_FIELD, Source, read_source, read_table

ANY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(tmp_path: Path, content: str | bytes, name: str = "catalog.csv") -> Source:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_source(path)


def listed(source: Source) -> list[tuple[str, str]]:
    return [(row.sku, row.image) for row in source.rows]


def complaint(path: Path) -> str:
    with pytest.raises(SourceError) as caught:
        read_source(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def refused(source: Source) -> list[str]:
    """`code line 3: what is wrong`; the folder is left out."""
    folder = Path(source.key).name
    for refusal in source.refusals:
        assert refusal.message.startswith(f"{refusal.where}: ")
        assert "\n" not in refusal.message
    return [f"{r.code} {r.message.partition(f'{folder} ')[2]}" for r in source.refusals]


def test_every_column(tmp_path: Path) -> None:
    text = "sku,image,name,strength,form,manufacturer,surface,atc\nA1,front/a.jpg,Ibu,400 mg,tablet,X GmbH,Front,M01\n"
    source = read(tmp_path, text)
    path = tmp_path / "catalog.csv"
    assert source.key == str(path)
    assert source.refusals == []
    assert source.rows == [
        SourceRow(
            "A1", str(tmp_path / "front/a.jpg"), "front/a.jpg", f"{path} line 2", "Ibu", "400 mg", "tablet", "X GmbH",
            "front", {"atc": "M01"},
        )
    ]  # fmt: skip


PLAIN = "sku,image\nA,a.jpg\nB,b.jpg\n"


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.rstrip(),
        "\ufeff" + PLAIN,
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("sku,image", " SKU , Image "),
        PLAIN.replace("sku,image", '"sku","image"'),
        PLAIN.replace("A,a.jpg", '"A","a.jpg"'),
        PLAIN.replace("A,a.jpg", "  A , a.jpg  "),
        PLAIN.replace("\n", "\n\n \n,\n"),
        "image;name;sku\na.jpg;x, y;A\nb.jpg;;B\n",
        "image,sku,\na.jpg,A,\nb.jpg,B\n",
    ],
    ids="plain no-end bom crlf cr semicolon tab header quoted-header quoted spaces blank order unnamed-column".split(),
)
def test_ways_to_write_the_same_table(tmp_path: Path, content: str) -> None:
    source = read(tmp_path, content)
    assert listed(source) == [("A", "a.jpg"), ("B", "b.jpg")]
    assert source.refusals == []
    assert [row.attributes for row in source.rows] == [{}, {}]


def test_a_quoted_field_may_hold_anything(tmp_path: Path) -> None:
    source = read(tmp_path, 'sku,image,name,note\nA,a.jpg,"Ibu ""forte""\r\n400",x\nB,"b,c.jpg",,\n')
    assert listed(source) == [("A", "a.jpg"), ("B", "b,c.jpg")]
    assert source.rows[0].name == 'Ibu "forte"\r\n400'
    assert [row.attributes for row in source.rows] == [{"note": "x"}, {}]
    assert [row.where.rpartition(" ")[2] for row in source.rows] == ["2", "4"]


BAD_ROWS = (  # by line: 1 header, 2 fine, 3 to 4 a quoted name, then one a line
    b'sku,image,name,surface\nA,a.jpg,,\nB,b.jpg,"two\nlines",\n,c.jpg,,\nD,,,\nE,e.jpg,x,,more\nF,f.jpg,,upside\n'
    b'G,../g.jpg,,\nH,h\xff.jpg,,\nI,i\0.jpg,,\n\nJ,j.jpg,,back\nK,"k\nk.jpg",,\nL,l.jpg\nM,"m"m.jpg,,\nN,n.jpg\n'
)


def test_what_cannot_be_meant_is_refused_by_line(tmp_path: Path) -> None:
    source = read(tmp_path, BAD_ROWS)
    assert [(row.sku, row.where.rpartition(" ")[2]) for row in source.rows] == [
        ("A", "2"), ("B", "3"), ("J", "13"), ("L", "16"), ("N", "18"),
    ]  # fmt: skip
    assert refused(source) == [
        "bad_row line 5: 'sku' is empty",
        "bad_row line 6: 'image' is empty",
        "bad_row line 7: has 5 fields, the first line names 4",
        "bad_row line 8: surface 'upside' is none of front, back, side, top, pills, bottle, other, unknown",
        "outside_root line 9: ../g.jpg leaves the folder of the table",
        "bad_row line 10: 'image' holds bytes that are not UTF-8 text; save the table as UTF-8",
        "bad_row line 11: 'image' holds bytes that are not UTF-8 text; save the table as UTF-8",
        "bad_row line 14: 'image' holds line breaks or other control characters",
        "bad_row line 17: ',' expected after '\"'",
    ]


def test_a_quote_that_is_never_closed_swallows_nothing_unseen(tmp_path: Path) -> None:
    source = read(tmp_path, 'sku,image,name\nA,a.jpg,\nB,b.jpg,"5 mg\nC,c.jpg,\nD,d.jpg,\n')
    assert listed(source) == [("A", "a.jpg")]
    assert refused(source) == ["bad_row lines 3 to 5: unexpected end of data"]


def test_huge_fields(tmp_path: Path) -> None:
    long = "x" * MAX_FIELD
    huge = "x" * 200_000
    source = read(tmp_path, f"sku,image,name\nA,a.jpg,{long}\nB,b.jpg,{long}x\nC,c.jpg,{huge}\nD,d.jpg,\n")
    assert [row.sku for row in source.rows] == ["A", "D"]
    assert refused(source) == [
        "bad_row line 3: 'name' is longer than 10000 characters",
        "bad_row line 4: field larger than field limit (131072)",
    ]


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


def test_a_table_that_is_linked_to_is_read_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "catalog.csv").write_text(PLAIN, encoding="utf-8")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "catalog.csv")
    source = read_source(tmp_path / "link.csv")
    assert source.key == str(tmp_path / "real" / "catalog.csv")
    assert source.rows[0].path == str(tmp_path / "real" / "a.jpg")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: has no column 'sku' (found nothing); the first line must name sku and image"),
        (b"\n", "line 1: has no column 'sku'"),
        (b"sku,picture\nA,a.jpg\n", "line 1: has no column 'image' (found sku, picture)"),
        (b"sku image\n", "line 1: has no column 'sku' (found sku image)"),
        (b"sku,image,Image\n", "line 1: a column is named twice"),
        (b"sku,image\n", "holds no rows"),
        (b"sku,image,\xff\xfe\xff", "holds no rows"),
        (PLAIN.encode("utf-16"), "line 1: has no column 'sku'"),
        (b"x" * 20_000, "line 1: is longer than 10000 characters; is it a CSV?"),
        (b"\x7fELF\0\1" * 99, "line 1: has no column 'sku'"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "catalog.csv"
    path.write_bytes(content)
    assert words in complaint(path)


def test_a_column_that_is_not_text_refuses_its_rows(tmp_path: Path) -> None:
    assert refused(read(tmp_path, b"sku,image,\xff\nA,a.jpg,x\n"))[0].startswith(r"bad_row line 2: '\udcff' holds")


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


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        '{"sku": 4711, "image": "a.jpg", "Name": "Ibu", "atc": 1.5, "surface": null, "otc": true}',
        "",
        '{"sku": "B", "image": {"path": "b.jpg"}}',
        '{"sku": "C", "image": "c.jpg"',
        "[1]",
        "[" * 100_000,
        '{"sku": "D", "image": "d\\ud800.jpg"}',
        '{"sku": ["E"], "image": "e.jpg"}',
        '{"image": "f.jpg"}',
        '{"sku": "G", "image": "g\\u0000.jpg"}',
        '{"sku": "H", "image": "h\\n.jpg"}',
        '{"sku": "I", "image": "i.jpg"}',
    ]
    source = read(tmp_path, "\r\n".join(lines), "catalog.JSONL")
    assert listed(source) == [("4711", "a.jpg"), ("I", "i.jpg")]
    assert source.rows[0].name == "Ibu"
    assert source.rows[0].attributes == {"atc": "1.5", "otc": "True"}
    assert [row.where.rpartition(" ")[2] for row in source.rows] == ["1", "12"]
    assert refused(source) == [
        "bad_row line 3: 'image' must be text or a number, not dict",
        "bad_row line 4: is not JSON",
        "bad_row line 5: is not a JSON object",
        "bad_row line 6: is not JSON",
        "bad_row line 7: 'image' holds bytes that are not UTF-8 text; save the table as UTF-8",
        "bad_row line 8: 'sku' must be text or a number, not list",
        "bad_row line 9: 'sku' is empty",
        "bad_row line 10: 'image' holds bytes that are not UTF-8 text; save the table as UTF-8",
        "bad_row line 11: 'image' holds line breaks or other control characters",
    ]


def test_jsonl_with_a_mark_at_its_start_and_with_stray_bytes(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf{"sku": "A", "image": "a.jpg"}\n{"sku": "\xff", "image": "b.jpg"}\n'
    source = read(tmp_path, text, "catalog.ndjson")
    assert listed(source) == [("A", "a.jpg")]
    assert refused(source) == ["bad_row line 2: is not JSON"]
    with pytest.raises(SourceError, match="holds no rows"):
        read(tmp_path, b"\n\n", "catalog.jsonl")


def test_a_table_of_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("B;a;note\nx.jpg;/y.jpg;1\nv.jpg;w.jpg;2;3\n", encoding="utf-8")
    records, refusals = read_table(path, ("a", "b"))
    assert records == [(f"{path} line 2", {"b": "x.jpg", "a": "/y.jpg", "note": "1"})]
    assert [r.message for r in refusals] == [f"{path} line 3: has 4 fields, the first line names 3"]
    with pytest.raises(SourceError, match=r"cannot be read \(No such file or directory\)"):
        read_table(tmp_path / "nothing.csv", ("a", "b"))
    path.write_text(PLAIN, encoding="utf-8")
    with pytest.raises(SourceError, match="has no column 'a'"):
        read_table(path, ("a", "b"))


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
