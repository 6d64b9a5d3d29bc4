"""JSON: one object a line, one array, numbers as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.core.errors import SourceError
from simsearch.ingest.tables import MAX_LINE
from tests.ingest.reading import complaint, listed, read, refused


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
        "bad_row line 10: 'image' holds a NUL byte; the table is damaged there",
        "bad_row line 11: 'image' holds line breaks or other control characters",
    ]


def test_jsonl_with_a_mark_at_its_start_and_with_stray_bytes(tmp_path: Path) -> None:
    text = b'\xef\xbb\xbf{"sku": "A", "image": "a.jpg"}\n{"sku": "\xff", "image": "b.jpg"}\n'
    source = read(tmp_path, text, "catalog.ndjson")
    assert listed(source) == [("A", "a.jpg")]
    assert refused(source) == ["bad_row line 2: 'sku' holds bytes that are not UTF-8 text; save the table as UTF-8"]
    with pytest.raises(SourceError, match="holds no rows"):
        read(tmp_path, b"\n\n", "catalog.jsonl")


RECORDS = '{"sku": "A", "image": "a.jpg"},\n{"sku": "B", "image": "b.jpg"}'


@pytest.mark.parametrize("name", ["catalog.json", "catalog.jsonl", "catalog.csv", "catalog.txt"])
@pytest.mark.parametrize(
    "content",
    [
        f"[{RECORDS}]",
        f"\ufeff [\n  {RECORDS}\n]\n\n",
        RECORDS.replace("},", "}"),
        RECORDS.replace("},\n", "}\r\n"),
        "[" + RECORDS.replace("{", "{\n").replace(",", ",\n") + "]",
    ],
    ids=["array", "spread array", "lines", "crlf", "indented"],
)
def test_ways_to_write_the_same_records(tmp_path: Path, content: str, name: str) -> None:
    source = read(tmp_path, content, name)
    assert source.refusals == []
    assert listed(source) == [("A", "a.jpg"), ("B", "b.jpg")]


def test_one_object_over_several_lines_is_one_record(tmp_path: Path) -> None:
    assert listed(read(tmp_path, '{"sku": "A",\n "image": "a.jpg"}\n', "one.json")) == [("A", "a.jpg")]


def test_the_place_in_an_array_is_named(tmp_path: Path) -> None:
    source = read(
        tmp_path, '[{"sku": "A", "image": "a.jpg"}, 7,\n{"image": "c.jpg"}, {"sku": "D", oops', "catalog.json"
    )
    assert [row.where.partition("json ")[2] for row in source.rows] == ["entry 1 (line 1)"]
    assert refused(source) == [
        "bad_row entry 2 (line 1): is not a JSON object",
        "bad_row entry 3 (line 2): 'sku' is empty",
        "bad_row entry 4 (line 2): is not JSON from here on, and nothing behind it was read",
    ]


@pytest.mark.parametrize("content", ["[]x", '[{"sku": "A", "image": "a.jpg"} {', "[1", "[" * 100_000])
def test_a_damaged_array_is_refused_by_name(tmp_path: Path, content: str) -> None:
    assert any("is not JSON" in line for line in refused(read(tmp_path, content, "catalog.json")))


def test_an_array_on_one_line_may_be_long(tmp_path: Path) -> None:
    entries = ",".join(f'{{"sku": "{n}", "image": "{n}.jpg"}}' for n in range(40_000))
    assert len(entries) > MAX_LINE
    assert len(read(tmp_path, f"[{entries}]", "catalog.json").rows) == 40_000


def test_a_line_without_end_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    long = '{"sku": "A", "image": "' + "a" * MAX_LINE + '"}\n'
    source = read(tmp_path, long + '{"sku": "B", "image": "b.jpg"}\n', "catalog.jsonl")
    assert listed(source) == [("B", "b.jpg")]
    assert refused(source) == [f"bad_row line 1: is longer than {MAX_LINE} characters"]


def test_integers_of_any_length_are_exact(tmp_path: Path) -> None:
    numbers = [str(2**53 + 1), "4" + "0" * 30, "1" * 490, "-7", "0"]
    lines = "".join(f'{{"sku": {n}, "image": "{i}.jpg", "ean": {n}}}\n' for i, n in enumerate(numbers))
    source = read(tmp_path, lines, "catalog.jsonl")
    assert [(row.sku, row.attributes["ean"]) for row in source.rows] == [(n, n) for n in numbers]
    assert read(tmp_path, '{"sku": ' + "9" * 9_000 + ', "image": "a.jpg"}', "long.jsonl").rows == []


@pytest.mark.parametrize(
    ("sku", "words"),
    [
        ("1.0", "'sku' is 1.0, a number with a decimal point or exponent; write it as text"),
        ("4.01234e12", "'sku' is '4.01234e12': a number that a spreadsheet shortened"),
        ("NaN", "'sku' is 'NaN': what a program writes for an empty cell"),
        ("-Infinity", "'sku' is -Infinity"), ("1e999", "a number with a decimal point"),
        ("true", "'sku' is True, true or false; write it as text"), ("null", "'sku' is empty"),
        ("0060", "is not JSON"),
    ],
)  # fmt: skip
def test_numbers_that_are_no_sku(tmp_path: Path, sku: str, words: str) -> None:
    source = read(tmp_path, f'{{"sku": {sku}, "image": "a.jpg"}}\n', "catalog.jsonl")
    assert source.rows == []
    assert words in refused(source)[0]


def test_not_a_number_is_an_empty_cell_elsewhere(tmp_path: Path) -> None:
    line = '{"sku": "A", "image": "a.jpg", "name": NaN, "strength": 0.50, "atc": NaN}\n'
    [row] = read(tmp_path, line, "catalog.jsonl").rows
    assert (row.name, row.strength, row.attributes) == ("", "0.50", {})


@pytest.mark.parametrize(
    "line", ['{"sku": "A", "image": "a.jpg", "sku": "B"}', '{"sku": "A", "image": "a.jpg", "SKU ": "B"}']
)
def test_a_key_that_is_named_twice_refuses_its_record(tmp_path: Path, line: str) -> None:
    source = read(tmp_path, line, "catalog.jsonl")
    assert source.rows == []
    assert refused(source)[0].endswith(" twice")


def test_a_file_of_one_other_object(tmp_path: Path) -> None:
    assert refused(read(tmp_path, '{"products":\n [1]}', "catalog.json")) == [
        "bad_row line 1: is one object; a list of objects is needed, or one object a line"
    ]
    (tmp_path / "empty.json").write_text("[]", encoding="utf-8")
    assert "holds no rows" in complaint(tmp_path / "empty.json")
