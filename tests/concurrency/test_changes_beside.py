"""Long jobs beside changes: what is retired, changed or vanishes meanwhile is left out, and never ends a job."""

from __future__ import annotations

import random
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from simsearch import open_app
from simsearch.app import App
from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings
from simsearch.core.types import Decision
from simsearch.evaluation.ask import ask
from simsearch.evaluation.protocol import read_protocol
from simsearch.indexes.pills import PillSource
from simsearch.ingest.rebuild import Rebuilder
from tests.conftest import Kit, Shop


@dataclass
class Shelf:
    """A home with the shop, whose photos and images somebody takes away, one after the other."""

    home: Path
    folder: Path
    """One sub-folder a product, two photos each."""

    @property
    def photos(self) -> list[Path]:
        """Those that are there, sorted."""
        return sorted(self.folder.rglob("*.jpg"))

    @contextmanager
    def emptied(self, *, files: bool, images: bool) -> Iterator[None]:
        """While it is entered, a thread with a connection of its own deletes files and retires images at random."""
        rng, stop = random.Random(3), threading.Event()
        gone = rng.sample(self.photos, len(self.photos) // 3)
        catalog = Catalog(self.home / "catalog.db", CatalogSettings()) if images else None
        failed: list[BaseException] = []

        def take_away() -> None:
            try:
                for photo in gone:
                    if files:
                        photo.unlink(missing_ok=True)
                    if catalog is not None:
                        known = catalog.images.known([])
                        catalog.images.apply(retire=[rng.choice(known).id] if len(known) > 12 else [])
                    if stop.wait(0.02):
                        return
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=take_away)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            if catalog is not None:
                catalog.close()
        assert failed == []


@pytest.fixture
def shelf(tmp_path: Path, kit: Kit, shop: Shop) -> Shelf:
    made = Shelf(tmp_path / "home", tmp_path / "photos")
    for photo in sorted((shop.table.parent / "images").glob("*.jpg")):
        folder = made.folder / photo.stem.rpartition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy2(photo, folder)
    with open_app(made.home, kit.config) as app:
        app.index([made.folder], rebuild=True)
    return made


def still_answers(app: App) -> None:
    """The indexes fit the catalog, and an image that is left is found."""
    assert app.status().problem == ""
    for image in app.catalog.images.known([]):
        with suppress(OSError):
            [answer] = app.query(Path(image.path).read_bytes(), record=False)
            assert isinstance(answer, Decision)
            return


JOBS: dict[str, Callable[[App, Shelf], object]] = {
    "duplicates": lambda app, shelf: app.find_duplicates(),
    "rebuild": lambda app, shelf: app.rebuild(),
    "index": lambda app, shelf: app.index(shelf.folder, reread=True),
    "index anew": lambda app, shelf: app.index(shelf.folder, prune_all=True, rebuild=True),
    "nightly": lambda app, shelf: app.nightly(shelf.folder),
    "status": lambda app, shelf: app.status(verify=True),
    "calibrate": lambda app, shelf: app.calibrate(shelf.folder),
    "queries": lambda app, shelf: app.query(shelf.photos, record=False),
    "verify": lambda app, shelf: app.verify([(one, shelf.photos[0]) for one in shelf.photos]),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["files", "images", "both"])
@pytest.mark.parametrize("job", JOBS)
def test_a_job_goes_on_beside_changes(shelf: Shelf, kit: Kit, job: str, what: str) -> None:
    with open_app(shelf.home, kit.config) as app:
        with shelf.emptied(files=what != "images", images=what != "files"):
            JOBS[job](app, shelf)
        still_answers(app)


@pytest.mark.timeout(300)
def test_an_evaluation_goes_on_beside_changes(shelf: Shelf, kit: Kit, tmp_path: Path) -> None:
    with open_app(tmp_path / "measured", kit.config) as app:
        app.index(shelf.folder)
        other = Shelf(tmp_path / "measured", shelf.folder)
        protocol = read_protocol(shelf.folder)
        with other.emptied(files=True, images=True):
            asked, refusals = ask(app, protocol, lambda done, total, text: None)
    assert asked
    assert len(asked) + len({r.where for r in refusals}) >= len(protocol.queries)
    assert {r.code for r in refusals} <= {"missing", "retired", "zero_size", "truncated"}


@pytest.mark.parametrize("moment", ["first lane", "votes"])
def test_a_build_sees_the_catalog_as_it_began(
    shelf: Shelf, kit: Kit, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Also what is retired between two lanes is in all of them, and none of it is an answer."""
    with open_app(shelf.home, kit.config) as app:
        before = app.catalog.images.counts()["images_ok"]
        first, *_ = app.catalog.images.known([])
        lanes = Rebuilder._lane_vectors

        def interrupted(self: Rebuilder, revision: int, pills: PillSource | None) -> Iterator[object]:
            for number, lane in enumerate(lanes(self, revision, pills)):
                if number == (moment == "votes"):
                    app.catalog.images.apply(retire=[first.id])
                yield lane

        monkeypatch.setattr(Rebuilder, "_lane_vectors", interrupted)
        name = app.rebuild()
        assert app.generations.manifest(name).images == before
        assert app.status().problem == ""
        assert app.rebuilder.state().outside == 1
        [answer] = app.query(Path(first.path), k=100, record=False)
        assert isinstance(answer, Decision)
        assert first.id not in {hit.image_id for hit in answer.hits}
        monkeypatch.undo()
        assert app.generations.manifest(app.rebuild()).images == before - 1


def test_descriptors_as_of_a_revision(shelf: Shelf, kit: Kit) -> None:
    with open_app(shelf.home, kit.config) as app:
        method = app.methods["phash"]
        revision, fingerprint = app.catalog.revision(), method.fingerprint
        ids = app.catalog.descriptors.active_ids(fingerprint)
        app.catalog.images.apply(retire=ids[:3].tolist())
        assert np.array_equal(app.catalog.descriptors.active_ids(fingerprint, at=revision), ids)
        assert len(app.catalog.descriptors.active_ids(fingerprint)) == len(ids) - 3
        blocks = app.catalog.descriptors.sweep({fingerprint: (method.dtype, method.shape[0])}, revision)
        assert sum(len(part) for _, part, _ in blocks) == len(ids)
