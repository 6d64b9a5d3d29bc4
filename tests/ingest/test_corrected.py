"""What people corrected stays corrected when the sources are read again; the table of the source stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.corrections import EVERY
from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtKind, FilingAction
from simsearch.core.config import CatalogSettings, ImageSettings, IndexingSettings
from simsearch.core.types import silent
from simsearch.features import create
from simsearch.ingest.index_report import IndexReport
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.sources import read_source
from tests.ingest.test_indexer import paint


class Shelf:
    """A folder with A/1, A/2 and B/3, and its catalog."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "shelf"
        for number, name in enumerate(("A/1", "A/2", "B/3")):
            paint(self.folder / f"{name}.png", number)
        self.catalog = Catalog(folder / "catalog.db", CatalogSettings())
        self.methods = {"phash": create("phash")}
        self.index()

    def index(self, *, prune: bool = True) -> IndexReport:
        indexer = Indexer(self.catalog, self.methods, IndexingSettings(workers=1), ImageSettings())
        return indexer.run([read_source(self.folder)], retire_share=1.0 if prune else None, progress=silent)

    def filed(self) -> set[tuple[str, str]]:
        facts = self.catalog.images.facts(f.id for f in self.catalog.selection.contents())
        return {(f.sku, f.image) for f in facts.values()}

    def accept(self, sku: str, image: str, action: FilingAction, to: str = "") -> int:
        [facts] = [
            f for f in self.catalog.images.facts(c.id for c in self.catalog.selection.contents()).values()
            if (f.sku, f.image) == (sku, image)
        ]  # fmt: skip
        shown = DoubtedPhoto(facts.id, sku, image, facts.path, facts.sha256)
        new = Doubt(f"photo|{sku}|{image}", DoubtKind.OTHER_PRODUCT, sku, 0.9, "why", action, shown)
        *_, kept = self.catalog.doubts.keep([*self.catalog.doubts.open(), new])
        content = EVERY if action is FilingAction.MERGE else facts.sha256
        self.catalog.corrections.accept(kept.id, action, sku, content, to)
        return kept.id


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.catalog.close()


START = {("A", "A/1.png"), ("A", "A/2.png"), ("B", "B/3.png")}


def test_a_moved_photo_stays_where_people_put_it(shelf: Shelf) -> None:
    doubt = shelf.accept("A", "A/1.png", FilingAction.MOVE, "B")
    moved = {("B", "A/1.png"), ("A", "A/2.png"), ("B", "B/3.png")}
    for _ in range(2):
        report = shelf.index()
        assert (report.unchanged, report.added, report.retired, report.corrected) == (3, 0, 0, 1)
        assert shelf.filed() == moved
    shelf.catalog.corrections.undo(doubt)
    assert shelf.index().corrected == 0
    assert shelf.filed() == START


def test_a_file_with_other_content_is_filed_as_the_source_says(shelf: Shelf) -> None:
    shelf.accept("A", "A/1.png", FilingAction.MOVE, "B")
    paint(shelf.folder / "A/1.png", 9)
    report = shelf.index()
    assert (report.changed, report.corrected) == (1, 0)
    assert shelf.filed() == START


def test_the_same_content_at_a_new_place_is_filed_as_people_said(shelf: Shelf) -> None:
    shelf.accept("A", "A/1.png", FilingAction.MOVE, "B")
    (shelf.folder / "A/1.png").rename(shelf.folder / "A/one.png")
    report = shelf.index()
    assert (report.added, report.retired, report.corrected) == (1, 1, 1)
    assert shelf.filed() == {("B", "A/one.png"), ("A", "A/2.png"), ("B", "B/3.png")}


def test_new_photos_of_a_merged_sku_go_along(shelf: Shelf) -> None:
    doubt = shelf.accept("A", "A/1.png", FilingAction.MERGE, "B")
    paint(shelf.folder / "A/4.png", 4)
    report = shelf.index()
    assert (report.added, report.corrected) == (1, 3)
    assert {sku for sku, _ in shelf.filed()} == {"B"}
    shelf.catalog.corrections.undo(doubt)
    assert shelf.index().retired == 0
    assert shelf.filed() == START | {("A", "A/4.png")}


def test_a_photo_that_is_left_out_does_not_come_back(shelf: Shelf) -> None:
    doubt = shelf.accept("A", "A/1.png", FilingAction.LEAVE_OUT)
    for _ in range(2):
        report = shelf.index()
        assert (report.unchanged, report.added, report.retired, report.left_out) == (2, 0, 0, 1)
        assert shelf.filed() == START - {("A", "A/1.png")}
    (shelf.folder / "A/1.png").rename(shelf.folder / "A/one.png")
    assert (shelf.index().added, len(shelf.filed())) == (0, 2)
    (shelf.folder / "A/one.png").rename(shelf.folder / "A/1.png")
    shelf.catalog.corrections.undo(doubt)
    assert shelf.index().added == 0
    assert shelf.filed() == START


def test_what_the_table_says_is_not_mixed(shelf: Shelf, tmp_path: Path) -> None:
    shelf.accept("A", "A/1.png", FilingAction.MOVE, "B")
    table = tmp_path / "table.csv"
    rows = ["sku,image,name", *(f"{sku},shelf/{image},Drug {sku}" for sku, image in sorted(START))]
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    indexer = Indexer(shelf.catalog, shelf.methods, IndexingSettings(workers=1), ImageSettings())
    indexer.run([read_source(table)], progress=silent)
    assert {p.sku: p.name for p in shelf.catalog.selection.products()} == {"A": "Drug A", "B": "Drug B"}
    facts = shelf.catalog.images.facts(f.id for f in shelf.catalog.selection.contents())
    assert {(f.sku, Path(f.path).stem, f.name) for f in facts.values()} == {
        ("A", "2", "Drug A"), ("B", "1", "Drug B"), ("B", "3", "Drug B"),
    }  # fmt: skip
