"""CSV: the ways to write one table, headers, and what of the rows is refused, by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.core.errors import SourceError
from simsearch.core.types import SourceRow
from simsearch.ingest.rows import MAX_FIELD
from simsearch.ingest.sources import read_table
from simsearch.ingest.tables import MAX_LINE
from tests.ingest.reading import complaint, listed, read, refused


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
        "bad_row line 7: has 5 fields, the header names 4 columns",
        "bad_row line 8: surface 'upside' is none of front, back, side, top, pills, bottle, other, unknown",
        "outside_root line 9: ../g.jpg leaves the folder of the table; copy the photo into it, or give its absolute "
        "path",
        "bad_row line 10: 'image' holds bytes that are not UTF-8 text; save the table as UTF-8",
        "bad_row line 11: 'image' holds a NUL byte; the table is damaged there",
        "bad_row line 14: 'image' holds line breaks or other control characters",
        "bad_row line 17: ',' expected after '\"'",
    ]


def test_a_quote_that_is_never_closed_swallows_nothing_unseen(tmp_path: Path) -> None:
    source = read(tmp_path, 'sku,image,name\nA,a.jpg,\nB,b.jpg,"5 mg\nC,c.jpg,\nD,d.jpg,\n')
    assert listed(source) == [("A", "a.jpg")]
    assert refused(source) == ["bad_row lines 3 to 5: a quote is opened and never closed"]


def test_huge_fields(tmp_path: Path) -> None:
    long = "x" * MAX_FIELD
    huge = "x" * 200_000
    source = read(tmp_path, f"sku,image,name\nA,a.jpg,{long}\nB,b.jpg,{long}x\nC,c.jpg,{huge}\nD,d.jpg,\n")
    assert [row.sku for row in source.rows] == ["A", "D"]
    assert refused(source) == [
        "bad_row line 3: 'name' is longer than 10000 characters",
        "bad_row line 4: a field is longer than 131072 characters; is a quote opened and never closed?",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: has no column 'sku' (found nothing); the first line must name sku and image"),
        (b"\n", "line 1: has no column 'sku'"),
        (b"sku,picture\nA,a.jpg\n", "line 1: has no column 'image' (found sku, picture)"),
        (b"sku image\n", "line 1: has no column 'sku' (found sku image)"),
        (b"sku,image,Image\n", "line 1: the column image is named twice (columns 2 and 3)"),
        (b"sku,image\n", "holds no rows"),
        (b"sku,image,\xff\xfe\xff", "holds no rows"),
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


def test_a_table_of_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("B;a;note\nx.jpg;/y.jpg;1\nv.jpg;w.jpg;2;3\n", encoding="utf-8")
    records, refusals = read_table(path, ("a", "b"))
    assert records == [(f"{path} line 2", {"b": "x.jpg", "a": "/y.jpg", "note": "1"})]
    assert [r.message for r in refusals] == [f"{path} line 3: has 4 fields, the header names 3 columns"]
    with pytest.raises(SourceError, match=r"cannot be read \(No such file or directory\)"):
        read_table(tmp_path / "nothing.csv", ("a", "b"))
    path.write_text(PLAIN, encoding="utf-8")
    with pytest.raises(SourceError, match="has no column 'a'"):
        read_table(path, ("a", "b"))


# -- headers ---------------------------------------------------------------------------------------------------------

ROW = "A,a.jpg,Ibu\n"


@pytest.mark.parametrize(
    "content",
    [
        "sku,image,name,,,\nA,a.jpg,Ibu,,,\n",
        "sku,image,name\nA,a.jpg,Ibu,,,\n",
        ",sku,image,name\n0,A,a.jpg,Ibu\n",
        'sku;image;"name, as sold, in the shop (mg, ml, pieces)";name\nA;a.jpg;;Ibu\n',
        'sku,image,"strength\n(mg, ml)",name\nA,a.jpg,,Ibu\n',
        'sku,image,"strength\r\n""mg""",name\r\nA,a.jpg,,Ibu\r\n',
        "sep=;\nsku;image;name\nA;a.jpg;Ibu\n",
        "SEP=,\r\nsku,image,name\r\nA,a.jpg,Ibu\r\n",
        '"sep=|"\nsku|image|name\nA|a.jpg|Ibu\n',
        "sep=\t\nsku\timage\tname\nA\ta.jpg\tIbu\n",
        "# exported on Monday, by hand; version 3\n# two lines\nsku,image,name\n" + ROW,
        "#sku,image,name\n" + ROW,
        "\n\n,,\n ; ;\nsku,image,name\n" + ROW,
        "sku|image|name\nA|a.jpg|Ibu\n",
        "sku,image;x,name\nA,a.jpg,,Ibu\n".replace("image;x", "image,x;y;z"),
        "sku,image,name\rA,a.jpg,Ibu\r",
        "sku,image,name\r\nA,a.jpg,Ibu\r\r\n\n",
        "\ufeff\ufeffsku,\u200bimage\u200b,\xa0name\xa0\nA,a.jpg,Ibu\n",
        "ｓｋｕ,Image ,NAME\n" + ROW,
        '"sku","image","name"\n"A","a.jpg","Ibu"\n',
        'sku,image,name\n"=""A""",="a.jpg",Ibu\n',
    ],
)
def test_headers_as_people_and_programs_write_them(tmp_path: Path, content: str) -> None:
    source = read(tmp_path, content)
    assert source.refusals == []
    assert [(row.sku, row.image, row.name) for row in source.rows] == [("A", "a.jpg", "Ibu")]


def test_lines_are_counted_from_the_top_of_the_file(tmp_path: Path) -> None:
    source = read(tmp_path, '# comment\n\nsku,image,"na\nme"\nA,a.jpg,\n,b.jpg,\nC,"c\n')
    assert [row.where.rpartition(" ")[2] for row in source.rows] == ["5"]
    assert refused(source) == ["bad_row line 6: 'sku' is empty", "bad_row line 7: a quote is opened and never closed"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sku,image,note,x,note\n", "line 1: the column note is named twice (columns 3 and 5)"),
        ("SKU, sku ,image\n", "line 1: the column sku is named twice (columns 1 and 2)"),
        ("# a\nArtikel;Bild;Name\nA;a.jpg;x\n", "line 2: has no column 'sku' (found artikel, bild, name)"),
        ('sku,"image\nA,a.jpg\n', "line 1: has no column"),
        ("Catalog 2026\nsku,image\n", "line 1: has no column 'sku' (found catalog 2026)"),
        ("# only comments\n", "has no column 'sku' (found nothing)"),
        ("sep=;\nsku,image\n", "line 2: has no column 'sku' (found sku,image)"),
    ],
)
def test_what_is_no_header(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "catalog.csv"
    path.write_text(content, encoding="utf-8")
    assert words in complaint(path)


def test_a_line_without_end_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    source = read(tmp_path, "sku,image\nA,a.jpg\nB," + "b" * 2 * MAX_LINE + "\nC,c.jpg\n")
    assert [row.sku for row in source.rows] == ["A", "C"]
    assert refused(source) == [f"bad_row line 3: is longer than {MAX_LINE} characters"]
