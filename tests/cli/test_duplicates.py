"""`simsearch duplicates` and `simsearch verify` as a user meets them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shape
    from tests.conftest import Run, Shop


def test_kinds_csv_and_page(on: Run, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    page, table = tmp_path / "sheet.html", tmp_path / "pairs.csv"
    done = on(indexed, "duplicates", "--conflicts", "--html", page, "--csv", table, "--json")
    assert (done.code, len(done.objects)) == (0, 4)
    assert sum(g["kind"] == "identical" for g in done.objects) == sum(d.kind == "identical" for d in shop.planted)
    html = page.read_text(encoding="utf-8")
    assert html.count("<article>") == 4
    assert html.count('src="data:image/jpeg;base64,') == sum(len(g["images"]) for g in done.objects)
    assert all(f"<b>{sku}</b>" in html for g in done.objects for sku in g["skus"])
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["kind"] for r in rows] == [p["kind"] for g in done.objects for p in g["pairs"]]
    [*verdicts] = on(indexed, "verify", "--pairs", table, "--json").objects  # it reads what the other wrote
    assert [v["same"] for v in verdicts] == [True] * len(rows)
    one = on(indexed, "duplicates", "--kind", "identical", "--csv", "-")
    assert {r["kind"] for r in one.rows if r["different_skus"] == "1"} == {"identical"}
    few = tmp_path / "few.html"
    on(indexed, "duplicates", "--conflicts", "--html", few, "--limit", "1")
    assert few.read_text(encoding="utf-8").count("<article>") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--kind", "same"], "--kind same: is none of identical"),
        (["--since", "g9"], "--since g9: is no generation; the latest are: g000001"),
        (["--json", "--csv", "-"], "both want standard output"),
        (["--html", "/nowhere/at/all.html"], "/nowhere/at/all.html: cannot be written"),
        (["dismiss", "nobody", "DUP-00000"], "nobody: is neither an SKU nor a photo of the catalog"),
        (["dismiss", "DUP-00000", "DUP-00000"], "DUP-00000: is given twice"),
        (["forget", "DUP-00000", "DUP-00001"], "nothing was said of them"),
    ],
)
def test_calls_that_cannot_be_meant(on: Run, indexed: Path, arguments: list[str], words: str) -> None:
    done = on(indexed, "duplicates", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_a_persons_word_is_remembered(on: Run, home: Path, shop: Shop) -> None:
    first, second = shop.planted[:2]
    assert on(home, "duplicates", "dismiss", first.sku_a, first.sku_b, "--note", "a [red] one").code == 0
    image = f"images/{second.sku_b}.jpg"
    said = on(home, "duplicates", "confirm", image, f"images/{second.sku_a}_0.jpg", "--json").objects
    assert [said[0]["said"], said[0]["a"]["sku"]] == ["confirmed", second.sku_b]
    left = on(home, "duplicates", "--conflicts", "--json").objects
    assert {frozenset(g["skus"]) for g in left} == {frozenset((d.sku_a, d.sku_b)) for d in shop.planted[2:]}
    text = on(home, "duplicates").out
    assert "1 more confirmed before: `simsearch duplicates reviews`" in text
    [one, two] = on(home, "duplicates", "reviews", "--json").objects
    assert (one["said"], one["note"], one["a"]["sha256"], two["said"]) == (
        "dismissed",
        "a [red] one",
        None,
        "confirmed",
    )
    assert "a [red] one" in on(home, "duplicates", "reviews").out
    assert on(home, "duplicates", "forget", first.sku_b, first.sku_a).code == 0
    assert len(on(home, "duplicates", "--conflicts", "--json").objects) == 3
    assert on(home, "duplicates", "--since", "g000001", "--json").objects == []


def test_verify_names_lines_and_reasons(on: Run, shop: Shop, tmp_path: Path) -> None:
    a, b = (shop.photo(p.sku) for p in shop.single[:2])
    pairs = tmp_path / "suspected.csv"
    pairs.write_text(f"a,b\n{a},{a}\n{a},\n{a},gone.jpg\n{a},{b}\n", encoding="utf-8")
    done = on(tmp_path / "home", "verify", "--pairs", pairs, "--csv", "-")
    assert done.code == 3
    assert [r["verdict"] for r in done.rows] == ["bad line", "same", "unreadable", "different"]
    assert [r["line"].rpartition(" ")[2] for r in done.rows] == ["3", "2", "4", "5"]
    assert "matching points, similarity 1.00" in done.rows[1]["reason"]
    assert "is less than the 50.0% that a pair needs" in done.rows[3]["reason"]
    assert f"{pairs} line 4: " in on(tmp_path / "home", "verify", "--pairs", pairs).out
    pairs.write_text("a,b\n", encoding="utf-8")
    assert "holds no pairs" in on(tmp_path / "home", "verify", "--pairs", pairs).err


def test_verify_as_json(on: Run, shape: Shape, shop: Shop, tmp_path: Path) -> None:
    a, b = (shop.photo(p.sku) for p in shop.single[:2])
    done = on(tmp_path / "home", "verify", a, b, "--json")
    assert (done.code, done.err) == (0, "")
    [verdict] = done.objects
    assert shape(verdict) == {
        "a": str, "b": str, "same": bool, "probability": float, "similarity": float, "inliers": int,
        "support": float, "printed": type(None), "reason": str, "outlines": [type(None)],
    }  # fmt: skip
    assert (verdict["a"], verdict["b"], verdict["same"]) == (str(a), str(b), False)
    [bare] = on(tmp_path / "home", "verify", a, a, "--json", "--method", "phash").objects
    assert bare == {"a": str(a), "b": str(a), "similarity": 1.0}

    for photo in (a, b):
        shutil.copy(photo, tmp_path / photo.name)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"a,b\n{a.name},{a.name}\n{b.name},\n{a.name},none.jpg\n{a.name},{b.name}\n", encoding="utf-8")
    done = on(tmp_path / "home", "verify", "--pairs", pairs, "--json")
    same, unreadable, other = done.objects
    assert (done.code, same["same"], other["same"]) == (3, True, False)
    assert shape(unreadable) == {"a": str, "b": str, "where": str, "error": {"code": str, "message": str}}
    assert unreadable["where"].endswith("pairs.csv line 4")
    assert "pairs.csv line 3: needs a photo in each of the columns a and b" in done.err
    words = on(tmp_path / "home", "verify", "--pairs", pairs).out.splitlines()
    assert [line.split()[0] for line in words] == ["same", "unreadable", "different"]
    assert not (tmp_path / "home").exists()


def _scores(pair: dict[str, Any]) -> dict[str, type]:
    """Nothing is compared where the files are equal."""
    return dict.fromkeys(("similarity", "inliers", "support"), type(None)) if pair["identical_file"] else {
        "similarity": float, "inliers": int, "support": float
    }  # fmt: skip


def test_duplicates_as_json(on: Run, shape: Shape, indexed: Path, shop: Shop) -> None:
    done = on(indexed, "duplicates", "--json")
    assert (done.code, done.err) == (0, "")
    pair = {
        "a": str, "b": str, "a_id": int, "b_id": int, "identical_file": bool, "kind": str, "probability": float,
        "reason": str,
        "said": type(None), "printed": type(None), "places": type(None),
    }  # fmt: skip
    for group in done.objects:
        assert shape(group) == {
            "kind": str, "skus": [str], "conflict": bool, "probability": float,
            "images": [{"id": int, "sku": str, "name": str, "image": str, "sha256": str}],
            "pairs": [pair | _scores(group["pairs"][0])],
            "keep": {"id": int, "sku": str, "name": str, "image": str, "sha256": str}, "keep_reason": str,
        }  # fmt: skip
    conflicts = on(indexed, "duplicates", "--conflicts", "--json").objects
    assert conflicts == [g for g in done.objects if g["conflict"]]
    assert {frozenset(g["skus"]) for g in conflicts} == {frozenset((d.sku_a, d.sku_b)) for d in shop.planted}
    words = on(indexed, "duplicates", "--conflicts").out
    assert "4 groups, 4 with different SKUs" in words
    assert "different SKUs, identical file" in words


def test_decisions_go_out_and_come_in(on: Run, home: Path, tmp_path: Path) -> None:
    pairs = [g["pairs"][0] for g in on(home, "duplicates", "--conflicts", "--json").objects]
    for pair, verdict in zip(pairs[:2], ("confirm", "dismiss"), strict=True):
        assert on(home, "duplicates", verdict, pair["a"], pair["b"], "--note", "seen").code == 0
    file = tmp_path / "decisions.jsonl"
    assert on(home, "duplicates", "export", str(file)).code == 0
    said = on(home, "duplicates", "reviews", "--json").objects
    assert [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] == said
    assert "0 taken in, 2 known before, 0 conflicts" in on(home, "duplicates", "import", str(file)).out
    for pair in pairs[:2]:
        assert on(home, "duplicates", "forget", pair["a"], pair["b"]).code == 0
    assert "2 taken in" in on(home, "duplicates", "import", str(file)).out
    again = on(home, "duplicates", "reviews", "--json").objects
    assert [{**r, "at": ""} for r in again] == [{**r, "at": ""} for r in said]

    other = [{**said[0], "said": "dismissed"}, {"a": 1}, {**said[1], "said": "perhaps"}]
    file.write_text("".join(json.dumps(line) + "\n" for line in other), encoding="utf-8")
    done = on(home, "duplicates", "import", str(file), "--json")
    assert done.code == 8
    [result] = done.objects
    assert (result["taken"], result["known"], len(result["refused"]), len(result["conflicts"])) == (0, 0, 2, 1)
    assert result["conflicts"][0]["stays"]["said"] == "confirmed"
    assert f"{file}:2: a: is no object with sku and sha256" in done.err
    assert on(home, "duplicates", "import", str(file), "--overwrite").code == 8, "two lines are still none"
    assert on(home, "duplicates", "reviews", "--json").objects[-1]["said"] == "dismissed"
