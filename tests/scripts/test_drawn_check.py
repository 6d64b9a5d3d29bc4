"""The check of a drawn catalog, as scripts/bench/check.py draws it: what is looked at again, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from bench.check import add, catalog_photos, night_photos, row

from simsearch import App, open_app
from simsearch.catalog.tables import CheckedCaseRow, CheckedPairRow, CheckedRow, CheckStateRow
from simsearch.core.types import SourceRow
from simsearch.filing.nearby import Near, Nearby
from simsearch.recognition.print_pairs import PrintSide

IMAGES, NIGHT, PHOTOS = 60, 12, 3


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    """Checked: twenty products, three photos each, all described and read."""
    with open_app(tmp_path / "home") as opened:
        add(opened, catalog_photos(IMAGES, PHOTOS))
        opened.rebuilder.build()
        opened.check()
        yield opened


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The images that the lanes are asked for."""
    found: list[int] = []
    by_print = Nearby.by_print

    def noted(self: Nearby, image_id: int, side: PrintSide) -> list[Near]:
        found.append(image_id)
        return by_print(self, image_id, side)

    monkeypatch.setattr(Nearby, "by_print", noted)
    return found


def evidence(app: App) -> dict[int, Any]:
    with app.catalog.database.read() as c:
        rows = c.execute(sa.select(CheckedRow.image_id, CheckedRow.evidence)).all()
    return {i: {**kept, "own": sorted(kept["own"])} for i, kept in rows}


def told(app: App) -> list[tuple[str, float, str]]:
    return [(d.key, round(d.probability, 4), d.reason) for d in app.check().doubts]


def test_a_night_looks_at_what_is_new_and_beside_it_at_photos_of_its_sku(app: App, asked: list[int]) -> None:
    before = evidence(app)
    add(app, night_photos(IMAGES, NIGHT, PHOTOS))
    by_steps, after = told(app), evidence(app)
    new = after.keys() - before.keys()
    assert len(new) == NIGHT
    assert {*asked} == new
    mates = {i for i in before if before[i]["own"] != after[i]["own"]}
    assert len(mates) == NIGHT // 2 * PHOTOS
    assert all({*before[i]} == {*after[i]} for i in before)
    with app.catalog.database.write() as c:
        for table in (CheckedPairRow, CheckedRow, CheckedCaseRow, CheckStateRow):
            c.execute(sa.delete(table))
    at_once = told(app)
    assert by_steps == at_once
    whole = evidence(app)
    assert all(after[i] == whole[i] for i in new)
    assert all(after[i]["own"] == whole[i]["own"] for i in before)


def test_a_row_that_comes_later_is_held_against_older_photos_that_print_its_name(app: App, asked: list[int]) -> None:
    """Two rows change: one gets the name of another product, one a name that no photo prints."""
    printed, other, silent = row(3).name, "sku-0000011", "sku-0000017"
    named = {i for i, kept in evidence(app).items() if other in kept["named"]}
    assert not named
    own = {f.id for f in app.catalog.selection.contents() if f.sku in (other, silent)}
    print_it = {f.id for f in app.catalog.selection.contents() if f.sku == row(3).sku}
    # Their own row says another name from now on, so that it does not explain what they print.
    app.catalog.images.update_products([SourceRow(row(3).sku, "", "", "", name="Zzyzxol")])
    app.check()
    asked.clear()
    renamed = [SourceRow(other, "", "", "", name=printed), SourceRow(silent, "", "", "", name="Qwertadrin")]
    app.catalog.images.update_products(renamed)
    app.check()
    assert {*asked} >= own | print_it
    assert all(other in kept["named"] for i, kept in evidence(app).items() if i in print_it)
    beside = {i for i, kept in evidence(app).items() if own & {pair[0] for pair in kept["others"]}}
    assert {*asked} <= own | print_it | beside
    asked.clear()
    app.check()
    assert not asked
