"""`simsearch query`: an answer a photo, in words and as JSON."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from tests.cli.conftest import Shape
    from tests.conftest import Kit, Run, Shop


HIT = {
    "sku": str,
    "name": str,
    "image": str,
    "image_id": int,
    "probability": float,
    "similarity": float,
    "inliers": int,
    "support": float,
    "printed": type(None),
}


ANSWER = {
    "query": str, "decision": str, "sku": str, "name": str, "probability": float, "reason": str, "hits": [HIT],
    "generation": str, "took_ms": float, "named": [str], "look_alikes": list, "id": type(None),
    "read": type(None), "codes": list, "contradictions": list, "packages": list, "filing": list,
}  # fmt: skip


def answer_shape(shape: Shape, answer: Any) -> Any:
    """How many look-alikes there are depends on the rendered names. The one package says what the answer says."""
    [package] = answer["packages"]
    assert package == {"outline": None, **{key: answer[key] for key in package if key != "outline"}}
    counted = {key: type(answer[key]) for key in ("look_alikes", "filing")}
    return {**shape(answer), **counted, "packages": list}


def test_query_as_json(on: Run, shape: Shape, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    product = shop.single[0]
    photo, broken, none = shop.photo(product.sku), tmp_path / "broken.jpg", tmp_path / "none.jpg"
    broken.write_bytes(photo.read_bytes()[:1500])
    done = on(indexed, "query", "--json", "--no-record", "-k", "3", photo, broken, none, photo)
    assert (done.code, done.err) == (3, "")  # the others went on
    first, second, third, last = done.objects
    assert answer_shape(shape, first) == ANSWER
    assert (first["query"], first["decision"], first["sku"]) == (str(photo), "match", product.sku)
    assert first["name"] == f"{product.name} {product.strength}"
    assert (first["generation"], len(first["hits"])) == ("g000001", 3)
    assert first["hits"][0]["image"] == f"images/{product.sku}_0.jpg"
    assert first["probability"] == first["hits"][0]["probability"]
    assert {**last, "took_ms": 0} == {**first, "took_ms": 0}
    assert second == {"query": str(broken), "error": {"code": "truncated", "message": second["error"]["message"]}}
    assert third["error"]["code"] == "missing"
    assert str(none) in third["error"]["message"]


def test_a_photo_of_nothing_known_is_unknown(on: Run, shape: Shape, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 160), "teal").save(tmp_path / "teal.png")
    done = on(indexed, "query", "--json", "--no-record", tmp_path / "teal.png")
    [answer] = done.objects
    assert done.code == 0
    assert answer_shape(shape, answer) == {**ANSWER, "sku": type(None), "name": type(None), "named": list}
    assert (answer["decision"], len(answer["hits"])) == ("unknown", 5)
    words = on(indexed, "query", "--no-record", tmp_path / "teal.png").out
    assert "UNKNOWN  not in the catalog, as far as this photo tells" in words
    assert "nearest, for information only, not an answer" in words


def test_a_photo_from_standard_input(on: Run, indexed: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = shop.photo(shop.single[1].sku).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo)))
    done = on(indexed, "query", "--json", "--no-record", "-")
    [answer] = done.objects
    assert (done.code, answer["query"], answer["sku"]) == (0, "-", shop.single[1].sku)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    done = on(indexed, "query", "--json", "--no-record", "-")
    assert (done.code, done.objects[0]["error"]["code"]) == (3, "zero_size")


def test_query_explains_itself(on: Run, indexed: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    [plain] = on(indexed, "query", "--json", "--no-record", "-k", "2", photo).objects
    [answer] = on(indexed, "query", "--json", "--no-record", "--explain", "-k", "2", photo).objects
    explanation = answer.pop("explanation")
    assert {**answer, "took_ms": 0} == {**plain, "took_ms": 0}
    assert set(explanation) == {"stages_ms", "lanes", "hits", "pills"}
    assert set(explanation["stages_ms"]) == {"describe", "read", "lookup", "verify", "packages"}
    assert sum(explanation["stages_ms"].values()) == pytest.approx(answer["took_ms"], abs=0.1)
    lanes = {lane["lane"]: lane for lane in explanation["lanes"]}
    assert set(lanes) == {"phash", "siamese", "votes"}
    assert all(lane["found"] >= lane["alone"] >= 0 for lane in lanes.values())
    assert [hit["sku"] for hit in explanation["hits"]] == [hit["sku"] for hit in answer["hits"]]
    assert explanation["hits"][0]["ranks"] == {"phash": 1, "siamese": 1, "votes": 1}  # the very photo
    words = on(indexed, "query", "--no-record", "--explain", "-k", "2", photo).out
    assert "by no other lane" in words
    [first] = [line.split() for line in words.splitlines() if line.startswith("  " + answer["sku"])][1:]
    assert first[-3:] == ["1", "1", "1"]


def test_no_record_leaves_no_trace(on: Run, home: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)

    def recorded() -> int:
        engine = sa.create_engine(f"sqlite:///{home / 'catalog.db'}")
        with engine.connect() as connection:
            found = connection.scalar(sa.text("SELECT count(*) FROM decisions"))
        engine.dispose()
        return int(found or 0)

    assert on(home, "query", "--no-record", photo).code == 0
    assert recorded() == 0
    assert on(home, "query", photo, photo).code == 0
    assert recorded() == 2


def test_a_query_falls_back_with_a_warning(on: Run, home: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    assert on(home, "rebuild", "--keep", "1").code == 0
    assert sorted(p.name for p in (home / "generations").iterdir()) == ["current", "g000002"]
    assert on(home, "rebuild").code == 0
    index = home / "generations/g000003/siamese.index"
    index.write_bytes(index.read_bytes()[:-1] + b"?")
    done = on(home, "query", "--no-record", "--json", photo)
    assert done.code == 0
    assert f"{index}: does not have the content" in done.err
    assert "until then generation g000002 answers" in done.err
    [answer] = done.objects
    assert (answer["generation"], answer["sku"]) == ("g000002", shop.single[0].sku)
    assert str(index) in on(home, "status").err.splitlines()[-1]


ODD = "[red]x[/red] [/] :pill: 藥 ü\u3000\x1b[31m \\"


@pytest.fixture(scope="module")
def odd_home(tmp_path_factory: pytest.TempPathFactory, kit: Kit, shop: Shop) -> tuple[Path, Path]:
    """Names that a terminal or rich could take for something else, and a path that is longer than a line."""
    from simsearch import open_app

    folder = tmp_path_factory.mktemp("odd")
    photo = Path("a-rather-long-folder-name " * 5) / "another-one-" / ("photo-" * 20 + ".jpg")
    (folder / photo).parent.mkdir(parents=True)
    shutil.copy(shop.photo(shop.single[0].sku), folder / photo)
    rows = [{"sku": sku, "image": str(photo), "name": ODD} for sku in ("[bold]one", "[/]two")]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "odd.jsonl").write_text(lines, encoding="utf-8")
    with open_app(folder / "home", kit.config) as app:
        app.index([folder / "odd.jsonl"])
    return folder / "home", folder / photo


def test_names_are_printed_literally_and_paths_whole(
    on: Run, odd_home: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    home, photo = odd_home
    shown = ODD.replace("\x1b", "\\x1b").strip()
    out = on(home, "query", "--no-record", photo).out
    assert f"perhaps [bold]one  {shown}" in out
    assert "[bold]one and [/]two fit about equally well" in out
    image = str(photo.relative_to(home.parent))
    lines = [line for line in out.splitlines()[1:] if line.rstrip().endswith(image)]
    assert [line.split()[0] for line in lines] == ["[bold]one", "[/]two"]
    assert all(shown in line for line in lines)
    assert out.splitlines()[0] == str(photo)
    assert "…" not in out

    out = on(home, "duplicates").out
    assert [image in line and shown in line for line in out.splitlines()[1:3]] == [True, True]
    out = on(home, "verify", photo, photo).out
    assert out.count("\n") == 1
    assert out.rstrip().endswith(f"{photo}  {photo}")
    out = on(home, "status").out
    assert f"home         {home}\n" in out
    [answer] = on(home, "query", "--no-record", "--json", photo).objects
    assert (answer["name"], answer["hits"][1]["sku"]) == (ODD.strip(), "[/]two")


def test_a_file_name_that_is_not_utf8(on: Run, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    odd = os.path.join(os.fsencode(tmp_path), b"gr\xfcn [red].jpg")
    with open(odd, "wb") as stream:
        stream.write(shop.photo(shop.single[0].sku).read_bytes())
    done = on(indexed, "query", "--no-record", "--json", os.fsdecode(odd))
    [answer] = done.objects
    assert (done.code, os.fsencode(answer["query"])) == (0, odd)
    assert r"gr\udcfcn [red].jpg" in on(indexed, "query", "--no-record", os.fsdecode(odd)).out
    assert r"gr\udcfcn.jpg" in on(indexed, "verify", os.fsdecode(b"gr\xfcn.jpg"), "x.jpg").out
