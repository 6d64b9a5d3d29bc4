"""The distinct files of a catalog."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.types import Surface
from simsearch.duplicates import distinct_files as room
from simsearch.duplicates.distinct_files import DistinctFiles, distinct_files
from simsearch.duplicates.left_out import LeftOut
from tests.duplicates.world import World


def read(world: World) -> tuple[DistinctFiles, LeftOut]:
    left_out = LeftOut()
    return distinct_files(world.catalog, world.methods, left_out), left_out


def test_copies_are_one_file_with_the_lowest_id(world: World) -> None:
    world.add("a", sku="one", sha="f" * 64)
    world.add("b")
    world.add("cd", sku="two", sha="f" * 64)
    files, left_out = read(world)
    assert (len(files), files.ids.tolist(), len(left_out)) == (2, [1, 2], 0)
    assert (files.images(0), files.images(1)) == ([1, 3, 4], [2])
    assert files.surfaces == [Surface.UNKNOWN, Surface.UNKNOWN]
    assert not files.pills(0)
    assert files.copied() == [0]
    assert files.of_images({2, 4}).tolist() == [0, 1]


def test_vectors_stand_in_the_order_of_the_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add("abcde")
    world.catalog.images.apply(retire=[2])
    whole, _ = read(world)
    monkeypatch.setattr(room, "_BLOCK", 2)
    blocks, _ = read(world)
    for method in world.methods.values():
        if method.name not in whole.vectors:
            continue
        ids, matrix = world.catalog.descriptors.matrix(method.fingerprint, method.dtype, method.shape[0])
        assert ids.tolist() == whole.ids.tolist() == [1, 3, 4, 5]
        np.testing.assert_array_equal(whole.vectors[method.name], matrix)
        np.testing.assert_array_equal(blocks.vectors[method.name], matrix)
        np.testing.assert_array_equal(whole.description(2)[method.name], matrix[2])
    assert sorted(whole.vectors) == ["phash", "siamese"]  # keypoints stay in the catalog


def test_images_without_all_descriptors_do_not_count_and_damaged_ones_are_left_out(world: World) -> None:
    world.add("a", lacks="orb")
    world.add("bc", sha="f" * 64)
    world.damage(2, "siamese")
    files, left_out = read(world)
    assert files.ids.tolist() == [3]  # the sound copy stands for the file
    assert left_out.ids == {2}
