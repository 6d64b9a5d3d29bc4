"""What the database counts is what there is, whatever was done to it, and counting reads no images."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsearch.catalog import Catalog
from simsearch.catalog.copying import _give_after, _given, copy
from simsearch.catalog.corrections import EVERY
from simsearch.catalog.counting import BLOCK, drop_triggers, make_triggers
from simsearch.catalog.counts import Coverage, spans
from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtKind, FilingAction
from simsearch.catalog.tables import (
    CorrectionRow,
    CountRow,
    DescriptorRow,
    ImageRow,
    MethodRow,
    ProductRow,
    Verdict,
    usable,
    usable_at,
)
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import UsageError
from simsearch.core.stamps import Stamp
from simsearch.core.types import Surface

P, S, R, C = "phash-1", "siamese-1", "reading-1", "codes-1"
SKUS, SOURCES = "ABC", ("/p", "/q")
NUMBERS = count()
"""Of files and doubts; none is given twice."""
SHOWN = ((Surface.FRONT, 0.9), (Surface.PILLS, None), (Surface.PILLS, 0.5), (Surface.PILLS, 0.49))


class World:
    """A catalog, and whatever can be done to it, by numbers that chance gives."""

    def __init__(self, catalog: Catalog, new: Any) -> None:
        self.catalog, self.new = catalog, new

    def ids(self, *where: sa.ColumnElement[bool]) -> list[int]:
        with self.catalog.database.read() as c:
            return list(c.scalars(sa.select(ImageRow.id).where(*where).order_by(ImageRow.id)))

    def image(self, n: int) -> Any:
        surface, probability = SHOWN[n // 7 % 4]
        given = None if n % 5 == 4 else [{P: b"p", S: b""}, {P: b"p"}, {}, {P: b"p", S: b"s", R: b"", C: b""}][n % 4]
        made = self.new(SKUS[n % 3], f"/{next(NUMBERS)}", given, source=SOURCES[n // 3 % 2], sha256=f"{n % 6:064x}")
        return replace(made, surface=surface.value, surface_probability=probability)

    def some(self, n: int, ids: list[int]) -> list[int]:
        return [i for place, i in enumerate(ids) if (n >> place % 8) & 1]

    def add(self, n: int) -> None:
        self.catalog.images.apply(add=[self.image(n + 5 * i) for i in range(n % 4 + 1)])

    def retire(self, n: int) -> None:
        self.catalog.images.apply(retire=self.some(n, self.ids()))

    def replace(self, n: int) -> None:
        """As indexing does with files of other content."""
        gone = self.some(n, self.ids(ImageRow.retired_at.is_(None)))[:3]
        self.catalog.images.apply(retire=gone, add=[self.image(n + i) for i in range(len(gone))])

    def redescribe(self, n: int) -> None:
        some = self.some(n, self.ids())
        self.catalog.images.apply(redescribe={i: self.image(n + i) for i in some})

    def touch(self, n: int) -> None:
        self.catalog.images.apply(touch={i: (SOURCES[n % 2], Stamp(n, i)) for i in self.some(n, self.ids())})

    def read(self, n: int) -> None:
        found = [{R: b"r"}, {R: b"r", C: b"c"}, {C: b""}][n % 3]
        self.catalog.readings.add(dict.fromkeys(self.some(n, self.ids()), found), {})

    def correct(self, n: int) -> None:
        """Accept a doubt about a photo or all of an SKU, where that is possible."""
        action = (FilingAction.MOVE, FilingAction.MERGE, FilingAction.LEAVE_OUT)[n % 3]
        sku, to = SKUS[n // 3 % 3], SKUS[(n // 3 + 1) % 3]
        content = EVERY if action is FilingAction.MERGE else f"{n // 9 % 6:064x}"
        shown = DoubtedPhoto(0, sku, "", "", content)
        doubt = Doubt(str(next(NUMBERS)), DoubtKind.ODD_PHOTO, sku, 0.5, "why", action, shown)
        kept = self.catalog.doubts.keep([*self.catalog.doubts.known().values(), doubt])
        number = next(d.id for d in kept if d.key == doubt.key)
        try:
            self.catalog.corrections.accept(number, action, sku, content, "" if n % 3 == 2 else to)
        except UsageError:
            self.catalog.doubts.dismiss(number)

    def undo(self, _: int) -> None:
        with self.catalog.database.read() as c:
            last = c.scalar(sa.select(sa.func.max(CorrectionRow.doubt_id)))
        if last is not None:
            self.catalog.corrections.undo(last)

    def drop(self, n: int) -> None:
        self.catalog.housekeeping.drop_descriptors(
            [P, S, C] if n % 2 else [P, S, R, C], self.catalog.revision() - n % 3
        )

    def jump(self, n: int) -> None:
        """Numbers go on in one of the next blocks."""
        with self.catalog.database.write() as c:
            given = _given(c)
            _give_after(c, {**given, "images": given["images"] + (n % 2 + 1) * BLOCK - n % 3})

    def delete(self, n: int) -> None:
        """What simsearch never does, and a person with an SQL console might."""
        with self.catalog.database.write() as c:
            some = self.some(n, list(c.scalars(sa.select(ImageRow.id).order_by(ImageRow.id))))
            c.execute(sa.delete(DescriptorRow).where(DescriptorRow.image_id.in_(some)))
            if n % 2:
                c.execute(sa.delete(ImageRow).where(ImageRow.id.in_(some), ImageRow.read_revision.is_(None)))

    def change(self, n: int) -> None:
        """Likewise, every image at once."""
        with self.catalog.database.write() as c:
            where = ImageRow.retired_at.is_(None)
            if n % 3 == 0:
                c.execute(sa.update(ImageRow).where(where).values(source=SOURCES[n % 2], surface="pills"))
            elif n % 3 == 1:
                c.execute(sa.update(ImageRow).where(where, ImageRow.id % 2 == n % 2).values(verdict="refused"))
            else:
                c.execute(sa.update(ImageRow).where(ImageRow.verdict == "refused").values(verdict="ok", surface="side"))

    def shift(self, n: int) -> None:
        """Likewise, a descriptor to another image."""
        with self.catalog.database.write() as c:
            rows = c.execute(sa.select(DescriptorRow.method_id, DescriptorRow.image_id)).all()
            there = {(m, i) for m, i in rows}
            to = [(m, i, j) for m, i in there for j in {i for _, i in there} if (m, j) not in there]
            if to:
                m, i, j = sorted(to)[n % len(to)]
                of = sa.update(DescriptorRow).where(DescriptorRow.method_id == m, DescriptorRow.image_id == i)
                c.execute(of.values(image_id=j))


DEEDS = (
    "add", "add", "retire", "replace", "redescribe", "touch", "read", "correct", "undo", "drop", "jump", "delete",
    "change", "shift",
)  # fmt: skip
SOME = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 255)), min_size=3, max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(done=SOME)
def test_whatever_is_done_is_counted(catalog: Catalog, new: Any, done: list[tuple[str, int]]) -> None:
    """Each sequence goes on from where the last one ended."""
    world = World(catalog, new)
    for deed, number in done:
        getattr(world, deed)(number)
        assert catalog.counts.differences() == [], (deed, number)
    compare(catalog)


def compare(catalog: Catalog) -> None:
    """All answers that rest on counts, with walks over the whole catalog."""
    with catalog.database.read() as c:
        images = c.execute(sa.select(ImageRow.__table__)).mappings().all()
        names: dict[int, str] = dict(c.execute(sa.select(MethodRow.id, MethodRow.fingerprint)).all())
        described = {(names[m], i) for m, i in c.execute(sa.select(DescriptorRow.method_id, DescriptorRow.image_id))}
        active = [i for i in images if i["retired_at"] is None]
        ok = {i["id"]: i for i in active if i["verdict"] == Verdict.OK.value}
        for revision in (0, catalog.revision() // 2, catalog.revision()):
            where = usable_at(revision)
            mixed = (sa.cast(ImageRow.id, sa.BigInteger) * 2_654_435_761) % 4_294_967_291
            sums = (sa.func.count(), sa.func.sum(ImageRow.id), sa.func.sum(mixed))
            wanted = [int(n or 0) for n in c.execute(sa.select(*sums).where(where)).one()]
            mark = catalog.images.mark(revision)
            assert [mark["images"], mark["ids"], mark["mixed"]] == wanted
            assert mark["last"] == max((i["id"] for i in images), default=0)
    assert catalog.images.counts() == {
        "products": len({i["product_id"] for i in active}), "images_ok": len(ok),
        "images_refused": len(active) - len(ok), "images_retired": len(images) - len(active),
    }  # fmt: skip
    refused = [i["path"] for i in active if i["verdict"] == "refused"]
    assert sorted(r.where for r in catalog.images.refused()) == sorted(refused)
    everywhere = {f: sum((f, i) in described for i in ok) for f in names.values()}
    assert catalog.descriptors.counts() == {f: n for f, n in everywhere.items() if n}
    listed = {s: sum(i["source"] == s for i in active) for s in SOURCES}
    assert catalog.sources.counts() == {s: n for s, n in listed.items() if n}
    pills = {
        i for i, row in ok.items() if row["surface"] == "pills" and (row["surface_probability"] or 1.0) >= 0.5
    }  # fmt: skip
    for wanted_ in ([R], [R, C], [P, S], ["none-1"], []):
        rest = [i for i in sorted(ok) if not all((f, i) in described for f in wanted_)]
        assert [row.path for _, row in catalog.images.stale(wanted_)] == [ok[i]["path"] for i in rest]
        assert [u.id for u in catalog.readings.unread(wanted_, pills=True)] == rest
        assert [u.id for u in catalog.readings.unread(wanted_)] == [i for i in rest if i not in pills]
        for among in (None, sorted(ok)[::2]):
            of = set(ok) if among is None else set(among)
            lack = of & set(rest)
            found = catalog.readings.counts(wanted_, among=among)
            assert (found.read, found.unread, found.left_out) == (
                len(of - lack), len(lack - pills), len(lack & pills),
            )  # fmt: skip
            assert catalog.readings.counts(wanted_, pills=True, among=among).unread == len(lack)


def test_threads_that_write_at_once_are_counted(catalog: Catalog, new: Any) -> None:
    def work(thread: int) -> None:
        for turn in range(12):
            catalog.images.apply(
                add=[new(SKUS[turn % 3], f"/{thread}/{turn}/{i}", {P: b"p"}, source=f"/{thread % 2}") for i in range(3)]
            )
            with catalog.database.read() as c:
                own = list(c.scalars(sa.select(ImageRow.id).where(ImageRow.path.startswith(f"/{thread}/"), usable())))
            catalog.readings.add({i: {R: b"r"} for i in own[:2]})
            catalog.images.apply(retire=own[::4])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))
    assert catalog.counts.differences() == []
    assert sum(catalog.sources.counts().values()) == catalog.images.counts()["images_ok"] > 10


def test_a_transaction_that_fails_counts_nothing(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: b"p"})])

    def fail() -> None:
        with catalog.database.write() as c:
            c.execute(sa.delete(DescriptorRow))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (catalog.descriptors.counts(), catalog.counts.differences()) == ({P: 1}, [])


def tamper(catalog: Catalog) -> None:
    with catalog.database.write() as c:
        c.execute(sa.update(CountRow).where(CountRow.kind == "descriptor").values(number=CountRow.number + 1))
        c.execute(sa.delete(CountRow).where(CountRow.kind == "product"))
        c.execute(sa.update(CountRow).where(CountRow.kind == "image").values(ids=CountRow.ids + 1))


def test_a_drift_is_told_and_mended(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: b"p"}), new("B", "/2")])
    assert catalog.counts.mend() == 0
    tamper(catalog)
    assert catalog.counts.differences() == [
        "descriptors ok 1 of the numbers from 0: 2 are counted, 1 are there",
        "images ok /p of the numbers from 0: 1 are counted, 1 are there (others)",
        "images refused /p of the numbers from 0: 1 are counted, 1 are there (others)",
        "products: 0 are counted, 2 are there",
    ]
    assert catalog.counts.mend() == 4
    assert catalog.counts.differences() == []
    assert catalog.images.counts()["products"] == 2


def test_without_triggers_nothing_is_counted(catalog: Catalog, new: Any) -> None:
    with catalog.database.write() as c:
        drop_triggers(c)
    catalog.images.apply(add=[new("A", "/1", {P: b"p"})])
    assert len(catalog.counts.differences()) == 3
    with catalog.database.write() as c:
        make_triggers(c)
    catalog.images.apply(retire=[1])
    catalog.counts.mend()
    assert catalog.counts.differences() == []


def test_a_copy_counts_on(catalog: Catalog, new: Any, tmp_path: Path) -> None:
    World(catalog, new).add(3)
    with closing(Catalog(tmp_path / "to.db", CatalogSettings())) as target:
        copy(catalog.database, target.database)
        assert target.counts.differences() == []
        target.images.apply(retire=[1], add=[new("Z", "/z", {P: b"p"})])
        assert target.counts.differences() == []


def test_counting_reads_no_images(tmp_path: Path, new: Any) -> None:
    """Where nothing lacks descriptors, the tables of images and descriptors are not walked: SQLite's plans say so."""
    with closing(Catalog(tmp_path / "catalog.db", CatalogSettings())) as catalog:
        catalog.images.apply(add=[new("A", f"/{i}", {P: b"p", R: b"r"}) for i in range(20)])
        asked: list[tuple[str, Any]] = []

        @sa.event.listens_for(catalog.database.engine, "before_cursor_execute")
        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        catalog.images.counts(), catalog.descriptors.counts(), catalog.sources.counts()
        catalog.images.stale([P]), catalog.readings.unread([R]), catalog.readings.counts([R])
        catalog.images.mark(1), catalog.images.refused()
        sa.event.remove(catalog.database.engine, "before_cursor_execute", note)
        with catalog.database.read() as c:
            plans = [row[3] for s, p in asked for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p)]
        assert len(asked) > 10
        walked = [p for p in plans if p.startswith("SCAN") and p.split()[1] in ("images", "descriptors", "products")]
        walked += [p for p in plans if "described_revision<?" in p]
        assert walked == []


def test_spans_join_blocks_that_follow() -> None:
    assert list(spans([])) == []
    assert list(spans({0, 1, 3, 7, 8})) == [
        (0, 2 * BLOCK - 1), (3 * BLOCK, 4 * BLOCK - 1), (7 * BLOCK, 9 * BLOCK - 1),
    ]  # fmt: skip


def test_coverage_says_where_to_look() -> None:
    images = {("ok", 0): 10, ("ok", 1): 10, ("ok", 2): 10, ("pills", 0): 4}
    covered = Coverage(images, [{("ok", 0): 10, ("ok", 1): 9, ("pills", 0): 4}, {("ok", 0): 10, ("ok", 1): 10}])
    assert list(covered.lacking()) == [("ok", 1), ("ok", 2), ("pills", 0)]
    assert list(covered.unknown()) == [("ok", 1)]
    assert list(Coverage(images, []).lacking()) == []


def test_products_of_a_row_alone_are_not_counted(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: b"p"})])
    with catalog.database.write() as c:
        c.execute(sa.insert(ProductRow).values(sku="B"))
    assert catalog.images.counts()["products"] == 1
