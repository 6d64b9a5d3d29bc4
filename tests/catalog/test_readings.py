"""What is printed on the images, in the catalog."""

from __future__ import annotations

from typing import Any

import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.readings import ReadingCounts, Unread

P, R, C = "phash-1", "reading-1", "codes-1"
PACKED = {P: b"12345678"}


def shows(new: Any, path: str, surface: str, probability: float | None) -> Any:
    from dataclasses import replace

    return replace(new("A", path, PACKED), surface=surface, surface_probability=probability)


def test_unread_are_those_that_lack_a_descriptor(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", PACKED, sha256="a" * 64), new("A", "/2", PACKED), new("A", "/3")])
    assert catalog.readings.unread([R, C]) == [Unread(1, "/1", "a" * 64, (R, C)), Unread(2, "/2", "0" * 64, (R, C))]
    assert catalog.readings.add({1: {R: b"r", C: b""}, 2: {R: b"r"}}) == 2
    assert catalog.readings.unread([R, C]) == [Unread(2, "/2", "0" * 64, (C,))]
    assert catalog.readings.unread([R]) == []
    assert [u.id for u in catalog.readings.unread(["reading-2"])] == [1, 2]  # other weights or settings
    assert catalog.readings.counts([R, C]) == ReadingCounts(1, 1, 0)
    assert catalog.descriptors.of(C, [1, 2]) == {1: b""}  # no code is on it, which is known then


def test_what_is_asked_of_some_images_is_told_of_them_alone(
    catalog: Catalog, new: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.catalog.database._CHUNK", 2)
    catalog.images.apply(add=[new("A", f"/{i}", PACKED) for i in range(1, 8)])
    catalog.readings.add({i: {R: b"r"} for i in (2, 3, 6)})
    assert [u.id for u in catalog.readings.unread([R], among=[7, 1, 2, 3, 5])] == [1, 5, 7]
    assert catalog.readings.unread([R], among=[]) == []
    assert catalog.readings.counts([R], among=[1, 2, 3]) == ReadingCounts(2, 1, 0)
    assert catalog.readings.counts([R], among=[]) == ReadingCounts(0, 0, 0)
    assert catalog.readings.counts([R]) == ReadingCounts(3, 4, 0)


def test_one_writing_is_one_revision(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", PACKED) for i in range(4)])
    assert catalog.readings.add({}) == 0
    assert catalog.revision() == 1
    catalog.readings.add({1: {R: b"r"}, 2: {R: b"r"}})
    assert catalog.revision() == 2
    catalog.readings.add({2: {R: b"again"}})
    assert catalog.descriptors.of(R, [1, 2]) == {1: b"r", 2: b"again"}


def test_what_was_retired_meanwhile_is_left_out(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", f"/{i}", PACKED) for i in range(2)])
    catalog.images.apply(retire=[1])
    assert catalog.readings.add({1: {R: b"r"}, 2: {R: b"r"}}) == 1
    assert catalog.descriptors.of(R, [1, 2]) == {2: b"r"}
    assert catalog.readings.add({1: {R: b"r"}}) == 0
    assert catalog.revision() == 3


def test_loose_pills_are_left_out(catalog: Catalog, new: Any) -> None:
    """As `Description.loose_pills`: stated, or guessed by at least a half."""
    surfaces = [("pills", None), ("pills", 0.5), ("pills", 0.49), ("front", None)]
    catalog.images.apply(add=[shows(new, f"/{i}", *surface) for i, surface in enumerate(surfaces)])
    assert [u.id for u in catalog.readings.unread([R])] == [3, 4]
    assert [u.id for u in catalog.readings.unread([R], pills=True)] == [1, 2, 3, 4]
    catalog.readings.add({1: {R: b"r"}, 4: {R: b"r"}})
    assert catalog.readings.counts([R]) == ReadingCounts(2, 1, 1)
    assert catalog.readings.counts([R], pills=True) == ReadingCounts(2, 2, 0)


def test_describing_again_keeps_what_was_read(catalog: Catalog, new: Any) -> None:
    catalog.images.apply(add=[new("A", "/1", PACKED)])
    catalog.readings.add({1: {R: b"r"}})
    catalog.images.apply(redescribe={1: new("A", "/1", {P: b"87654321"})})
    assert catalog.readings.unread([R]) == []
    assert catalog.changes(-1).read_revisions.tolist() == [2]
