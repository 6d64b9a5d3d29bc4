"""A run of which nothing was usable is no success, by any way to run it; and what was passed over is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch import open_app
from simsearch.core.errors import SourceError
from tests.ingest.test_known_sources import paint

if TYPE_CHECKING:
    from tests.conftest import Kit, Run

UNUSABLE = {
    "missing files": ("catalog.csv", "sku,image\nA,a.jpg\nB,photos\\b.jpg\n"),
    "refused rows": ("catalog.csv", "sku,image\n,a.jpg\nnan,b.jpg\n"),
    "no photos": ("catalog.csv", "sku,image\nA,catalog.csv\n"),
    "json": ("catalog.json", '[{"sku": 1.5, "image": "a.jpg"}]'),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_nothing_usable_is_a_failure(on: Run, tmp_path: Path, case: str) -> None:
    name, content = UNUSABLE[case]
    home, table = tmp_path / "home", tmp_path / name
    table.write_text(content, encoding="utf-8")
    done = on(home, "index", table)
    assert done.code == 4
    assert "nothing that the sources list can be used: " in done.err
    assert "0 added" in done.out  # the report is printed all the same
    assert on(home, "index", table, "--strict").code == 8
    assert "nothing that the sources list can be used" in on(home, "rebuild", "--nightly", table).error(4)
    assert not (home / "generations/current").exists()
    said = on(home, "status")
    assert said.code == 6
    assert "nothing can be searched: no image was taken" in said.err
    assert on(home, "status", "--refused").code == 0


def test_a_night_of_nothing_usable_leaves_what_there_was(kit: Kit, tmp_path: Path) -> None:
    for number in range(3):
        paint(tmp_path / f"photos/{number}.png", number)
    table = tmp_path / "catalog.csv"
    table.write_text("sku,image\n" + "".join(f"P{n},photos/{n}.png\n" for n in range(3)), encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as app:
        app.nightly([table])
        (tmp_path / "photos").rename(tmp_path / "elsewhere")  # as if the disk were not mounted
        with pytest.raises(SourceError, match="nothing that the sources list can be used: 3 refused"):
            app.nightly([table])
        [*_, report] = sorted((app.home / "nightly").glob("report-*.json"))
        written = json.loads(report.read_text(encoding="utf-8"))
        assert (written["outcome"], written["exit_code"], len(written["refusals"])) == ("failed", 4, 3)
        assert (app.generations.current(), app.status().counts["images_ok"]) == ("g000001", 3)
        (tmp_path / "elsewhere").rename(tmp_path / "photos")
        assert app.nightly([table]).outcome == "unchanged"


def test_one_usable_photo_is_a_success(on: Run, tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    (tmp_path / "catalog.csv").write_text("sku,image\nA,a.png\nB,b.png\n", encoding="utf-8")
    for added in ("1 added", "0 added, 1 unchanged"):
        done = on(tmp_path / "home", "index", tmp_path / "catalog.csv")
        assert (done.code, added in done.out) == (0, True)
    assert on(tmp_path / "home", "status").code == 0


def test_what_was_passed_over_is_told(on: Run, tmp_path: Path) -> None:
    shop = tmp_path / "shop"
    paint(shop / "A/front.png", 1)
    paint(shop / "@eaDir/A/front.png", 2)
    for name in ("b.tga", "c.tga", "d.ico", "notes.txt"):
        (shop / "A" / name).write_bytes(b"x")
    words = (
        "2 .tga, 1 .ico (pictures of a kind that is not read); 1 .txt (no pictures); "
        "1 @eaDir (left by a system or file server)"
    )
    said = on(tmp_path / "home", "index", shop).out
    assert f"passed over: {words}" in " ".join(said.split())
    [report] = on(tmp_path / "home", "index", shop, "--json").objects
    assert report["passed_over"][0] == {
        "reason": "kind", "what": ".tga", "count": 2, "paths": [f"{shop}/A/b.tga", f"{shop}/A/c.tga"],
    }  # fmt: skip
    assert sum(group["count"] for group in report["passed_over"]) == 5
    [night] = on(tmp_path / "home", "rebuild", "--nightly", shop, "--json").objects
    assert night["passed_over"] == report["passed_over"]
    said = on(tmp_path / "home", "rebuild", "--nightly", shop).out
    assert f"passed over {words}" in " ".join(said.split())
