"""Drawn catalogs: every row and file is taken, refused or passed over; never two of them, never none."""

from __future__ import annotations

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from simsearch.core.errors import SourceError
from simsearch.ingest.skus import damage, tidy
from simsearch.ingest.sources import read_source
from tests.ingest.reading import read

ANY = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

# -- tables ----------------------------------------------------------------------------------------------------------

SKUS = ["A", "0060", "Añejo", "An\u0303ejo", "4.01234E+12", "nan", "#REF!", "1-Mar", "药", "", " B ", "x" * 600]
IMAGES = [
    "a.jpg", "sub/b.png", "sub\\b.png", "é.jpg", "e\u0301.jpg", "../c.jpg", "C:\\d.jpg", "https://x/e.jpg", "",
    "/abs/f.jpg", 'q"g.jpg',
]  # fmt: skip
NAMES = ["", "Ibu", "IBU ", "Ibu 400 mg", "Aspirin", "#N/A", "line\r\nbreak", 'a "quoted" name', "5,5; 6\t7"]
CELLS = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(SKUS),
        "image": st.sampled_from(IMAGES),
        "name": st.sampled_from(NAMES),
        "surface": st.sampled_from(["", "Front", "up"]),
    }
)
PREAMBLES = ["", "# a comment, with; all\tkinds|of delimiters\n", "sep={delimiter}\n", "\n"]


@dataclass(frozen=True)
class Table:
    """A table as some program may write it, and the lines on which its rows begin."""

    name: str
    content: bytes
    begins: list[int]


@st.composite
def tables(draw: st.DrawFn) -> Table:
    """A CSV in any encoding that is read, with any delimiter, quoting, preamble and superfluous columns."""
    delimiter, end = draw(st.sampled_from(",;\t|")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    unnamed = draw(st.sampled_from([[], [""], ["", " "]]))
    columns = draw(st.permutations(["sku", "image", "name", "surface", *unnamed]))
    surplus = draw(st.sampled_from([[], [""], ["", "", ""]]))
    quoting: Literal[0, 1] = csv.QUOTE_ALL if draw(st.booleans()) else csv.QUOTE_MINIMAL

    def line(cells: list[str]) -> str:
        stream = io.StringIO(newline="")
        csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(cells)
        return stream.getvalue()

    text = draw(st.sampled_from(PREAMBLES)).format(delimiter=delimiter).replace("\n", end)
    text += line([draw(st.sampled_from([str.upper, str.title, str.lower]))(column) for column in columns])
    begins = []
    for row in draw(st.lists(CELLS, min_size=1, max_size=8)):
        if any(row.values()):  # a blank line is no row
            begins.append(len(re.split("\r\n|\r|\n", text)))
        text += line([row.get(column, "") for column in columns] + surplus)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]))
    return Table(draw(st.sampled_from(["catalog.csv", "catalog.txt", "Liste.CSV"])), text.encode(encoding), begins)


def place(where: str) -> int:
    """The line that `... line 7` or `... lines 7 to 8` begins with."""
    return int(where.rpartition(" line")[2].removeprefix("s").split()[0])


@ANY
@given(tables())
def test_every_row_of_a_drawn_table_is_taken_or_refused(tmp_path: Path, table: Table) -> None:
    (tmp_path / "sub").mkdir(exist_ok=True)
    for photo in ("a.jpg", "sub/b.png", "é.jpg"):
        (tmp_path / photo).touch()
    if not table.begins:
        with pytest.raises(SourceError, match="holds no rows"):
            read(tmp_path, table.content, table.name)
        return
    source = read(tmp_path, table.content, table.name)
    assert source.passed_over == []
    places = [place(row.where) for row in source.rows] + [place(refusal.where) for refusal in source.refusals]
    assert sorted(places) == table.begins
    event(f"rows taken: {bool(source.rows)}, refused: {bool(source.refusals)}")
    for found in source.rows:
        assert found.sku == tidy(found.sku)
        assert not damage(found.sku)
    for refusal in source.refusals:
        assert refusal.message.startswith(f"{refusal.where}: ")


@ANY
@given(st.lists(CELLS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_drawn_rows_does_not_matter(tmp_path: Path, rows: list[dict[str, str]], order: Random) -> None:
    found = []
    for _ in range(2):
        source = read(tmp_path, "".join(json.dumps(row) + "\n" for row in rows), "catalog.jsonl")
        lines = {f"{source.key} line {number}": json.dumps(row) for number, row in enumerate(rows, 1)}
        found.append(
            (sorted(lines[row.where] for row in source.rows), sorted((r.code, lines[r.where]) for r in source.refusals))
        )
        order.shuffle(rows)
    assert found[0] == found[1]
    assert len(found[0][0]) + len(found[0][1]) == len(rows)


# -- folders ---------------------------------------------------------------------------------------------------------

WORDS = ["P40", "Añejo", "An\u0303ejo", "nan", "#REF!", "@eaDir", ".git", "a b", "100%", "\udce9", "tab\there", " "]
FILES = ["a.jpg", "b.JPG", "c.tga", "d", "e.txt", "Thumbs.db", ".f.jpg", "g.jpg.part", "h\udce9.jpg", "i\n.png", "j"]
KINDS = ["jpeg", "text", "nothing", "link out", "link in", "link nowhere", "pipe", "folder link"]
TREES = st.dictionaries(
    st.lists(st.sampled_from(WORDS), max_size=2).map(tuple),
    st.dictionaries(st.sampled_from(FILES), st.sampled_from(KINDS), max_size=4), max_size=5,
)  # fmt: skip


def make(path: Path, kind: str, root: Path) -> None:
    if kind == "pipe":
        os.mkfifo(path)
    elif "link" in kind:
        targets = {"link out": root.parent, "link in": root / "a.jpg", "link nowhere": Path("nowhere")}
        path.symlink_to(targets.get(kind, root))
    else:
        path.write_bytes({"jpeg": b"\xff\xd8\xff\xe0", "text": b"text"}.get(kind, b""))


def below(path: Path) -> Iterator[Path]:
    """Every file, every link and every empty folder."""
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            inner = list(below(entry))
            yield from inner or [entry]
        else:
            yield entry


@ANY
@given(TREES)
def test_every_file_of_a_drawn_folder_is_taken_refused_or_passed_over(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[tuple[str, ...], dict[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("drawn") / "shop"
    root.mkdir()
    for parts, files in tree.items():
        folder = root.joinpath(*parts)
        folder.mkdir(parents=True, exist_ok=True)
        for name, kind in files.items():
            make(folder / name, kind, root)
    source = read_source(root, may_be_empty=True)
    taken = [row.path for row in source.rows]
    refused = [refusal.path for refusal in source.refusals]
    passed = [entry.path for entry in source.passed_over]
    for path in below(root):
        shown = {str(p): p for p in (path, *path.parents)}
        places = [str(path) in taken, any(p in refused for p in shown)]
        places.append(any(p in passed or ascii(p) in passed for p in shown))
        assert sum(places) == 1, (path, places)
    assert len(taken) + len(refused) + len(passed) == len({*taken, *refused, *passed})
