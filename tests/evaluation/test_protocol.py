"""Who is in the catalog and who asks: roles, splits, distractors, doubtful photos, equal products, absent ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from simsearch.core.errors import SourceError
from simsearch.evaluation.protocol import Protocol, open_set, read_protocol


def write(folder: Path, name: str, *lines: str) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def shown(photos: Any) -> list[tuple[str, str]]:
    return [(p.sku, os.path.basename(p.path)) for p in photos]


def test_without_roles_the_first_photo_of_a_product_is_its_reference(tmp_path: Path) -> None:
    table = write(tmp_path, "t.csv", "sku,image,split", "a,a0.jpg,eval", "b,b0.jpg,eval", "a,a1.jpg,eval", "c,c0.jpg,x")
    protocol = read_protocol(table, split="eval")
    assert shown(protocol.references) == [("a", "a0.jpg"), ("b", "b0.jpg")]
    assert shown(protocol.queries) == [("a", "a1.jpg")]
    assert all(os.path.isabs(p.path) for p in protocol.catalog)
    assert shown(protocol.several) == [("a", "a0.jpg"), ("a", "a1.jpg")]


def test_roles_are_kept_and_distractors_need_no_product(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.jpg").touch()
    table = write(
        tmp_path, "t.csv", "sku,image,role", "a,a0.jpg,query", "a,a1.jpg,Reference", ",x.jpg,distractor",
        "d,d.jpg,distractor", "b,b.jpg,query", ",y.jpg,query",
    )  # fmt: skip
    protocol = read_protocol(table, distractors=[tmp_path / "more"])
    assert shown(protocol.references) == [("a", "a1.jpg")]
    wanted = {("d", "d.jpg"), ("distractor-x.jpg", "x.jpg"), ("distractor-a", "a.jpg")}
    assert set(shown(protocol.distractors)) == wanted
    assert shown(protocol.queries) == [("a", "a0.jpg"), ("b", "b.jpg")]
    assert [protocol.known(s) for s in ("a", "b", "d")] == [True, False, False]
    [refusal] = protocol.refusals  # the query without a product
    assert "line 7" in refusal.message


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["sku,image,role", "a,a.jpg,reference", "a,b.jpg,querry"], "line 3: role 'querry' is none of"),
        (["sku,image,role", "a,a.jpg,reference", "a,b.jpg,"], "line 3: role ''"),
        (["sku,image", "a,a.jpg", "b,b.jpg"], "no photo is a query"),
        (["sku,image,role", "a,a.jpg,query"], "no photo is a reference or distractor"),
        (["sku,picture", "a,a.jpg"], "has no column 'image'"),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_names_it(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(SourceError, match=words):
        read_protocol(write(tmp_path, "t.csv", *lines))


def test_refused_rows_of_every_table_are_kept(tmp_path: Path) -> None:
    table = write(tmp_path, "t.csv", "sku,image,surface", "a,a0.jpg,", "a,a1.jpg,", "b,b.jpg,bakc", "c")
    more = write(tmp_path, "more.csv", "sku,image", "d,d.jpg", ",lost.jpg")
    doubt = write(tmp_path, "doubt.csv", "sku,image", "a,")
    same = write(tmp_path, "same.csv", "skus", "a|b", "c,d")
    protocol = read_protocol(table, distractors=[more], ambiguous=doubt, same=same)
    places = [Path(r.where).name for r in protocol.refusals]
    assert places == ["t.csv line 4", "t.csv line 5", "more.csv line 3", "doubt.csv line 2", "same.csv line 3"]


def test_a_split_that_no_row_has_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="split = 'test'"):
        read_protocol(write(tmp_path, "t.csv", "sku,image,split", "a,a.jpg,train"), split="test")


def test_equal_products_and_doubtful_photos(tmp_path: Path) -> None:
    table = write(tmp_path, "t.csv", "sku,image,role", "a,a.jpg,reference", "b,b.jpg,query", "z,z.jpg,query")
    same = write(tmp_path, "same.csv", "skus", "a|b", "b|c")
    doubt = write(tmp_path, "doubt.csv", "sku,image", "z,a.jpg")
    protocol = read_protocol(table, same=same, ambiguous=doubt)
    assert protocol.right("a") == {"a", "b"}
    assert protocol.right("b") == {"a", "b", "c"}
    assert protocol.right("z") == {"z"}
    assert protocol.known("b")
    assert not protocol.known("z")
    assert protocol.doubtful == {"z": frozenset({str(tmp_path / "a.jpg")})}


def test_a_product_whose_every_reference_is_doubtful_for_it_can_only_be_missed(tmp_path: Path) -> None:
    table = write(tmp_path, "t.csv", "sku,image", "a,a0.jpg", "a,a1.jpg", "b,b0.jpg", "b,b1.jpg")
    protocol = read_protocol(table, ambiguous=write(tmp_path, "d.csv", "sku,image", "a,a0.jpg", "b,a0.jpg"))
    assert protocol.hidden("a")
    assert not protocol.hidden("b")


def products(tmp_path: Path, *doubt: str) -> Protocol:
    names = "abcdef"
    table = write(tmp_path, "t.csv", "sku,image", *(f"{n},{n}{k}.jpg" for n in names for k in range(2)))
    return read_protocol(table, ambiguous=write(tmp_path, "d.csv", "sku,image", *doubt) if doubt else None)


def test_every_second_product_is_taken_out_with_all_that_may_show_it(tmp_path: Path) -> None:
    # b, d and f go. c0 may show d: c loses its reference, and is in neither group.
    divided = open_set(products(tmp_path, "d,c0.jpg"))
    assert {p.sku for p in divided.catalog} == {"a", "e"}
    known = [q for q in divided.queries if divided.known(q.sku)]
    assert shown(known) == [("a", "a1.jpg"), ("e", "e1.jpg")]
    absent = [q for q in divided.queries if not divided.known(q.sku)]
    assert shown(absent) == [(n, f"{n}{k}.jpg") for n in "bdf" for k in range(2)]


def test_absent_products_of_the_table_are_kept_as_they_are(tmp_path: Path) -> None:
    table = write(tmp_path, "t.csv", "sku,image,role", "a,a0.jpg,reference", "a,a1.jpg,query", "b,b.jpg,query")
    protocol = read_protocol(table)
    assert open_set(protocol) is protocol
