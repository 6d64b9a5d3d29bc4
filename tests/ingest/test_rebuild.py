"""Building the indexes from the catalog, also under new weights or settings, and what a plan says before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image as Pillow

from simsearch import open_app
from simsearch.app import App
from simsearch.catalog.tables import CountRow, DescriptorRow, MethodRow
from simsearch.core.errors import GenerationError
from simsearch.core.types import Decision, SourceRow
from simsearch.features import create
from simsearch.features.base import pack
from simsearch.features.reading import encode
from simsearch.indexes.manifest import digest
from simsearch.ingest import rebuild
from simsearch.ingest.rebuild import IndexState
from simsearch.recognition.calibration import Calibration
from simsearch.testing.readers import FakeReader, read_by
from simsearch.testing.readers import reading as reading_of
from tests.features.pills.drawn import CAPSULE, photo

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


def mean(kit: Kit, folder: Path) -> Path:
    """Settings under which every pHash is another one, with a calibration for them."""
    text = kit.config.read_text(encoding="utf-8") + '[methods.phash]\nstatistic = "mean"\n'
    weights = Path(shutil.copy(kit.weights, folder / "mean.safetensors"))
    calibration = Calibration.load(kit.calibration)
    changed = {**calibration.fingerprints, "phash": create("phash", {"statistic": "mean"}).fingerprint}
    replace(calibration, fingerprints=changed).save(folder / "mean.calibration.json")
    path = folder / "mean.toml"
    path.write_text(text.replace(str(kit.weights), str(weights)), encoding="utf-8")
    return path


def test_other_settings_are_described_behind_the_generation_that_serves(
    app: App, kit: Kit, shelf: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with open_app(app.home, mean(kit, tmp_path)) as new, app as old:
        old.nightly([shelf])
        status = new.status()
        assert dict(status.undescribed) == {"phash": 6}
        assert dict(status.stale) == {"phash": 6}
        assert "other phash settings" in status.problem
        with pytest.raises(GenerationError, match="other phash settings or weights"):
            new.query([shelf / "p0.jpg"])
        assert (new.plan().stale, new.plan().changed) == (6, True)
        assert new.rebuilder.describe_stale(lambda *_: None) == 6
        answer = asked(old, shelf / "p0.jpg")  # the old settings' answers are as they were
        assert (answer.hits[0].sku, answer.generation) == ("p0", "g000001")
        assert new.rebuild() == "g000002"
        assert new.status().sound
        answer = asked(new, shelf / "p0.jpg")
        assert (answer.hits[0].sku, answer.generation) == ("p0", "g000002")
    with open_app(app.home, kit.config) as old:  # one that has the old settings goes on with its generation
        answer = asked(old, shelf / "p0.jpg")
        assert (answer.hits[0].sku, answer.generation) == ("p0", "g000001")
    assert "until then generation g000001 answers" in caplog.text


def test_a_photo_that_cannot_be_described_again_keeps_the_old_generation(
    app: App, kit: Kit, shelf: Path, tmp_path: Path
) -> None:
    with app:
        app.nightly([shelf])
    hidden = sorted(shelf.iterdir())[2]
    hidden.rename(tmp_path / "hidden.jpg")
    with open_app(app.home, mean(kit, tmp_path)) as new:
        with pytest.raises(GenerationError, match=rf"1 images lack descriptors .*for instance {hidden}"):
            new.rebuild()
        assert new.generations.current() == "g000001"
        assert new.catalog.images.counts()["images_ok"] == 6
        (tmp_path / "hidden.jpg").rename(hidden)
        assert new.rebuild() == "g000002"


def test_surface_and_refused_rows_outlive_being_described_again(kit: Kit, shelf: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    name = sorted(shelf.iterdir())[0].name
    table.write_text(f"sku,image,surface\nA,shelf/{name},back\nB,\n", encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as old:
        old.index([table])
    with open_app(tmp_path / "home", mean(kit, tmp_path)) as new:
        assert new.rebuilder.describe_stale(lambda *_: None) == 1
        assert [facts.surface for facts in new.catalog.images.facts([1]).values()] == ["back"]
        assert [r.code for r in new.refused()] == ["bad_row"]


# -- state and plan --------------------------------------------------------------------------------------------------


def test_the_state_says_how_much_is_outside(app: App, shelf: Path) -> None:
    with app:
        app.index([shelf], rebuild=False)
        assert app.rebuilder.state() == IndexState(False)
        app.rebuild()
        assert app.rebuilder.state() == IndexState(True)
        assert app.rebuilder.state(full=True).current
        paint(shelf / "new.jpg", 27)
        (shelf / "p0.jpg").unlink()
        app.index([shelf], prune=True, rebuild=False)
        assert app.rebuilder.state() == IndexState(True, outside=2)
        assert not app.rebuilder.state().current
        (app.generations.folder / "current").write_text("nonsense", encoding="ascii")
        assert not app.rebuilder.state().usable
        assert "names no generation" in app.rebuilder.state().problem


def test_votes_of_other_settings_ask_for_a_build(app: App, shelf: Path, kit: Kit, tmp_path: Path) -> None:
    with app:
        app.index([shelf], rebuild=True)
    fewer = tmp_path / "fewer.toml"
    fewer.write_text(kit.config.read_text(encoding="utf-8") + "[query]\nvote_keypoints = 100\n", encoding="utf-8")
    with open_app(app.home, fewer) as other:
        state = other.rebuilder.state()
        assert (state.usable, state.problem) == (
            False, "generation g000001 was built with other methods, settings or weights",
        )  # fmt: skip


@pytest.fixture
def reading(kit: Kit, shelf: Path, tmp_path: Path) -> Iterator[App]:
    """An App over a catalog of which nothing is read yet, with the lanes of text."""
    config = tmp_path / "reading.toml"
    config.write_text(kit.config.read_text(encoding="utf-8").replace('"never"', '"auto"'), encoding="utf-8")
    with open_app(tmp_path / "read", config) as app:
        read_by(app, FakeReader([]))
        app.index([shelf], rebuild=True)
        yield app


def test_what_was_read_or_renamed_counts_as_outside(reading: App) -> None:
    app, fingerprint = reading, reading.print_methods["reading"].fingerprint
    assert app.rebuilder.state() == IndexState(True)
    says = encode(reading_of("HEMIPAN 500 mg")).tobytes()
    app.catalog.readings.add({i: {fingerprint: says} for i in (1, 2)})
    assert app.rebuilder.state() == IndexState(True, outside=2)
    app.catalog.images.update_products([SourceRow("p1", "", "", "", name="Brionil")])
    [renamed] = app.catalog.changes(0).renamed_ids
    assert app.rebuilder.state() == IndexState(True, outside=2 + (renamed not in (1, 2)))
    app.rebuild()
    assert app.rebuilder.state() == IndexState(True)


def test_a_generation_of_other_readings_asks_for_a_build(reading: App, kit: Kit) -> None:
    with open_app(reading.home, kit.config) as unread:  # where nothing is ever read, nothing is missing
        assert unread.rebuilder.state() == IndexState(True)
        unread.rebuild()
    assert reading.rebuilder.state() == IndexState(True, outside=6)


def test_a_plan_names_the_lanes_of_text(reading: App) -> None:
    says = {reading.print_methods["reading"].fingerprint: encode(reading_of("HEMIPAN 500 mg")).tobytes()}
    reading.catalog.readings.add(dict.fromkeys(range(1, 7), says))
    reading.catalog.images.update_products(SourceRow(f"p{i}", "", "", "", name=f"Hemi{i}pan") for i in range(6))
    manifest = reading.generations.manifest(reading.rebuild())
    plan = reading.plan()
    assert [(lane.name, lane.images) for lane in plan.lanes[-2:]] == [("text", 6), ("words", 6)]
    assert set(manifest.audit) == {"phash", "siamese", "votes", "text", "words"}
    sizes = {lane.name: lane.bytes for lane in plan.lanes}
    assert sizes["words"] == sum(t.bytes for t in manifest.texts if t.name in ("words", "weights"))
    assert sizes["text"] == next(t.bytes for t in manifest.texts if t.name == "text")
    assert plan.seconds is not None


def test_a_failed_build_is_remembered(app: App, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with app:
        app.index([shelf], rebuild=False)

        def full(*_: object, **__: object) -> None:
            raise GenerationError("the audit of g000001 failed")

        with monkeypatch.context() as patched:
            patched.setattr(app.generations, "build", full)
            with pytest.raises(GenerationError, match="the audit"):
                app.rebuild()
        [failed] = app.catalog.builds.all()
        assert (failed["name"], failed["state"]) == ("g000001", "failed")
        assert failed["audit"]["reason"] == "the audit of g000001 failed"
        assert app.rebuild() == "g000002"


def test_a_plan_is_measured_by_the_last_build(app: App, shelf: Path) -> None:
    with app:
        app.index([shelf], rebuild=False)
        plan = app.plan()
        assert (plan.name, plan.images, plan.stale, plan.changed, plan.seconds) == ("g000001", 6, 0, True, None)
        assert {lane.name for lane in plan.lanes} == {"phash", "siamese", "votes", "pills"}
        app.rebuild()
        plan = app.plan()
        assert (plan.name, plan.changed) == ("g000002", False)
        manifest = app.generations.manifest("g000001")
        assert plan.bytes == sum(file.bytes for file in manifest.files)
        assert plan.seconds is not None


def test_a_lane_too_large_for_memory_is_built_from_disk(app: App, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with app:
        app.index([shelf], rebuild=True)
        monkeypatch.setattr(rebuild, "_IN_MEMORY", 0)
        assert app.rebuild() == "g000002"
        first, second = (app.generations.manifest(name) for name in ("g000001", "g000002"))
        assert [f.sha256 for f in first.lanes] == [f.sha256 for f in second.lanes]
        assert asked(app, shelf / "p0.jpg").hits[0].sku == "p0"


def test_a_generation_holds_the_loose_pills(
    app: App, shelf: Path, tmp_path: Path, kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that opening does not ask every image for them; one that was built without is asked as before."""
    method = app.methods["pills"]
    [looks] = method.describe([photo(CAPSULE)])
    with app:
        app.index([shelf], rebuild=False)
        with app.catalog.database.write() as c:
            for_pills = sa.select(MethodRow.id).where(MethodRow.fingerprint == method.fingerprint).scalar_subquery()
            of = sa.update(DescriptorRow).where(DescriptorRow.method_id == for_pills, DescriptorRow.image_id == 2)
            c.execute(of.values(data=pack(looks)))
        app.rebuild()
        assert (facts := app.generations.manifest("g000001").pills) is not None
        assert (facts.images, facts.pills) == (1, len(looks))
    read: list[Any] = []
    monkeypatch.setattr("simsearch.recognition.snapshot.pill_index", lambda *given: read.append(given))
    with open_app(tmp_path / "home", kit.config) as again:
        [pills] = again.engine.basis().snapshot.pills
        assert set(pills.search(looks)) == {2}
    assert read == []
    monkeypatch.undo()
    path = tmp_path / "home/generations/g000001/manifest.json"
    before = json.loads(path.read_bytes())
    del before["pills"], before["digest"]
    path.write_text(json.dumps({**before, "digest": digest(before)}), encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as older:
        manifest = older.generations.manifest("g000001")
        older.catalog.builds.record("g000001", 6, "built", manifest.record)
        [pills] = older.engine.basis().snapshot.pills
        assert set(pills.search(looks)) == {2}


def test_a_build_counts_anew_what_was_counted_wrong(app: App, shelf: Path, caplog: pytest.LogCaptureFixture) -> None:
    with app:
        app.index([shelf], rebuild=True)
        assert "counted" not in caplog.text
        with app.catalog.database.write() as c:
            c.execute(sa.update(CountRow).values(number=CountRow.number + 1))
        assert "counts are not what it holds" in app.status(verify=True).problem
        assert app.status().counts["images_ok"] == 7
        app.rebuild()
        assert "they were counted anew" in caplog.text
        assert (app.status(verify=True).problem, app.status().counts["images_ok"]) == ("", 6)
