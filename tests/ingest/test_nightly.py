"""The night: what it does, what it leaves alone, when it stops, and what it leaves behind."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch import open_app
from simsearch.app import App
from simsearch.core.errors import CatalogError, GenerationError, SourceError
from simsearch.core.types import Decision
from simsearch.indexes import stored_file
from simsearch.ingest.night_reports import last_success

if TYPE_CHECKING:
    from tests.conftest import Kit


def paint(path: Path, seed: int) -> None:
    """A photo of its own for every seed: coloured blocks, whose corners are keypoints."""
    values = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    Pillow.fromarray(values).resize((320, 240), Pillow.Resampling.NEAREST).save(path, quality=92)


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of six photos, p0 to p5."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    for number in range(6):
        paint(folder / f"p{number}.jpg", number)
    return folder


@pytest.fixture
def app(tmp_path: Path, kit: Kit) -> App:
    return open_app(tmp_path / "home", kit.config)


def asked(app: App, photo: Path) -> Decision:
    [answer] = app.query([photo], record=False)
    assert isinstance(answer, Decision)
    return answer


def reports(app: App) -> list[dict[str, Any]]:
    return [json.loads(p.read_bytes()) for p in sorted((app.home / "nightly").glob("report-*.json"))]


def gauges(app: App) -> dict[str, float]:
    """Every sample of the metrics file, which must be of the text format."""
    found = {}
    for line in (app.home / "nightly/simsearch.prom").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def test_a_first_night_builds_and_leaves_a_report(app: App, shelf: Path) -> None:
    with app:
        report = app.nightly([shelf])
        assert (report.outcome, report.generation, report.previous) == ("swapped", "g000001", None)
        assert report.changes == {
            "added": 6, "changed": 0, "redescribed": 0, "unchanged": 0, "retired": 0, "refused": 0, "kept": 0,
        }  # fmt: skip
        assert app.status().sound
        assert app.generations.current() == "g000001"
    [written] = reports(app)
    assert written == report.json
    steps = {"scan", "describe", "redescribe", "filing", "check", "build", "prune", "backup"}
    assert set(written["steps_s"]) == steps
    assert written["filing"] == {"new": 0, "open": 0, "doubted": 0, "why": None}
    assert (written["exit_code"], written["images"], written["error"]) == (0, 6, None)
    assert set(written["audit"]) == {"phash", "siamese", "votes"}
    assert min(written["disk_bytes"].values()) > 0
    found = gauges(app)
    assert found["simsearch_nightly_success"] == 1
    assert found['simsearch_images{verdict="ok"}'] == 6
    assert found['simsearch_audit_recall{lane="siamese"}'] == 1
    assert found["simsearch_nightly_last_success_timestamp_seconds"] > 1.7e9
    with closing(sqlite3.connect(written["backup"])) as copy:
        assert copy.execute("SELECT count(*) FROM images").fetchone() == (6,)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert copy.execute("SELECT count(*) FROM generations").fetchone() == (1,)  # it knows what serves


def test_a_night_of_no_change_builds_nothing(app: App, shelf: Path) -> None:
    with app:
        app.nightly([shelf])
        report = app.nightly([shelf])
        assert (report.outcome, report.generation, report.exit_code) == ("unchanged", "g000001", 0)
        assert report.changes["unchanged"] == 6
        assert "build" not in report.steps_s
        for photo in shelf.iterdir():  # touched, not changed: read once, described never
            os.utime(photo, (1, 1))
        assert app.nightly([shelf]).outcome == "unchanged"
        assert app.generations.names() == ["g000001"]


def test_what_changed_is_built_and_what_went_is_retired(app: App, shelf: Path) -> None:
    photos = sorted(shelf.iterdir())
    with app:
        app.nightly([shelf])
        photos[0].unlink()
        paint(shelf / "new.jpg", 27)
        paint(photos[1], 28)
        report = app.nightly([shelf])
        assert (report.outcome, report.generation, report.previous) == ("swapped", "g000002", "g000001")
        assert report.changes == {
            "added": 1, "changed": 1, "redescribed": 0, "unchanged": 4, "retired": 1, "refused": 0, "kept": 0,
        }  # fmt: skip
        answer = asked(app, shelf / "new.jpg")
        assert (answer.hits[0].sku, answer.generation) == ("new", "g000002")
        assert photos[0].stem not in {hit.sku for hit in answer.hits}


def test_a_source_that_is_suddenly_half_empty_stops_the_night(app: App, shelf: Path) -> None:
    with app:
        app.nightly([shelf])
        for photo in sorted(shelf.iterdir())[:3]:
            photo.unlink()
        with pytest.raises(SourceError, match=r"3 of 6 images are no longer listed .*is everything mounted\?"):
            app.nightly([shelf])
        assert app.catalog.images.counts()["images_ok"] == 6
        app.index([shelf], prune_all=True, rebuild=False)  # the way out that it names
        assert app.nightly([shelf]).changes["unchanged"] == 3
    assert [r["outcome"] for r in reports(app)] == ["swapped", "failed", "swapped"]


def test_a_failed_night_is_reported_and_what_served_goes_on(
    app: App, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app:
        app.nightly([shelf])
        before = gauges(app)["simsearch_nightly_last_success_timestamp_seconds"]
        paint(shelf / "new.jpg", 27)

        def failing(*_args: object, **_named: object) -> None:
            raise GenerationError("the audit of g000002 failed")

        with monkeypatch.context() as patched:
            patched.setattr(app.generations, "build", failing)
            with pytest.raises(GenerationError, match="the audit"):
                app.nightly([shelf])
        last = reports(app)[-1]
        assert (last["outcome"], last["exit_code"], last["generation"]) == ("failed", 6, "g000001")
        assert last["error"] == "the audit of g000002 failed"
        found = gauges(app)
        assert found["simsearch_nightly_success"] == 0
        assert found["simsearch_nightly_last_success_timestamp_seconds"] == before
        status = app.status()
        assert status.nightly is not None
        assert status.nightly["outcome"] == "failed"
        answer = asked(app, shelf / "new.jpg")  # the failed build costs nothing: it is in the delta
        assert (answer.hits[0].sku, answer.generation) == ("new", "g000001")
        assert app.nightly([shelf]).generation == "g000003"  # the name of the one that failed is not given again


def test_a_damaged_generation_is_built_anew_though_nothing_changed(app: App, shelf: Path) -> None:
    with app:
        app.nightly([shelf])
        path = app.generations.folder / "g000001/siamese.index"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        report = app.nightly([shelf])
        assert (report.outcome, report.generation) == ("swapped", "g000002")


def hide_damage(path: Path) -> None:
    """Flip a bit as a disk would, between the blocks that the fast check reads, and without a trace in the times."""
    times = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2 + 7] ^= 0x10
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_hidden_damage_in_a_large_file_is_built_anew(
    app: App, shelf: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The fast check cannot see it. The night's full check does, and must not fail every night because of it."""
    for name, value in {"WHOLE": 100, "_END": 40, "_BLOCK": 1, "_BLOCKS": 3}.items():
        monkeypatch.setattr(stored_file, name, value)
    with app:
        app.nightly([shelf])
        hide_damage(app.generations.folder / "g000001/siamese.index")
        assert app.rebuilder.state().current
        found = app.rebuilder.state(full=True)
        assert (found.usable, found.current) == (False, False)
        assert "g000001/siamese.index: does not have the content that was written" in found.problem
        report = app.nightly([shelf])
        assert (report.outcome, report.generation, report.exit_code) == ("swapped", "g000002", 0)
        assert f"{found.problem}; this night builds the indexes anew" in caplog.messages
        report = app.nightly([shelf])
        assert (report.outcome, report.generation, report.exit_code) == ("unchanged", "g000002", 0)


def test_old_generations_backups_and_reports_go(app: App, shelf: Path, kit: Kit, tmp_path: Path) -> None:
    more = tmp_path / "more.toml"
    more.write_text(kit.config.read_text(encoding="utf-8") + "[nightly]\nbackups = 2\nreports = 3\n", encoding="utf-8")
    with open_app(tmp_path / "home", more) as app:
        for number in range(4):
            paint(shelf / f"new{number}.jpg", 30 + number)
            report = app.nightly([shelf], keep=2)
        assert app.generations.names() == ["g000003", "g000004"]
        assert report.pruned == ["g000002"]
        assert len(list((app.home / "backups").iterdir())) == 2
        assert len(reports(app)) == 3


def test_descriptors_that_nothing_can_ask_for_go(app: App, shelf: Path, kit: Kit, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    text = kit.config.read_text(encoding="utf-8") + '[methods.phash]\nstatistic = "mean"\n'
    other.write_text(text, encoding="utf-8")
    with app:
        app.nightly([shelf])
        old = app.methods["phash"].fingerprint
    with open_app(app.home, other) as later:
        report = later.nightly([shelf], keep=2)
        assert report.changes["redescribed"] == 6
        assert old in later.catalog.descriptors.counts()  # g000001 is there to go back to
        sorted(shelf.iterdir())[0].unlink()
        report = later.nightly([shelf], keep=1)
        assert old not in later.catalog.descriptors.counts()
        assert report.dropped_descriptors == 6 + 4  # and the four of the image that went
        assert later.status().sound


def test_answers_that_are_too_old_go(app: App, shelf: Path) -> None:
    with app:
        app.index([shelf])
        for photo in sorted(shelf.iterdir())[:2]:
            app.query([photo])
        with app.catalog.database.write() as c:
            c.exec_driver_sql("UPDATE decisions SET created_at = '2020-01-01 00:00:00' WHERE id = 1")
        assert app.nightly([shelf]).dropped_decisions == 1
        assert [d.id for d in app.decisions.listed()] == [2]


def test_one_night_at_a_time(app: App, shelf: Path) -> None:
    from simsearch.core.files import writing

    with writing(app.home), pytest.raises(CatalogError, match=r"writing there \(process \d+ since .*Z\); wait"):
        app.nightly([shelf])
    assert not (app.home / "nightly").exists()
    (app.home / "lock").write_text("process 1 since 2020-01-01 00:00:00Z")  # left by a kill: nobody holds it
    with app:
        assert app.nightly([shelf]).exit_code == 0
    assert (app.home / "lock").read_text() == ""


def test_damaged_reports_are_passed_over(tmp_path: Path) -> None:
    good = b'{"exit_code": 0, "started_at": "2026-01-01T00:00:00+00:00"}'
    for number, content in enumerate([good, b"{", b"[]", b""]):
        (tmp_path / f"report-{number}.json").write_bytes(content)
    assert last_success(tmp_path) == 1767225600
    assert last_success(tmp_path / "none") == 0
