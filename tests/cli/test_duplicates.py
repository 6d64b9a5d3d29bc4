"""`simsearch duplicates` and `simsearch verify` as a user meets them."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from alembic import command
from alembic.config import Config

from simsearch import open_app
from simsearch.catalog import Catalog
from simsearch.catalog.reviews import Said, Side
from simsearch.cli import main as cli
from simsearch.core.config import CatalogSettings
from simsearch.core.resources import resource_dir
from simsearch.duplicates.same_photo import photo_test, placement
from simsearch.features import create
from simsearch.features.orb import KEYPOINT, Orb

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))


On = Callable[..., Done]


@pytest.fixture
def on(kit: Kit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> On:
    def call(home: Path, *rest: str | Path) -> Done:
        arguments = ["simsearch", "--config", kit.config, "--home", home, *rest]
        monkeypatch.setattr(sys, "argv", [str(a) for a in arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        found = capsys.readouterr()
        assert isinstance(left.value.code, int)
        return Done(left.value.code, found.out, found.err)

    return call


def test_kinds_csv_and_page(on: On, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    page, table = tmp_path / "sheet.html", tmp_path / "pairs.csv"
    done = on(indexed, "duplicates", "--conflicts", "--html", page, "--csv", table, "--json")
    assert (done.code, len(done.objects)) == (0, 4)
    assert sum(g["kind"] == "identical" for g in done.objects) == sum(d.kind == "identical" for d in shop.planted)
    html = page.read_text(encoding="utf-8")
    assert html.count("<article>") == 4
    assert html.count("src='data:image/jpeg;base64,") == sum(len(g["images"]) for g in done.objects)
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
def test_calls_that_cannot_be_meant(on: On, indexed: Path, arguments: list[str], words: str) -> None:
    done = on(indexed, "duplicates", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_a_persons_word_is_remembered(on: On, home: Path, shop: Shop) -> None:
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


def test_a_photo_that_has_gone_leaves_a_gap_on_the_page(kit: Kit, shop: Shop, tmp_path: Path) -> None:
    from simsearch.views.html.duplicates import write_sheet

    (tmp_path / "photos").mkdir()
    for sku in ("a<b", "two"):
        shutil.copy(shop.photo(shop.single[0].sku), tmp_path / "photos" / f"{sku.strip('<')}.jpg")
    listed = [{"sku": s, "image": f"photos/{s.strip('<')}.jpg", "name": "<i>&"} for s in ("a<b", "two")]
    (tmp_path / "photos" / "a<b.jpg").write_bytes((tmp_path / "photos" / "two.jpg").read_bytes())
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, listed)), encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as app:
        app.index([tmp_path / "list.jsonl"])
        (tmp_path / "photos" / "two.jpg").unlink()
        write_sheet(tmp_path / "sheet.html", app.find_duplicates(), app.config.images, limit=9)
    html = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "no picture: missing" in html
    assert "<b>a&lt;b</b>" in html
    assert "<i>" not in html


def test_verify_names_lines_and_reasons(on: On, shop: Shop, tmp_path: Path) -> None:
    a, b = (shop.photo(p.sku) for p in shop.single[:2])
    pairs = tmp_path / "suspected.csv"
    pairs.write_text(f"a,b\n{a},{a}\n{a},\n{a},gone.jpg\n{a},{b}\n", encoding="utf-8")
    done = on(tmp_path / "home", "verify", "--pairs", pairs, "--csv", "-")
    assert done.code == 3
    assert [r["verdict"] for r in done.rows] == ["bad line", "same", "unreadable", "different"]
    assert [r["line"].rpartition(" ")[2] for r in done.rows] == ["3", "2", "4", "5"]
    assert "matching points, similarity 1.00" in done.rows[1]["reason"]
    assert "is below the 50.0% that a pair needs" in done.rows[3]["reason"]
    assert f"{pairs} line 4: " in on(tmp_path / "home", "verify", "--pairs", pairs).out
    pairs.write_text("a,b\n", encoding="utf-8")
    assert "holds no pairs" in on(tmp_path / "home", "verify", "--pairs", pairs).err


# -- parts -----------------------------------------------------------------------------------------------------------


def keypoints(xy: np.ndarray[Any, Any], bits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    out = np.zeros(len(xy), KEYPOINT)
    out["xy"], out["bits"] = xy * 32, bits
    return out


def test_a_crop_is_one_photo_and_a_common_ruler_is_not() -> None:
    rng = np.random.default_rng(1)
    orb = create("orb")
    assert isinstance(orb, Orb)
    frame = np.array([512.0, 384.0])
    xy, bits = rng.uniform(20, [490, 360], (300, 2)), rng.integers(0, 256, (300, 32), dtype=np.uint8)
    whole = keypoints(xy, bits)
    inside = ((xy > [52, 42]) & (xy < [460, 342])).all(axis=1)
    crop = keypoints((xy[inside] - [40, 30]) * 512 / 432, bits[inside])
    cut_frames = frame, np.array([432.0, 324.0])
    placed = placement(orb.geometry(whole, crop), cut_frames, 512)
    assert placed is not None
    assert placed.scale == pytest.approx(512 / 432, abs=0.01)
    assert (placed.whole, placed.words, placed.outside < 2) == (False, "cropped", True)
    test = photo_test(whole, crop, placed, cut_frames, 512)
    assert (test.agreement > 0.9, test.lost) == (True, 0.0)

    pill = (np.abs(xy - [256, 192]) < 70).all(axis=1)  # the same ruler, another pill in the middle
    bits_of_another = bits.copy()
    bits_of_another[pill] = rng.integers(0, 256, (int(pill.sum()), 32), dtype=np.uint8)
    other = keypoints(xy, bits_of_another)
    placed = placement(orb.geometry(whole, other), (frame, frame), 512)
    assert placed is not None
    assert placed.whole
    assert photo_test(whole, other, placed, (frame, frame), 512).lost > 0.05
    assert placement(orb.geometry(whole, whole[:5]), (frame, frame), 512) is None


def test_a_catalog_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    config = Config(str(resource_dir("migrations") / "alembic.ini"))
    config.cmd_opts = type("Options", (), {"x": [f"url=sqlite:///{path}"]})()
    command.upgrade(config, "0001")
    with sqlite3.connect(path) as old:
        old.execute(
            "INSERT INTO products (sku, name, strength, form, manufacturer, attributes) "
            "VALUES ('s', 'n', '', '', '', '{}')"
        )
    old.close()
    for _ in range(2):  # the second opening finds nothing to do
        catalog = Catalog(path, CatalogSettings())
        assert catalog.reviews.sides("s") == [Side("s")]
        catalog.reviews.record(Side("s"), Side("t"), Said.DISMISSED, "kept")
        assert [(r.a, r.b, r.note) for r in catalog.reviews.all()] == [(Side("s"), Side("t"), "kept")]
        catalog.close()
    command.downgrade(config, "0001")
    with sqlite3.connect(path) as again:
        assert again.execute("SELECT sku FROM products").fetchall() == [("s",)]
    again.close()
