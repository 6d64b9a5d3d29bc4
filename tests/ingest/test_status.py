"""What the status of a home says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch import open_app
from simsearch.app import App
from simsearch.core.status import Status
from simsearch.ingest.status import disk_usage, read_status

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


def status(app: App, *, verify: bool = False) -> Status:
    return read_status(app.home, app.catalog, app.methods, app.generations, app.print_stage, verify=verify)


def test_a_home_from_empty_to_sound(app: App, shelf: Path) -> None:
    with app:
        found = status(app)
        assert (found.generation, found.kept, found.problem) == ("", (), "")
        app.index([shelf], rebuild=True)
        found = status(app, verify=True)
        assert (found.generation, found.kept, found.problem, found.sound) == ("g000001", ("g000001",), "", True)
        assert dict(found.counts) == {"products": 6, "images_ok": 6, "images_refused": 0, "images_retired": 0}
        assert (dict(found.undescribed), dict(found.stale)) == ({}, {})
        assert [build["state"] for build in found.generations] == ["built"]


def test_verify_reads_the_generations_that_do_not_serve_too(app: App, shelf: Path) -> None:
    with app:
        app.index([shelf], rebuild=True)
        app.rebuild()
        path = app.generations.folder / "g000001/phash.index"
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        assert status(app).sound
        assert "g000001/phash.index: does not have the content" in status(app, verify=True).problem


def test_disk_usage(tmp_path: Path) -> None:
    for name, count in {"catalog.db": 3, "catalog.db-wal": 4, "generations/g000001/x": 5, "backups/y": 6}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * count)
    assert disk_usage(tmp_path, tmp_path / "generations") == {"catalog": 7, "generations": 5, "backups": 6}
