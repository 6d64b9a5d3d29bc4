"""`simsearch catalog copy`, as a user meets it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from simsearch.catalog import Catalog
from simsearch.core.config import CatalogSettings
from simsearch.core.types import Decision, Outcome

if TYPE_CHECKING:
    from tests.conftest import Run


def test_a_catalog_is_copied_between_homes(on: Run, tmp_path: Path) -> None:
    answer = Decision("q.jpg", Outcome.UNKNOWN, None, None, 0.125, (), "g000001", 1.5)
    with closing(Catalog(tmp_path / "old" / "catalog.db", CatalogSettings())) as catalog:
        catalog.decisions.record([(answer, "1" * 64)], {})
    (tmp_path / "new").mkdir()
    old, new, home = tmp_path / "old", tmp_path / "new", tmp_path / "home"
    [told] = on(home, "catalog", "copy", old, new, "--json").objects
    assert (told["from"], told["to"]) == (str(old / "catalog.db"), str(new / "catalog.db"))
    assert told["rows"]["decisions"] == 1
    assert "holds a catalog already; name a database that is empty" in on(home, "catalog", "copy", old, new).error(2)
    missing = on(home, "catalog", "copy", tmp_path / "none", tmp_path / "other.db").error(5)
    assert "none/catalog.db: there is no catalog here" in missing
    assert not (tmp_path / "other.db").exists()
    said = on(home, "catalog", "copy", new, tmp_path / "third.db").out
    assert "0 images, 0 descriptors, 1 answers and 0 reviews, compared after writing" in said
