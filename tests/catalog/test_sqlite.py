"""A catalog that cannot be written answers, and says so when it is to be changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError

SETTINGS = CatalogSettings(busy_timeout_s=2)
P = "phash-1"
NOBODY = 65534


@pytest.fixture
def home() -> Iterator[Path]:
    """Not below pytest's own folder, which only its user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="simsearch-home-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


@contextmanager
def powerless() -> Iterator[None]:
    """As somebody to whom permissions apply: root may write anywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@contextmanager
def unwritable(home: Path, *, folder: int = 0o555) -> Iterator[None]:
    """Nothing in `home` may be written."""
    files = [path for path in home.iterdir() if path.is_file()]
    for path in files:
        path.chmod(0o444)
    home.chmod(folder)
    try:
        with powerless():
            yield
    finally:
        home.chmod(0o755)
        for path in files:
            if path.exists():
                path.chmod(0o644)


@pytest.fixture
def filled(home: Path, new: Any) -> Path:
    with closing(Catalog(home / "catalog.db", SETTINGS)) as catalog:
        catalog.images.apply(add=[new("A", "/1", {P: b"12345678"}, name="Ibu")])
    return home


def answers(catalog: Catalog) -> bool:
    [product] = catalog.selection.products()
    return product.name == "Ibu" and catalog.descriptors.of(P, [1]) == {1: b"12345678"}


def refuses(change: Callable[[], object]) -> bool:
    with pytest.raises(CatalogError, match=r"catalog\.db: can be read but not written; check the permissions"):
        change()
    return True


@pytest.mark.parametrize("folder", [0o555, 0o777], ids=["folder too", "file alone"])
def test_it_answers_and_refuses_to_change(filled: Path, folder: int, tmp_path: Path) -> None:
    with unwritable(filled, folder=folder), closing(Catalog(filled / "catalog.db", SETTINGS)) as catalog:
        assert catalog.database.read_only
        assert answers(catalog)
        assert catalog.revision() == 1
        assert catalog.housekeeping.integrity() == ""
        assert refuses(lambda: catalog.images.note_refusals("/s", []))
        assert refuses(lambda: catalog.images.apply(retire=[1]))
        assert refuses(lambda: catalog.builds.record("g000001", 0, "built", {}))
        assert refuses(lambda: catalog.decisions.drop_old(400))
        assert answers(catalog)
    if folder == 0o555:
        assert os.listdir(filled) == ["catalog.db"]
    with closing(Catalog(filled / "catalog.db", SETTINGS)) as catalog:
        assert not catalog.database.read_only
        catalog.images.apply(retire=[1])


@pytest.mark.parametrize("name", ["a ? b", "100 %41", "Φωτό 药盒", "#tag&x=1;y"])
def test_any_folder_name_will_do(filled: Path, name: str) -> None:
    (filled / name).mkdir(mode=0o755)
    shutil.move(filled / "catalog.db", filled / name / "catalog.db")
    with unwritable(filled / name), closing(Catalog(filled / name / "catalog.db", SETTINGS)) as catalog:
        assert answers(catalog)


def test_it_can_be_copied(filled: Path) -> None:
    to = Path(tempfile.mkdtemp(prefix="simsearch-copy-"))
    to.chmod(0o777)
    with unwritable(filled), closing(Catalog(filled / "catalog.db", SETTINGS)) as catalog:
        catalog.housekeeping.backup(to / "copy.db")
    with closing(Catalog(to / "copy.db", SETTINGS)) as copy:
        assert answers(copy)
    shutil.rmtree(to)


def test_what_another_user_writes_is_seen(filled: Path, new: Any) -> None:
    """Both while the writer holds the file open, in its WAL, and after it closed."""
    path = filled / "catalog.db"
    if os.geteuid() != 0:
        pytest.skip("needs a second user")
    with powerless():
        reader = Catalog(path, SETTINGS)
        assert reader.database.read_only
        assert reader.revision() == 1
    writer = Catalog(path, SETTINGS)
    for wanted in (2, 3):
        writer.images.apply(add=[new("B", f"/{wanted}", {P: b"87654321"})])
        with powerless():
            assert reader.revision() == wanted
            assert reader.images.counts()["images_ok"] == wanted
    writer.close()
    with powerless():
        assert reader.images.counts()["images_ok"] == 3
    with closing(Catalog(path, SETTINGS)) as writer:
        writer.images.apply(retire=[1])
    with powerless():
        assert reader.revision() == 4
        assert reader.descriptors.active_ids(P).tolist() == [2, 3]
        assert reader.housekeeping.integrity() == ""
        reader.close()


def test_changes_that_cannot_be_read_are_told(filled: Path, new: Any) -> None:
    """A WAL that a killed writer left: without it the file would be read as it was before."""
    path = filled / "catalog.db"
    with closing(Catalog(path, SETTINGS)) as writer:
        writer.images.apply(add=[new("B", "/2", {P: b"87654321"})])
        (filled / "left").mkdir(mode=0o755)
        for name in ("catalog.db", "catalog.db-wal"):
            shutil.copy(filled / name, filled / "left" / name)
    with unwritable(filled / "left"), pytest.raises(CatalogError, match=r"its latest changes are in catalog\.db-wal"):
        Catalog(filled / "left" / "catalog.db", SETTINGS)
    with closing(Catalog(filled / "left" / "catalog.db", SETTINGS)) as catalog:
        assert catalog.revision() == 2


def test_an_older_schema_is_told(home: Path) -> None:
    with closing(sqlite3.connect(home / "catalog.db")) as connection:
        connection.executescript((Path(__file__).parent / "schemas/0001.sql").read_text(encoding="utf-8"))
    with (
        unwritable(home),
        pytest.raises(CatalogError, match="its schema 0001 is older than this simsearch"),
    ):
        Catalog(home / "catalog.db", SETTINGS)


def test_none_can_be_made_there(home: Path) -> None:
    with unwritable(home), pytest.raises(CatalogError, match="check the path, its permissions"):
        Catalog(home / "catalog.db", SETTINGS)
