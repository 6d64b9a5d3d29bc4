"""Indexing: what is described, what is left alone, and what a kill costs."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings, ImageSettings, IndexingSettings
from simsearch.core.types import Descriptor, Image, silent
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.features.siamese import Siamese
from simsearch.ingest import indexer
from simsearch.ingest.describing import Describer
from simsearch.ingest.index_report import IndexReport
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.sources import Source, read_source

ROOT = Path(__file__).resolve().parents[2]


def paint(path: Path, seed: int) -> Path:
    """A photo of its own for every seed, as a file."""
    values = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(values).resize((80, 60), Pillow.Resampling.NEAREST).save(path)
    return path


@dataclass
class World:
    """A shop folder and a catalog of it."""

    shop: Path
    catalog: Catalog
    methods: dict[str, Any]
    settings: IndexingSettings = field(default_factory=lambda: IndexingSettings(workers=2, batch=4, commit_every=3))

    def index(self, *sources: Path, prune: bool = False, reread: bool = False, progress: Any = None) -> IndexReport:
        found: list[Source] = [read_source(source) for source in sources or (self.shop,)]
        indexer = Indexer(self.catalog, self.methods, self.settings, ImageSettings())
        return indexer.run(found, retire_share=1.0 if prune else None, reread=reread, progress=progress or silent)

    @property
    def ids(self) -> dict[str, int]:
        """`sku/file` -> id of the active images."""
        return {f"{k.sku}/{Path(k.path).name}": k.id for k in self.catalog.images.known([])}

    def table(self, text: str, name: str = "table.csv") -> Path:
        path = self.shop / name
        path.write_text(text, encoding="utf-8")
        return path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    shop = tmp_path / "shop"
    for number, name in enumerate(("A/1.png", "A/2.png", "B/1.png", "C/1.jpg", "loose.png")):
        paint(shop / name, number)
    catalog = Catalog(tmp_path / "catalog.db", CatalogSettings())
    yield World(shop, catalog, {"phash": create("phash"), "orb": create("orb", {"keypoints": 40})})
    catalog.close()


def counts(report: IndexReport) -> dict[str, int]:
    names = ("added", "changed", "redescribed", "unchanged", "retired", "refused")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def later(path: Path) -> None:
    """Another modification time, as if the file had been written again."""
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 10**9))


def test_everything_is_described_once(world: World) -> None:
    report = world.index()
    assert counts(report) == {"added": 5}
    assert report.described == 5
    assert report.refusals == ()
    assert world.catalog.images.counts() == {"products": 4, "images_ok": 5, "images_refused": 0, "images_retired": 0}
    assert world.catalog.descriptors.counts() == {m.fingerprint: 5 for m in world.methods.values()}
    ids, found = world.catalog.descriptors.matrix(world.methods["phash"].fingerprint, np.dtype(np.uint8), 8)
    assert ids.tolist() == [1, 2, 3, 4, 5]
    assert len({row.tobytes() for row in found}) == 5
    [facts] = world.catalog.images.facts([1]).values()
    assert (facts.sku, facts.image, facts.surface) == ("A", "A/1.png", "unknown")


def test_a_second_run_adds_nothing_and_opens_no_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.index()
    before, revision = world.ids, world.catalog.revision()
    monkeypatch.setattr("simsearch.core.images.read", lambda *_: pytest.fail("was read again"))
    report = world.index()
    assert counts(report) == {"unchanged": 5}
    assert report.described == 0
    assert world.ids == before
    assert world.catalog.revision() == revision


def test_a_changed_file_is_a_new_image(world: World) -> None:
    world.index()
    before = world.ids
    paint(world.shop / "A/1.png", 99)
    later(world.shop / "A/1.png")
    assert counts(world.index()) == {"changed": 1, "unchanged": 4}
    assert world.ids == before | {"A/1.png": 6}
    assert world.catalog.images.counts()["images_retired"] == 1
    assert counts(world.index()) == {"unchanged": 5}


def test_a_file_that_was_only_touched_keeps_its_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.index()
    before = world.ids
    later(world.shop / "A/1.png")
    monkeypatch.setattr("simsearch.core.images.decode", lambda *_: pytest.fail("was decoded again"))
    assert counts(world.index()) == {"unchanged": 5}
    assert world.ids == before
    monkeypatch.setattr("simsearch.core.images.read", lambda *_: pytest.fail("was read again"))
    assert counts(world.index()) == {"unchanged": 5}


def test_an_image_belongs_to_the_source_that_listed_it_last(world: World) -> None:
    world.index()
    before = world.ids
    table = world.table("sku,image\nA,A/1.png\n")
    assert counts(world.index(table)) == {"unchanged": 1}
    sources = {k.sku + Path(k.path).name: k.source for k in world.catalog.images.known([])}
    assert sources["A1.png"] == str(table)
    assert sources["A2.png"] == str(world.shop)
    # The folder, pruned without it, lets it be; the table, pruned without it, lets it go.
    (world.shop / "A/1.png").rename(world.shop.parent / "1.png")
    assert counts(world.index(prune=True)) == {"unchanged": 4}
    assert world.ids == before
    world.table("sku,image\nB,B/1.png\n")
    assert counts(world.index(table, prune=True)) == {"unchanged": 1, "retired": 1}


def test_prune_retires_only_what_its_source_no_longer_lists(world: World) -> None:
    other = paint(world.shop.parent / "other" / "Z" / "1.png", 50).parents[1]
    world.index(world.shop, other)
    (world.shop / "A/2.png").unlink()
    (world.shop / "loose.png").unlink()
    assert counts(world.index()) == {"unchanged": 3}
    assert len(world.ids) == 6
    assert counts(world.index(prune=True)) == {"unchanged": 3, "retired": 2}
    assert set(world.ids) == {"A/1.png", "B/1.png", "C/1.jpg", "Z/1.png"}
    paint(world.shop / "A/2.png", 1)  # and back again: a new image, never an old id
    assert counts(world.index(prune=True)) == {"added": 1, "unchanged": 3}
    assert world.ids["A/2.png"] == 7


def test_a_file_that_is_gone_for_the_moment_keeps_its_image(world: World) -> None:
    table = world.table("sku,image\nA,A/1.png\nA,A/2.png\n")
    world.index(table)
    before = world.ids
    (world.shop / "A/1.png").rename(world.shop / "elsewhere.png")
    report = world.index(table, prune=True)
    assert counts(report) == {"unchanged": 1, "refused": 1}
    assert report.refusals[0].code == "missing"
    assert world.ids == before
    (world.shop / "elsewhere.png").rename(world.shop / "A/1.png")
    assert counts(world.index(table)) == {"unchanged": 2}
    assert world.ids == before


def test_one_bad_file_or_row_does_not_stop_the_rest(world: World) -> None:
    (world.shop / "A/0.png").write_bytes(b"")
    (world.shop / "B/0.jpg").write_bytes(b"not an image at all, but long enough to look into" * 9)
    whole = (world.shop / "A/1.png").read_bytes()
    (world.shop / "C/0.png").write_bytes(whole[: len(whole) // 2])
    table = world.table("sku,image\nA,A/1.png\n,A/2.png\nD,nothing.png\nE,E\n")
    (world.shop / "E").mkdir()
    report = world.index(table, world.shop)
    assert counts(report) == {"added": 5, "refused": 6}
    codes = ["bad_row", "missing", "missing", "zero_size", "not_an_image", "truncated"]
    assert [refusal.code for refusal in report.refusals] == codes
    assert world.catalog.images.counts()["images_refused"] == 5
    assert sorted(r.code for r in world.catalog.images.refused()) == sorted(codes)
    assert counts(world.index(table, world.shop)) == {"unchanged": 5, "refused": 6}
    assert len(world.catalog.images.refused()) == 6


def test_what_was_refused_and_then_repaired_is_described(world: World) -> None:
    good = (world.shop / "A/1.png").read_bytes()
    (world.shop / "A/1.png").write_bytes(good[:100])
    assert counts(world.index()) == {"added": 4, "refused": 1}
    (world.shop / "A/1.png").write_bytes(good[:150])  # broken in another way
    assert counts(world.index()) == {"unchanged": 4, "refused": 1}
    (world.shop / "A/1.png").write_bytes(good)
    assert counts(world.index()) == {"changed": 1, "unchanged": 4}
    assert world.catalog.images.refused() == []
    assert world.catalog.images.counts() == {"products": 4, "images_ok": 5, "images_refused": 0, "images_retired": 2}
    (world.shop / "A/1.png").write_bytes(good[:100])  # and from good to bad
    assert counts(world.index()) == {"unchanged": 4, "refused": 1}
    assert world.catalog.images.counts() == {"products": 4, "images_ok": 4, "images_refused": 1, "images_retired": 3}


def test_a_photo_listed_twice_is_one_image_of_each_product(world: World) -> None:
    table = world.table("sku,image\nA,A/1.png\nA,A/1.png\nA,./A/1.png\nB,A/1.png\n")
    assert counts(world.index(table)) == {"added": 2}
    assert counts(world.index(table, table)) == {"unchanged": 2}
    assert set(world.ids) == {"A/1.png", "B/1.png"}


def test_new_settings_describe_anew_without_new_ids(world: World) -> None:
    world.index()
    before = world.ids
    old = world.methods["phash"].fingerprint
    world.methods["phash"] = create("phash", {"statistic": "mean"})
    later(world.shop / "B/1.png")
    paint(world.shop / "C/1.jpg", 70)
    later(world.shop / "C/1.jpg")
    assert counts(world.index()) == {"redescribed": 4, "changed": 1}
    assert world.ids == before | {"C/1.jpg": 6}
    assert world.catalog.descriptors.counts()[world.methods["phash"].fingerprint] == 5
    assert counts(world.index()) == {"unchanged": 5}
    world.methods["phash"] = create("phash")  # and back: what is there need not be made again
    assert world.methods["phash"].fingerprint == old
    assert counts(world.index()) == {"unchanged": 4, "redescribed": 1}


def test_product_data_follows_the_table(world: World) -> None:
    table = world.table("sku,image,name,atc\nA,A/1.png,Ibu 400,M01\n")
    world.index(table)
    world.table("sku,image,name,strength,atc\nA,A/1.png,Ibu,400 mg,M01AE01\n")
    assert counts(world.index(table)) == {"unchanged": 1}
    [facts] = world.catalog.images.facts([1]).values()
    assert (facts.name, facts.strength, facts.attributes) == ("Ibu", "400 mg", {"atc": "M01AE01"})
    world.index()  # the folder knows no names, and takes none away
    assert world.catalog.images.facts([1])[1].name == "Ibu"


def test_steps_are_committed_as_they_fill(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    apply = world.catalog.images.apply

    def noting(**step: Any) -> None:
        sizes.append(len(step.get("add", ())))
        apply(**step)

    monkeypatch.setattr(world.catalog.images, "apply", noting)
    world.index()
    assert [size for size in sizes if size] == [3, 2]


def test_what_was_committed_before_an_interruption_stays(world: World) -> None:
    def interrupt(done: int, total: int, text: str) -> None:
        assert total == 5
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        world.index(progress=interrupt)
    assert world.catalog.images.counts()["images_ok"] == 3
    assert counts(world.index()) == {"added": 2, "unchanged": 3}


def test_reading_ahead_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        paint(world.shop / "many" / f"{number}.png", 100 + number)
    begun, done, most = [0], [0], [0]
    look = Describer._look

    def counting(self: Describer, job: Any) -> Any:
        begun[0] += 1
        most[0] = max(most[0], begun[0] - done[0])
        return look(self, job)

    def slow(number: int, total: int, text: str) -> None:
        done[0] = number
        time.sleep(0.002)

    monkeypatch.setattr(Describer, "_look", counting)
    assert counts(world.index(progress=slow)) == {"added": 65}
    # A batch for each of two threads, one more, and the one being worked off.
    assert most[0] <= (2 + 1 + 1) * 4


def test_a_slow_photo_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of its batch goes on in another thread."""
    for number in range(7):
        paint(world.shop / "many" / f"{number}.png", 100 + number)
    world.settings = IndexingSettings(workers=2, batch=6)
    others, lock = [0], Lock()
    waited: list[bool] = []
    go_on = Event()
    look = Describer._look

    def slow(self: Describer, job: Any) -> Any:
        with lock:
            first, others[0] = not waited and not others[0], others[0] + 1
        if first:
            waited.append(go_on.wait(30))
        elif others[0] == 12:
            go_on.set()
        return look(self, job)

    monkeypatch.setattr(Describer, "_look", slow)
    assert counts(world.index()) == {"added": 12}
    assert waited == [True]


def test_workers_are_as_many_as_the_cores_that_this_process_may_use(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container with two of 64 cores must not hold 64 batches of decoded photos."""
    made: list[int] = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers: int, **more: Any) -> None:
            made.append(workers)
            super().__init__(workers, **more)

    monkeypatch.setattr(indexer, "ThreadPoolExecutor", Pool)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(indexer, "cores", lambda: 2)
    world.settings = IndexingSettings(workers=0)
    assert counts(world.index()) == {"added": 5}
    assert made == [2]


def test_order_and_results_do_not_depend_on_threads(world: World, tmp_path: Path) -> None:
    found = []
    for workers in (1, 4):
        with closing(Catalog(tmp_path / f"{workers}.db", CatalogSettings())) as catalog:
            alike = World(world.shop, catalog, world.methods, IndexingSettings(workers=workers, batch=2))
            alike.index()
            found.append((alike.ids, catalog.descriptors.of(world.methods["orb"].fingerprint, range(9))))
    assert found[0] == found[1]


def test_the_network_describes_in_batches_and_names_surfaces(
    world: World, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    siamese = create("siamese", {"weights": str(kit.weights), "precision": "float32", "device": "cpu"})
    assert isinstance(siamese, Siamese)
    world.methods["siamese"] = siamese
    (world.shop / "B/0.png").write_bytes(b"broken")
    sizes: list[int] = []
    real = Siamese.describe_with_surface

    def noting(self: Siamese, photos: Sequence[Image]) -> Any:
        sizes.append(len(photos))
        return real(self, photos)

    monkeypatch.setattr(Siamese, "describe_with_surface", noting)
    table = world.table("sku,image,surface\nC,C/1.jpg,back\n")
    assert counts(world.index(world.shop, table)) == {"added": 5, "refused": 1}
    assert sorted(sizes) == [2, 3]  # four photos a batch, one of the first four is broken
    ids, embeddings = world.catalog.descriptors.matrix(siamese.fingerprint, siamese.dtype, siamese.dim)
    assert len(ids) == 5
    expected = describe(siamese, [world.shop / "A/1.png"])[0]
    assert float(embeddings[0] @ expected) == pytest.approx(1.0, abs=1e-4)
    surfaces = {f.surface for f in world.catalog.images.facts(ids).values()}
    assert "unknown" not in surfaces
    world.catalog.images.apply(retire=[world.ids["C/1.jpg"]])
    world.index(table)
    assert world.catalog.images.facts([world.ids["C/1.jpg"]])[world.ids["C/1.jpg"]].surface == "back"


def describe(method: Method, paths: Sequence[Path]) -> list[Descriptor]:
    from simsearch.core.images import load

    return method.describe([load(path, ImageSettings()) for path in paths])


# -- killed ----------------------------------------------------------------------------------------------------------

KILLED = """
import sys, time
from pathlib import Path
from simsearch.catalog import Catalog
from simsearch.ingest.sources import read_source
from simsearch.core.config import CatalogSettings, ImageSettings, IndexingSettings
from simsearch.ingest.indexer import Indexer
from simsearch.features import create

catalog = Catalog(Path(sys.argv[1]), CatalogSettings())
settings = IndexingSettings(workers=2, batch=4, commit_every=3)
methods = {"phash": create("phash"), "orb": create("orb", {"keypoints": 40})}
indexer = Indexer(catalog, methods, settings, ImageSettings())
indexer.run([read_source(Path(sys.argv[2]))], progress=lambda *_: time.sleep(0.05))
"""


def committed(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5)) as connection:
            return int(connection.execute("SELECT count(*) FROM images").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0


def cut_short(command: Sequence[str], database: Path, number: int) -> subprocess.CompletedProcess[str]:
    """Run `command` until ten images are in the catalog, then send it the signal `number`."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=-1, stderr=-1)
    try:
        deadline = time.monotonic() + 100
        while committed(database) < 10 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def whole(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        query = "SELECT path FROM images WHERE retired_at IS NULL GROUP BY product_id, path HAVING count(*) > 1"
        assert connection.execute(query).fetchall() == []


def test_killed_in_the_middle_it_goes_on_where_it_was(world: World, tmp_path: Path) -> None:
    for number in range(60):
        paint(world.shop / "many" / f"{number}.png", 100 + number)
    database = tmp_path / "killed.db"
    done = cut_short([sys.executable, "-c", KILLED, str(database), str(world.shop)], database, signal.SIGKILL)
    assert done.returncode == -signal.SIGKILL, done.stderr
    whole(database)
    kept = committed(database)
    assert 10 <= kept < 65
    with closing(Catalog(database, CatalogSettings())) as catalog:
        again = World(world.shop, catalog, world.methods)
        first = catalog.descriptors.active_ids(world.methods["orb"].fingerprint).tolist()
        assert len(first) == kept  # an image is there with all its descriptors or not at all
        assert counts(again.index()) == {"added": 65 - kept, "unchanged": kept}
        assert catalog.descriptors.active_ids(world.methods["orb"].fingerprint).tolist()[:kept] == first
        assert catalog.images.counts() == {"products": 5, "images_ok": 65, "images_refused": 0, "images_retired": 0}
        assert catalog.descriptors.counts() == {m.fingerprint: 65 for m in world.methods.values()}
    whole(database)


def test_interrupted_the_command_says_so_and_keeps_what_it_has(tmp_path: Path, kit: Any) -> None:
    for number in range(400):
        paint(tmp_path / "shop" / f"{number}.png", number)
    config = tmp_path / "config.toml"
    config.write_text(kit.config.read_text(encoding="utf-8") + "commit_every = 1\nbatch = 1\n", encoding="utf-8")
    home = tmp_path / "home"
    command = [sys.executable, "-c", "from simsearch.cli.main import main; main()"]
    command += ["--home", str(home), "--config", str(config), "index", str(tmp_path / "shop")]
    done = cut_short(command, home / "catalog.db", signal.SIGINT)
    assert done.returncode == 130, done.stderr
    assert done.stdout == ""
    assert done.stderr == "simsearch: interrupted; what was committed is kept, run it again to go on\n"
    whole(home / "catalog.db")
    assert 10 <= committed(home / "catalog.db") < 400
