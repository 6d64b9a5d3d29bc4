"""The catalog's keypoints, as the lane of votes is built from them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import SourceRow
from simsearch.features import create
from simsearch.features.orb import KEYPOINT
from simsearch.indexes import catalog_keypoints
from simsearch.indexes.catalog_keypoints import indexed_keypoints, vote_index

ORB = create("orb")


def keypoints(seed: int, count: int = 60) -> NDArray[Any]:
    """Of a photo of its own."""
    out = np.zeros(count, KEYPOINT)
    out["bits"] = np.random.default_rng(seed).integers(0, 256, (count, 32))
    out["octave"] = np.arange(count) * 8 // max(1, count)
    return out


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    made = Catalog(tmp_path / "catalog.db", CatalogSettings())
    yield made
    made.close()


def add(catalog: Catalog, *seeds: int, data: bytes | None = None) -> list[int]:
    before = {int(i) for i in catalog.descriptors.active_ids(ORB.fingerprint)}
    new = []
    for seed in seeds:
        packed = keypoints(seed).tobytes() if data is None else data
        row = SourceRow(f"p{seed}", f"/{seed}", f"{seed}", f"{seed}")
        new.append(NewImage(row, "/", 1, 1, "0" * 64, 1, 1, descriptors={ORB.fingerprint: packed}))
    catalog.images.apply(add=new)
    return sorted({int(i) for i in catalog.descriptors.active_ids(ORB.fingerprint)} - before)


def test_what_is_left_out_is_spread_evenly() -> None:
    photo = keypoints(1, 480)
    kept = indexed_keypoints(photo, 60)
    assert kept.shape == (60, 32)
    octaves = [int(photo["octave"][(photo["bits"] == row).all(axis=1)][0]) for row in kept]
    assert [octaves.count(o) for o in range(8)] == [8, 7, 8, 7, 8, 7, 8, 7]
    assert np.array_equal(indexed_keypoints(keypoints(1, 20), 60), keypoints(1, 20)["bits"])
    assert indexed_keypoints(keypoints(1, 0), 60).shape == (0, 32)


def test_the_index_holds_what_the_catalog_does(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_keypoints, "_BLOCK", 3)
    monkeypatch.setattr(catalog_keypoints, "_SAMPLE", 4)
    ids = add(catalog, *range(10))
    since = catalog.revision()
    late = add(catalog, 20, 21)
    [blank] = add(catalog, 30, data=b"")
    index = vote_index(catalog, ORB, 40)
    assert index.ids().tolist() == [*ids, *late]
    assert blank not in index.ids()
    assert len(index) == 12 * 40
    assert vote_index(catalog, ORB, 40, since=since).ids().tolist() == late


def test_a_damaged_descriptor_is_named(catalog: Catalog) -> None:
    [bad] = add(catalog, 1, data=b"\0" * 39)
    with pytest.raises(DamagedDescriptor, match=rf"image {bad}: its {ORB.fingerprint} descriptor is damaged"):
        vote_index(catalog, ORB, 40)


def test_a_damaged_descriptor_can_be_left_out(catalog: Catalog, caplog: pytest.LogCaptureFixture) -> None:
    [bad] = add(catalog, 1, data=b"\0" * 39)
    [sound] = add(catalog, 2)
    ids = np.array([bad, sound], np.int64)
    assert vote_index(catalog, ORB, 40, ids=ids, skip_damaged=True).ids().tolist() == [sound]
    assert f"image {bad}: its {ORB.fingerprint} descriptor is damaged" in caplog.text
