"""Descriptors, read one image at a time or as a matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from simsearch.catalog import Catalog, descriptors
from simsearch.core.errors import DamagedDescriptor
from tests.catalog.conftest import sqlite_alone

P, S, LONG = "phash-1", "siamese-1", "orb-1"
U8, F4 = np.dtype(np.uint8), np.dtype(np.float32)


def bits(value: int) -> dict[str, bytes]:
    return {P: bytes([value] * 8)}


def test_matrix(catalog: Catalog, new: Any) -> None:
    vectors = np.arange(12, dtype=np.float32).reshape(3, 4)
    catalog.images.apply(add=[new("A", f"/{i}", {S: v.tobytes(), P: bytes(8)}) for i, v in enumerate(vectors[::-1])])
    catalog.images.apply(add=[new("A", "/refused"), new("A", "/only-hash", bits(7))])
    ids, found = catalog.descriptors.matrix(S, F4, 4)
    assert ids.dtype == np.int64
    assert found.dtype == np.float32
    assert ids.tolist() == sorted(ids.tolist()) == [1, 2, 3]
    assert np.array_equal(found, vectors[::-1])
    ids, found = catalog.descriptors.matrix(P, U8, 8)
    assert ids.tolist() == [1, 2, 3, 5]
    assert found[-1].tolist() == [7] * 8
    catalog.images.apply(retire=[2])
    assert catalog.descriptors.matrix(S, F4, 4)[0].tolist() == [1, 3]


def test_matrix_of_nothing(catalog: Catalog) -> None:
    ids, found = catalog.descriptors.matrix("never-1", F4, 16)
    assert ids.shape == (0,)
    assert found.shape == (0, 16)
    assert catalog.descriptors.active_ids("never-1").shape == catalog.images.retired_since(0).shape == (0,)
    assert catalog.descriptors.of("never-1", [1, 2]) == {}
    assert catalog.images.facts([]) == {}


def test_matrix_since_a_revision(catalog: Catalog, new: Any) -> None:
    for i in range(3):
        catalog.images.apply(add=[new("A", f"/{i}", bits(i))])
    assert [catalog.descriptors.matrix(P, U8, 8, since=r)[0].tolist() for r in (-1, 0, 1, 2, 3)] == [
        [1, 2, 3],
        [1, 2, 3],
        [2, 3],
        [3],
        [],
    ]
    assert catalog.descriptors.active_ids(P, since=2).tolist() == [3]


def test_a_damaged_descriptor_is_named(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1)), new("A", "/2", {P: b"short"})])
    with pytest.raises(DamagedDescriptor, match=r"image 2: its phash-1 descriptor is damaged; restore a backup"):
        catalog.descriptors.matrix(P, U8, 8)


def test_a_damaged_descriptor_can_be_left_out_and_is_told(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", {P: bytes([i]) * (5 if i in (2, 4) else 8)}) for i in range(1, 7)])
    for since in (-1, 0):
        damaged: list[DamagedDescriptor] = []
        ids, found = catalog.descriptors.matrix(P, U8, 8, since=since, on_damage=damaged.append)
        assert ids.tolist() == found[:, 0].tolist() == [1, 3, 5, 6]
        assert [(d.image_id, d.fingerprint) for d in damaged] == [(2, P), (4, P)]


def test_two_wrong_lengths_do_not_make_a_right_one(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", {P: bytes(7)}), new("A", "/2", {P: bytes(9)})])
    with pytest.raises(DamagedDescriptor, match="image 1: "):
        catalog.descriptors.matrix(P, U8, 8)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 100])
def test_blocks_are_the_matrix_in_parts(catalog: Catalog, new: Any, rows: int) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", bits(i)) for i in range(5)])
    blocks = list(catalog.descriptors.blocks(P, U8, 8, rows=rows))
    assert [len(ids) for ids, _ in blocks] == [min(rows, 5 - i) for i in range(0, 5, rows)]
    ids, found = catalog.descriptors.matrix(P, U8, 8)
    assert np.array_equal(np.concatenate([b[0] for b in blocks]), ids)
    assert np.array_equal(np.concatenate([b[1] for b in blocks]), found)


@pytest.mark.parametrize("swept", [1, 2, 3, 100])
def test_a_sweep_is_the_matrix_of_each_as_of_a_revision(
    catalog: Catalog, new: Any, monkeypatch: pytest.MonkeyPatch, swept: int
) -> None:
    monkeypatch.setattr(descriptors, "_SWEPT", swept)
    monkeypatch.setattr(descriptors, "_LARGE", 0)
    wanted: dict[str, tuple[np.dtype[Any], int]] = {S: (F4, 2), P: (U8, 8)}
    assert list(catalog.descriptors.sweep(wanted, 0)) == []
    catalog.images.apply(
        add=[new("A", f"/{i}", bits(i) | {LONG: b"long" * i} | ({S: bytes(8)} if i % 2 else {})) for i in range(1, 8)]
    )
    at = catalog.revision()
    before = {f: catalog.descriptors.matrix(f, *kind) for f, kind in wanted.items()}
    catalog.images.apply(retire=[3], add=[new("A", "/9", bits(9))])  # later than `at`
    for along in (None, LONG):
        found = list(catalog.descriptors.sweep(wanted, at, along=along))
        for f, (ids, vectors) in before.items():
            assert np.array_equal(np.concatenate([i for g, i, _ in found if g == f]), ids)
            assert np.array_equal(np.concatenate([v for g, _, v in found if g == f]), vectors)
    some = list(catalog.descriptors.sweep({LONG: None}, at))
    assert [pair for _, ids, packed in some for pair in zip(ids.tolist(), packed.tolist(), strict=True)] == [
        (i, b"long" * i) for i in range(1, 8)
    ]  # fmt: skip
    catalog.images.apply(redescribe={2: new("A", "/2", {LONG: b""})})
    at = catalog.revision()
    assert 2 not in {i for _, ids, _ in catalog.descriptors.sweep({LONG: None}, at) for i in ids.tolist()}
    catalog.images.apply(add=[new("A", "/10", {P: b"short"})])
    with pytest.raises(DamagedDescriptor, match="image 9: "):
        list(catalog.descriptors.sweep(wanted, catalog.revision()))


def plan(catalog: Catalog, read: Callable[[], object]) -> list[str]:
    """What SQLite does for the last statement that `read` runs."""
    statements: list[tuple[str, Any]] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    sa.event.listen(catalog.database.engine, "before_cursor_execute", note)
    read()
    sa.event.remove(catalog.database.engine, "before_cursor_execute", note)
    statement, parameters = statements[-1]
    with catalog.database.read() as c:
        return [row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


@sqlite_alone
@pytest.mark.parametrize("what", ["matrix", "blocks", "active_ids"])
def test_what_is_new_is_found_by_its_index(catalog: Catalog, new: Any, what: str) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1))])
    read: dict[str, Callable[[], object]] = {
        "matrix": lambda: catalog.descriptors.matrix(P, U8, 8, since=0),
        "blocks": lambda: list(catalog.descriptors.blocks(P, U8, 8, since=0)),
        "active_ids": lambda: catalog.descriptors.active_ids(P, since=0),
    }
    steps = plan(catalog, read[what])
    assert any("ix_images_usable (described_revision>?)" in step for step in steps), steps
    assert any("descriptors_1 (method_id=? AND image_id=?)" in step for step in steps), steps
    assert not any(step.startswith("SCAN") or "TEMP B-TREE" in step for step in steps), steps


@sqlite_alone
def test_all_are_one_scan_over_the_method(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", bits(1))])
    steps = plan(catalog, lambda: catalog.descriptors.matrix(P, U8, 8))
    assert any("descriptors_1 (method_id=?)" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps
