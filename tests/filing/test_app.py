"""The check of a whole catalog: what it finds, how people decide, and what stays as it was."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from simsearch import App, open_app
from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtKind, FilingAction
from simsearch.catalog.tables import CheckedCaseRow, CheckedPairRow, CheckedRow, CheckStateRow, DoubtRow
from simsearch.core.errors import UsageError
from simsearch.filing import crew, seeing

if TYPE_CHECKING:
    from tests.conftest import Kit, Run, Shop


@pytest.fixture
def app(home: Path, kit: Kit) -> Iterator[App]:
    """As if it had been indexed without a check."""
    with open_app(home, kit.config) as opened:
        forget_all(opened)
        yield opened


def forget_all(app: App) -> None:
    """As if no check had ever been made."""
    with app.catalog.database.write() as c:
        for table in (CheckedPairRow, CheckedRow, CheckedCaseRow, CheckStateRow, DoubtRow):
            c.execute(sa.delete(table))


def pairs(doubts: tuple[Doubt, ...]) -> set[frozenset[str]]:
    return {frozenset((d.sku, d.against_sku)) for d in doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE}


def filed(app: App) -> set[tuple[str, str]]:
    return {(f.sku, f.sha256) for f in app.catalog.selection.contents()}


def test_products_that_are_filed_twice_are_found_once_and_nothing_is_seen_again(app: App, shop: Shop) -> None:
    first = app.check()
    assert first.looked_at == first.images == len(app.catalog.selection.contents())
    assert pairs(first.doubts) >= {frozenset((d.sku_a, d.sku_b)) for d in shop.planted if d.kind == "identical"}
    assert first.new == len(first.doubts)
    again = app.check()
    assert (again.looked_at, again.new) == (0, 0)
    assert [(d.id, d.key) for d in again.doubts] == [(d.id, d.key) for d in first.doubts]
    assert app.filing.open() == list(again.doubts)


def test_several_processes_see_what_one_does(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = app.check()
    before = evidence(app)
    forget_all(app)
    monkeypatch.setattr(crew, "_WORTH", 1)
    monkeypatch.setattr(seeing, "_BLOCK", 8)
    app.config = replace(app.config, check=replace(app.config.check, processes=2))
    together = app.check()
    assert evidence(app) == before
    assert together.looked_at == alone.looked_at
    assert [d.key for d in together.doubts] == [d.key for d in alone.doubts]


def evidence(app: App) -> dict[int, object]:
    with app.catalog.database.read() as c:
        return {row.image_id: row.evidence for row in c.execute(sa.select(CheckedRow.image_id, CheckedRow.evidence))}


def test_without_anything_new_nothing_is_looked_at_or_judged(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsearch.filing.filed import Filing

    first = app.check()

    def loaded(*_: object) -> Filing:
        raise AssertionError("the catalog was loaded")

    monkeypatch.setattr(Filing, "of", loaded)
    again = app.check()
    assert [told(d) for d in again.doubts] == [told(d) for d in first.doubts]
    assert (again.looked_at, again.images, again.without_print) == (0, first.images, first.without_print)


def test_step_by_step_a_check_finds_what_one_at_once_does(app: App, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    head, *rows = shop.table.read_text(encoding="utf-8").splitlines()
    part = shop.table.parent / "part.csv"
    try:
        part.write_text("\n".join([head, *rows[::2]]) + "\n", encoding="utf-8")
        app.index([shop.table], prune_all=True)
        app.check()
        [doubt] = [d for d in app.check().doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE][:1]
        for step in ("accept", "less", "more", "forget"):
            if step == "accept":
                app.filing.accept(doubt.id)
            elif step == "forget":
                app.filing.forget(doubt.id)
            else:
                part.write_text("\n".join([head, *(rows[::2] if step == "less" else rows)]) + "\n", encoding="utf-8")
                app.index([part], prune_all=True, forget=[shop.table] if step == "less" else (), check=False)
            by_steps = app.check()
            said = {d.key for d in app.filing.said()}
            with open_app_without_checks(app, kit, tmp_path / step) as other:
                at_once = other.check()
            assert [told(d) for d in by_steps.doubts] == [told(d) for d in at_once.doubts if d.key not in said], step
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def open_app_without_checks(app: App, kit: Kit, home: Path) -> Iterator[App]:
    """A copy of a home as if no check had ever been made; what people said stays."""
    shutil.copytree(app.home, home, ignore=shutil.ignore_patterns("catalog.db*"))
    app.catalog.housekeeping.backup(home / "catalog.db")
    with open_app(home, kit.config) as other:
        with other.catalog.database.write() as c:
            for table in (CheckedPairRow, CheckedRow, CheckedCaseRow, CheckStateRow):
                c.execute(sa.delete(table))
        yield other


def test_a_killed_check_goes_on_where_it_was(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    from simsearch.filing import seeing

    monkeypatch.setattr(seeing, "_BLOCK", 8)

    def stop(done: int, total: int, text: str) -> None:
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        app.check(progress=stop)
    images = len(app.catalog.selection.contents())
    # What was seen is not seen again, but for photos that a new one comes near to.
    assert images - 16 <= app.check().looked_at < images


def test_a_merge_is_kept_by_the_next_index_and_undone(app: App, shop: Shop) -> None:
    before = filed(app)
    [doubt] = [d for d in app.check().doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE][:1]
    done = app.filing.accept(doubt.id, note="seen")
    assert done.images > 0
    assert doubt.sku not in {sku for sku, _ in filed(app)}
    report = app.index([shop.table])
    assert report.corrected == done.images
    assert report.added == 0
    assert doubt.key not in [d.key for d in app.check().doubts]
    undone = app.filing.forget(doubt.id)
    assert (undone.images, undone.doubt.verdict) == (done.images, None)
    assert filed(app) == before
    assert app.index([shop.table]).corrected == 0
    assert [d.key for d in app.check().doubts if d.id == doubt.id] == [doubt.key]


def test_indexing_counts_new_doubts_and_status_the_open_ones(app: App, shop: Shop) -> None:
    first = app.index([shop.table], reread=True)
    assert first.filing is None, "nothing came in"
    before = app.check().doubts
    app.index([shop.table], prune_all=True)
    assert sum(app.status().filing.values()) == len(before)
    app.filing.dismiss(before[0].id)
    assert sum(app.status().filing.values()) == len(before) - 1


def test_words_of_a_sheet_are_carried_out_and_what_cannot_be_is_told(app: App, tmp_path: Path, on: Run) -> None:
    [doubt] = [d for d in app.check().doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE][:1]
    lines = [
        {"doubt": doubt.id, "key": doubt.key, "said": "accepted"},
        {"doubt": doubt.id, "key": "another", "said": "dismissed"},
        {"doubt": doubt.id, "key": doubt.key, "said": "dismissed"},
    ]
    file = tmp_path / "decisions.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    home = app.home
    app.close()
    done = on(home, "check", "import", file)
    assert (done.code, "accepted; merge" in done.out) == (8, True)
    assert "decisions.jsonl:2: doubt" in done.err
    assert "is another one here" in done.err
    assert "was accepted before" in done.err


def test_photos_in_doubt_are_listed_and_can_be_left_out_of_a_table(app: App, shop: Shop) -> None:
    from dataclasses import replace

    from simsearch.evaluation.protocol import read_protocol

    [facts] = list(app.catalog.images.facts([1]).values())
    shown = DoubtedPhoto(1, facts.sku, facts.image, facts.path, facts.sha256)
    one = Doubt("photo|x", DoubtKind.ODD_PHOTO, facts.sku, 0.9, "why", FilingAction.LEAVE_OUT, shown)
    elsewhere = replace(one, key="photo|y", photo=replace(shown, path="/none.jpg"))
    app.catalog.doubts.keep([one, elsewhere])
    assert [d.key for d in app.doubted([shop.table])] == ["photo|x"]
    whole, less = (read_protocol(shop.table, without=w) for w in ((), [facts.path]))
    photos = [{p.path for p in (*of.references, *of.queries)} for of in (whole, less)]
    assert photos[0] - photos[1] == {facts.path}


def test_a_night_stops_where_too_much_of_what_came_in_is_doubted(app: App, shop: Shop) -> None:
    from dataclasses import replace

    from simsearch.core.errors import SourceError
    from simsearch.ingest.index_report import FilingReport
    from simsearch.ingest.nightly import Nightly

    settings = replace(app.config, nightly=replace(app.config.nightly, doubt_share=0.1))
    for doubted, stops in ((0, False), (1, True)):
        app.rebuilder.config = settings
        night = Nightly(app.rebuilder, app.print_stage, filing=lambda *_, n=doubted: FilingReport(n, n, n))
        if stops:
            with pytest.raises(SourceError, match=r"1 of 0 new photos .* nightly.doubt_share = 0.1; nothing was built"):
                night.run([shop.table], lambda *_: None)
        else:
            assert night.run([shop.table], lambda *_: None).filing == FilingReport(0, 0, 0)


def test_an_answer_tells_of_an_open_doubt_about_the_product(app: App) -> None:
    [doubt] = [d for d in app.check().doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE][:1]
    assert doubt.photo is not None
    [answer] = app.query(doubt.photo.path, record=False)
    assert not isinstance(answer, Exception)
    assert any(line.startswith(f"doubt {doubt.id} about {doubt.sku}: ") for line in answer.filing)
    app.filing.dismiss(doubt.id)
    [answer] = app.query(doubt.photo.path, record=False)
    assert not isinstance(answer, Exception)
    assert not any(line.startswith(f"doubt {doubt.id} ") for line in answer.filing)


def test_a_dismissed_doubt_is_not_listed_again(app: App) -> None:
    every = app.check().doubts
    app.filing.dismiss(every[0].id, note="two spellings")
    assert [d.key for d in app.check().doubts] == [d.key for d in every[1:]]
    app.filing.forget(every[0].id)
    assert [d.key for d in app.check().doubts] == [d.key for d in every]


def test_an_answer_names_the_product_that_a_photo_was_merged_into(app: App, shop: Shop) -> None:
    [doubt] = [d for d in app.check().doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE][:1]
    assert doubt.photo is not None
    app.filing.accept(doubt.id)
    [answer] = app.query(doubt.photo.path, record=False)
    assert not isinstance(answer, Exception)
    assert answer.sku == doubt.to_sku
    app.filing.forget(doubt.id)
    [answer] = app.query(doubt.photo.path, record=False)
    assert not isinstance(answer, Exception)
    assert doubt.sku in {answer.sku, *answer.named}


def test_the_order_of_rows_changes_nothing(app: App, kit: Kit, shop: Shop, tmp_path: Path) -> None:
    head, *rows = shop.table.read_text(encoding="utf-8").splitlines()
    turned = shop.table.parent / "turned.csv"
    turned.write_text("\n".join([head, *rows[::-1]]) + "\n", encoding="utf-8")
    try:
        with open_app(tmp_path / "turned", kit.config) as other:
            other.index([turned])
            assert [told(d) for d in other.check().doubts] == [told(d) for d in app.check().doubts]
    finally:
        turned.unlink()


def told(d: Doubt) -> tuple[object, ...]:
    photos = (d.photo and d.photo.image, d.against and d.against.image)
    return d.key, round(d.probability, 4), d.to_sku, d.reason, *photos


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "g9"], "--since g9: is no generation"),
        (["--sku", "nobody"], "--sku nobody: the catalog has no photo of it"),
        (["--json", "--csv", "-"], "both want standard output"),
        (["--csv", "/nowhere/at/all.csv"], "/nowhere/at/all.csv: cannot be written"),
        (["accept", "99"], "99: is the number of no doubt"),
        (["dismiss", "99"], "99: is the number of no doubt"),
        (["forget", "99"], "99: is the number of no doubt"),
    ],
)
def test_calls_that_cannot_be_meant(on: Run, indexed_and_checked: Path, arguments: list[str], words: str) -> None:
    done = on(indexed_and_checked, "check", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert done.err.count("\n") == 1


@pytest.fixture
def indexed_and_checked(home: Path, kit: Kit) -> Path:
    with open_app(home, kit.config) as opened:
        opened.check()
    return home


def test_the_command_line(on: Run, home: Path, tmp_path: Path) -> None:
    listed = on(home, "check", "--json")
    twice = next(d for d in listed.objects if d["kind"] == "one-product-twice")
    assert {"id", "probability", "photo", "against", "reason", "action", "to_sku", "clashes", "said"} <= twice.keys()
    text = on(home, "check").out
    assert f"merge {twice['sku']} into {twice['to_sku']}" in text
    accepted = on(home, "check", "accept", str(twice["id"]), "--note", "a [red] one")
    assert f"`simsearch check forget {twice['id']}` undoes it" in accepted.out
    table = tmp_path / "filing.csv"
    assert on(home, "check", "--csv", table).code == 0
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert (rows[0]["state"], rows[0]["sku"], rows[0]["to_sku"], rows[0]["action"]) == (
        "accepted", twice["sku"], twice["to_sku"], "merge",
    )  # fmt: skip
    assert {row["state"] for row in rows[1:]} <= {"open"}
    [word] = on(home, "check", "said", "--json").objects
    assert (word["said"], word["note"], word["id"]) == ("accepted", "a [red] one", twice["id"])
    assert "a [red] one" in on(home, "check", "said").out
    assert on(home, "check", "accept", str(twice["id"])).code == 2
    undone = on(home, "check", "forget", str(twice["id"]), "--json").objects
    assert (undone[0]["said"], undone[0]["images"] > 0) == (None, True)
    assert on(home, "check", "--sku", twice["sku"], "--json").objects[0]["id"] == twice["id"]
    assert json.loads(json.dumps(listed.objects)) == listed.objects


def test_words_that_cannot_be_carried_out(app: App) -> None:
    [doubt] = [d for d in app.check().doubts if d.kind is DoubtKind.ONE_PRODUCT_TWICE][:1]
    for arguments, words in (
        ({"to": doubt.sku}, "that is where it is filed"),
        ({"to": "nobody"}, "nobody: is no product"),
        ({"leave_out": True}, "is about two SKUs"),
        ({"to": "x", "leave_out": True}, "give one of them"),
    ):
        with pytest.raises(UsageError, match=words):
            app.filing.accept(doubt.id, **arguments)
    assert app.filing.said() == []
    with pytest.raises(UsageError, match="nothing was said of it"):
        app.filing.forget(doubt.id)


def test_of_the_two_photos_of_a_doubt_the_other_one_may_be_wrong(app: App) -> None:
    sku, ids = next((s, i) for s, i in sorted(groups(app).items()) if len(i) > 1)
    facts = app.catalog.images.facts(ids)
    first, second = (DoubtedPhoto(i, sku, facts[i].image, facts[i].path, facts[i].sha256) for i in ids[:2])
    one = Doubt("photo|x", DoubtKind.ODD_PHOTO, sku, 0.9, "why", FilingAction.LEAVE_OUT, first, second)
    [kept] = app.catalog.doubts.keep([one])
    before = filed(app)
    app.filing.accept(kept.id, other=True)
    assert before - filed(app) == {(sku, second.sha256)}
    [change] = app.filing.changes()
    assert change.photo == second
    app.filing.forget(kept.id)
    assert filed(app) == before
    [twice] = app.catalog.doubts.keep([Doubt("rows|x", DoubtKind.ROWS_DIFFER, sku, 0.9, "why", FilingAction.TABLE)])
    with pytest.raises(UsageError, match="is not about two photos of one SKU"):
        app.filing.accept(twice.id, other=True)


def groups(app: App) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for each in app.catalog.selection.contents():
        found.setdefault(each.sku, []).append(each.id)
    return found
