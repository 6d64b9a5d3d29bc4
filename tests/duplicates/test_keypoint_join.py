"""Files that share keypoints few others have."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

import simsearch.duplicates.keypoint_join as room
from simsearch.duplicates.keypoint_join import Marked, chosen, keys, voted


def found(bits: list[NDArray[np.uint8]], rows: Iterable[int] | None = None) -> dict[tuple[int, int], int]:
    owner = np.repeat(np.arange(len(bits), dtype=np.uint32), [len(b) for b in bits])
    asked = None if rows is None else np.array(list(rows))
    every = np.concatenate(bits)
    blocks = voted(list(keys(every, len(every))), owner, len(bits), 5, asked)
    return {(a, b): r for block in blocks for a, b, r in zip(*(x.tolist() for x in block), strict=True)}


def drawn(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (count, 32), dtype=np.uint8)


def test_what_few_share_proposes_and_what_all_share_does_not() -> None:
    rng = np.random.default_rng(0)
    ruler, imprint = drawn(rng, 50), drawn(rng, 4)
    files = [np.concatenate([ruler, drawn(rng, 20)]) for _ in range(40)]
    files[7], files[31] = (np.concatenate([files[k], imprint]) for k in (7, 31))
    assert found(files) == {(7, 31): 0, (31, 7): 0}
    assert found(files, [31]) == {(31, 7): 0}, "only of the files asked for"


def test_more_votes_stand_first_and_files_without_keypoints_are_none() -> None:
    rng = np.random.default_rng(1)
    photo = drawn(rng, 60)
    files = [photo, photo[:10], photo[:50], drawn(rng, 0), drawn(rng, 60)]
    ranks = found(files)
    assert (ranks[0, 2], ranks[0, 1]) == (0, 1)
    assert all({3, 4}.isdisjoint(pair) for pair in ranks)
    assert found([photo[:0], photo[:0]]) == {}


def test_of_many_keypoints_the_keys_are_longer_and_shared_ones_are_found_part_by_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(2)
    photo = drawn(rng, 60)
    files = [photo, drawn(rng, 60), photo[:30], drawn(rng, 60)]
    every = np.concatenate(files)
    assert (keys(every, 1) < 1 << 24).all()
    expected = found(files)
    monkeypatch.setattr(room, "_MANY", 100)
    monkeypatch.setattr(room, "_PART", 7)
    assert not (keys(every, len(every)) < 1 << 24).all()
    assert found(files) == expected == {(0, 2): 0, (2, 0): 0}


def test_the_same_keypoints_are_chosen_of_a_photo_and_of_its_crop() -> None:
    rng = np.random.default_rng(3)
    photo = drawn(rng, 500)
    crop = photo[rng.permutation(500)[:400]]
    both = [{row.tobytes() for row in chosen(side, 60)} for side in (photo, crop)]
    assert [len(side) for side in both] == [60, 60]
    assert len(both[0] & both[1]) >= 40


def test_what_no_file_asked_for_has_is_told_by_its_keys() -> None:
    rng = np.random.default_rng(4)
    asked, others = drawn(rng, 300), drawn(rng, 3000)
    marked = Marked([keys(asked[:100], 10), keys(asked[100:], 10)])
    assert marked.holds(keys(asked, 10)).all()
    one_table = asked.copy()
    one_table[:, :3] ^= 255  # the other table still has its key
    assert marked.holds(keys(one_table, 10)).all()
    assert marked.holds(keys(others, 10)).mean() < 0.01


def test_strangers_share_a_few_of_many_keypoints_and_copies_many_of_a_few() -> None:
    rng = np.random.default_rng(5)
    many, few = [drawn(rng, 500) for _ in range(2)], [drawn(rng, 100) for _ in range(2)]
    for a, b in (many, few):
        a[:2] = b[:2]
    assert found([*many, *few]) == {(2, 3): 0, (3, 2): 0}
    files = [*many, *few]
    owner = np.repeat(np.arange(4, dtype=np.uint32), [len(b) for b in files])
    every = np.concatenate(files)
    blocks = voted(list(keys(every, len(every))), owner, 4, 5, held=np.array([500, 500, 500, 500]))
    assert [len(block[0]) for block in blocks] == [0], "keypoints that were left out before count, too"
