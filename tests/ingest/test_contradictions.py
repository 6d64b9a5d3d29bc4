"""Rows that give one SKU two names or strengths are refused, whatever their order."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest

from simsearch.ingest.sources import read_source, read_sources
from tests.ingest.reading import listed, read, refused

HEAD = "sku,image,name,strength\n"


def test_both_lines_are_named(tmp_path: Path) -> None:
    source = read(tmp_path, HEAD + "A,a.jpg,Sabisaxan,1%\nB,b.jpg,Ibu,\nA,c.jpg,Tabrinal,1%\nA,d.jpg,,\n")
    assert listed(source) == [("B", "b.jpg")]
    end = "; one SKU is one product: correct the SKU or the name"
    assert refused(source) == [
        f"contradiction line 2: SKU A has two names, 'Sabisaxan' (line 2) and 'Tabrinal' (line 4){end}",
        f"contradiction line 4: SKU A has two names, 'Tabrinal' (line 4) and 'Sabisaxan' (line 2){end}",
        f"contradiction line 5: SKU A has two names, 'Sabisaxan' (line 2) and 'Tabrinal' (line 4){end}",
    ]
    assert [Path(r.path).name for r in source.refusals] == ["a.jpg", "c.jpg", "d.jpg"]  # known ones are kept


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [
        ("Ibu,400 mg", "Ibu,600 mg", "strength"), ("Ibu,400 mg", "Ibu,400 µg", "strength"),
        ("Ibu 400 mg,", "Ibu 600 mg,", "name"), ("Panadol,", "Panadol Extra,", "name"),
        ("Ibu 400 mg,400 mg", "Aspirin 400 mg,400 mg", "name"), ("Ibu,5 mg", "Ibu 2.5 mg,5 mg", "name"),
        ("Ibu,0.5 mg", "Ibu,05 mg", "strength"),
    ],
)  # fmt: skip
def test_contradictions(tmp_path: Path, one: str, other: str, field: str) -> None:
    source = read(tmp_path, f"{HEAD}A,a.jpg,{one}\nA,b.jpg,{other}\n")
    assert source.rows == []
    assert all(f"SKU A has two {field}s" in line for line in refused(source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ibu,400 mg", "Ibu,400 mg"), ("Ibu,400 mg", "ibu,400mg"), ("Ibu,400 mg", ","), ("Ibu,", ",400 mg"),
        ("Ibu  akut,", "IBU AKUT ,"), ("Añejo,", unicodedata.normalize("NFD", "Añejo") + ","),
        ("Ibu 400 mg,", "Ibu,400 mg"), ("Ibu 400 mg,400 mg", "Ibu,"), ("Ibu,400\xa0mg", "Ibu,400 mg"),
        ("Ibu,5 µg", "Ibu,5 μg"), ("Ibu,0.5 g", "Ibu,500 mg"), ('Ibu,"0,5 mg"', "Ibu,0.5 mg"),
        ("Ibu 500 mg,0.5 g", "Ibu,500 mg"), ("Ibu,nan", "Ibu,400 mg"),
    ],
)  # fmt: skip
def test_what_contradicts_nothing(tmp_path: Path, one: str, other: str) -> None:
    source = read(tmp_path, f"{HEAD}A,a.jpg,{one}\nA,b.jpg,{other}\n")
    assert source.refusals == []
    assert listed(source) == [("A", "a.jpg"), ("A", "b.jpg")]


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    said = [("A", "x"), ("A", "y"), ("B", "x"), ("B", ""), ("A", ""), ("C", "z")]
    rows = [f"{sku},{i}.jpg,{name},\n" for i, (sku, name) in enumerate(said)]
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        source = read(tmp_path, HEAD + "".join(rows))
        assert {row.sku for row in source.rows} == {"B", "C"}
        assert len(source.refusals) == 3


def test_two_sources_of_one_call_contradict_each_other_too(tmp_path: Path) -> None:
    for number, name in enumerate(("Ibu", "Aspirin")):
        rows = f"A,{number}.jpg,{name},\nB{number},b.jpg,{name},\n"
        (tmp_path / f"{number}.csv").write_text(HEAD + rows, encoding="utf-8")
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    assert [len(read_source(path).rows) for path in paths] == [2, 2]
    sources = read_sources(paths)
    assert [listed(source) for source in sources] == [[("B0", "b.jpg")], [("B1", "b.jpg")]]
    assert f"'Ibu' (line 2) and 'Aspirin' ({paths[1]} line 2)" in sources[0].refusals[0].message


def test_a_column_of_one_sku_for_all_is_found_quickly(tmp_path: Path) -> None:
    source = read(tmp_path, HEAD + "".join(f"A,{i}.jpg,drug {i},\n" for i in range(5_000)))
    assert len(source.refusals) == 5_000


def test_a_message_names_two_strengths_that_differ(tmp_path: Path) -> None:
    source = read(tmp_path, HEAD + "A,a.jpg,Ibu,500 mg\nA,b.jpg,Ibu,0.5 g\nA,c.jpg,Ibu,600 mg\nA,d.jpg,Ibu,\n")
    assert [line.partition("strengths, ")[2].partition(";")[0] for line in refused(source)] == [
        "'500 mg' (line 2) and '600 mg' (line 4)", "'0.5 g' (line 3) and '600 mg' (line 4)",
        "'600 mg' (line 4) and '500 mg' (line 2)", "'500 mg' (line 2) and '600 mg' (line 4)",
    ]  # fmt: skip
