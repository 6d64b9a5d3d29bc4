"""Images that a search leaves out."""

from __future__ import annotations

import pytest

from simsearch.duplicates.left_out import LeftOut
from tests.duplicates.world import World


def test_a_damaged_descriptor_is_warned_of_once_and_a_missing_one_never(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.add("abc")
    world.damage(2, "phash")
    left_out = LeftOut()
    for _ in range(2):
        assert sorted(left_out.read(world.catalog, world.methods["phash"], [1, 2, 3, 99])) == [1, 3]
    assert (len(left_out), 2 in left_out, 99 in left_out, 1 in left_out) == (2, True, True, False)
    [record] = caplog.records
    assert record.getMessage().startswith("image 2: its phash-of-the-test descriptor is damaged")


def test_what_is_left_out_is_not_read_again(world: World) -> None:
    world.add("ab")
    left_out = LeftOut()
    left_out.add([1])
    assert sorted(left_out.read(world.catalog, world.methods["orb"], [1, 2])) == [2]
