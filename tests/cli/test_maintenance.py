"""`simsearch index`, `rebuild` and `status`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Shape
    from tests.conftest import Kit, Run, Shop


def test_index_and_status_as_json(on: Run, shape: Shape, shop: Shop, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for product in shop.single[:2]:
        shutil.copy(shop.photo(product.sku), shelf / f"{product.sku}.jpg")
    (shelf / "broken.jpg").write_bytes(b"no photo")
    done = on(tmp_path / "home", "index", shelf, "--json")
    assert (done.code, done.err) == (0, "")
    [report] = done.objects
    assert shape(report) == {
        "added": int, "changed": int, "redescribed": int, "unchanged": int, "retired": int, "kept": int,
        "refused": int, "corrected": int, "left_out": int,
        "filing": {"new": int, "open": int, "doubted": int, "why": type(None)},
        "seconds": float, "images_per_s": float, "generation": str,
        "refusals": [{"where": str, "code": str, "message": str}], "passed_over": list, "reading": type(None),
    }  # fmt: skip
    assert (report["added"], report["refused"], report["generation"]) == (2, 1, "g000001")
    assert report["refusals"][0]["code"] == "not_an_image"

    [again] = on(tmp_path / "home", "index", shelf, "--json").objects
    assert (again["added"], again["unchanged"], again["generation"]) == (0, 2, None)
    assert "rows or photos refused: 1" in on(tmp_path / "home", "index", shelf, "--strict", "--json").error(8)

    [status] = on(tmp_path / "home", "status", "--json").objects
    audit, generation = status["generations"][0].pop("audit"), status["generations"][0]
    assert shape(status) == {
        "home": str, "products": int, "images_ok": int, "images_refused": int, "images_retired": int,
        "undescribed": {}, "stale": {}, "generation": str, "kept": [str], "problem": type(None), "sources_gone": list,
        "verified": bool, "disk_bytes": {"catalog": int, "generations": int, "backups": int}, "gpus": int,
        "nightly": type(None),
        "fingerprints": {"phash": str, "orb": str, "siamese": str, "pills": str},
        "generations": [{"created_at": str, "name": str, "images": int, "state": str}], "photos": type(None),
        "printed": {"read": int, "unread": int, "left_out": int, "why": str}, "filing": {},
    }  # fmt: skip
    assert audit["passed"] is True
    assert (status["images_ok"], status["images_refused"], generation["state"]) == (2, 1, "built")
    [refusal] = on(tmp_path / "home", "status", "--refused", "--json").objects
    assert refusal == report["refusals"][0]

    words = on(tmp_path / "home", "index", shelf).out
    assert "0 added, 2 unchanged, 1 refused" in words
    assert "not_an_image" in words
    assert "2 images, 1 refused, 0 retired" in on(tmp_path / "home", "status").out
    assert "not_an_image" in on(tmp_path / "home", "status", "--refused").out


def test_what_is_printed_is_read(run: Run, shape: Shape, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    """By the project's own reader, so that this test needs the extra `read`."""
    pytest.importorskip("rapidocr")
    shelf, home, config = tmp_path / "shelf", tmp_path / "home", tmp_path / "own.toml"
    shelf.mkdir()
    for product in shop.single[:3]:
        shutil.copy(shop.photo(product.sku), shelf / f"{product.sku}.jpg")
    config.write_text(kit.config.read_text("utf-8").replace("never", "auto"), "utf-8")

    def call(*rest: object) -> Any:
        return run("--config", config, "--home", home, *rest)

    [report] = call("index", shelf, "--no-reading", "--json").objects
    assert report["reading"] is None
    words = call("status").out
    assert "print        photos: 0 read, 3 to be read\n             go on with `simsearch read`\n" in words
    [stopped] = call("read", "--minutes", 0, "--json").objects
    assert shape(stopped) == {
        "read": int, "copied": int, "failed": int, "left": int, "left_out": int, "seconds": float,
        "images_per_s": float, "why": str, "failures": list,
    }  # fmt: skip
    assert (stopped["read"], stopped["left"]) == (0, 3)
    (shelf / f"{shop.single[0].sku}.jpg").write_bytes(b"another file")
    words = call("read").out
    assert "not read  changed" in words
    assert "print of 2 photos read in " in words
    assert "print of 1 photos is still to be read" in words
    shutil.copy(shop.photo(shop.single[0].sku), shelf / f"{shop.single[0].sku}.jpg")
    assert "print of 1 photos read in " in call("index", shelf).out
    assert call("read").out == "all that can be read is read already\n"
    [status] = call("status", "--json").objects
    assert status["printed"] == {"read": 3, "unread": 0, "left_out": 0, "why": None}
    night = call("rebuild", "--nightly", shelf)
    assert "print        nothing to read\n" in night.out


def test_reading_is_switched_off(on: Run, home: Path) -> None:
    assert "nothing can be read: reading is switched off" in on(home, "read").error(2)
    assert "             reading is switched off: set reading.mode" in on(home, "status").out


def test_rebuild_and_rollback(on: Run, home: Path) -> None:
    assert on(home, "rebuild", "--json").objects == [{"generation": "g000002", "rolled_back": False}]
    assert on(home, "rebuild", "--rollback", "--json").objects == [{"generation": "g000001", "rolled_back": True}]
    assert on(home, "rebuild").out == "generation g000003 serves now\n"


def test_a_plan_changes_nothing(on: Run, home: Path) -> None:
    [plan] = on(home, "rebuild", "--dry-run", "--json").objects
    assert (plan["name"], plan["images"], plan["stale"], plan["changed"]) == ("g000002", 36, 0, False)
    lanes = ("phash", "siamese", "votes", "pills")
    assert {lane["name"]: lane["images"] for lane in plan["lanes"]} == dict.fromkeys(lanes, 36)
    assert all(lane["bytes"] > 0 and lane["seconds"] > 0 for lane in plan["lanes"])  # from the build that there was
    words = on(home, "rebuild", "--dry-run").out
    assert "g000002 would be built from 36 images; nothing was done" in words
    assert "the generation that serves holds the same already" in words
    assert sorted(p.name for p in (home / "generations").iterdir()) == ["current", "g000001"]


def test_a_night_in_words_and_for_programs(on: Run, shop: Shop, tmp_path: Path) -> None:
    done = on(tmp_path / "home", "rebuild", "--nightly", shop.table)
    assert done.code == 0
    assert "generation g000001 serves now, with 36 images" in done.out
    assert "audit        recall phash 1.0000, siamese 1.0000" in done.out
    done = on(tmp_path / "home", "rebuild", "--nightly", shop.table)
    assert (done.code, done.out.splitlines()[0]) == (0, "nothing changed: generation g000001 goes on serving")
    [report] = on(tmp_path / "home", "rebuild", "--nightly", shop.table, "--json").objects
    assert (report["outcome"], report["exit_code"], report["changes"]["unchanged"]) == ("unchanged", 0, 36)
    assert on(tmp_path / "home", "rebuild", "--nightly", tmp_path / "none.csv").code == 4
    done = on(tmp_path / "home", "status", "--max-age", "1", "--verify")
    assert done.code == 0
    assert "last night " in done.out
    assert "failed" in done.out
    assert "every byte of the catalog and of all generations is as it was written" in done.out
    assert "no nightly run has succeeded" in on(tmp_path / "home", "status", "--max-age", "0").error(6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nightly"], "--nightly needs a SOURCE"), (["x.csv"], "a SOURCE is for --nightly"),
        (["--nightly", "x.csv", "--dry-run"], "exclude each other"),
        (["--rollback", "--dry-run"], "exclude each other"),
        (["--rollback", "--keep", "2"], "--rollback removes nothing"), (["--keep", "0"], "--keep"),
    ],
)  # fmt: skip
def test_a_rebuild_that_cannot_be_meant(on: Run, home: Path, arguments: list[str], words: str) -> None:
    assert words in on(home, "rebuild", *arguments).error(2)
    assert sorted(p.name for p in (home / "generations").iterdir()) == ["current", "g000001"]


def test_a_factory_that_needs_more_images_is_named_and_the_old_generation_serves_on(
    on: Run, run: Run, kit: Kit, home: Path, shop: Shop, tmp_path: Path
) -> None:
    settings = tmp_path / "big.toml"
    settings.write_text(f'{kit.config.read_text("utf-8")}[generations]\nfactory = "IVF4096,SQfp16"\n', encoding="utf-8")
    said = "generations.factory: 'IVF4096,SQfp16' needs 4096 images, there are 36; leave it empty"
    for call in (["rebuild"], ["rebuild", "--dry-run"], ["index", shop.table, "--rebuild"]):
        assert run("--config", settings, "--home", home, *call).error(2) == said
    [status] = on(home, "status", "--json").objects
    assert (status["generation"], status["problem"], len(status["generations"])) == ("g000001", None, 1)
