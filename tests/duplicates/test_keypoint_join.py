"""Files that share keypoints few others have."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from simsearch.duplicates.keypoint_join import keys, voted


def found(bits: list[NDArray[np.uint8]], rows: Iterable[int] | None = None) -> dict[tuple[int, int], int]:
    owner = np.repeat(np.arange(len(bits), dtype=np.int32), [len(b) for b in bits])
    asked = None if rows is None else np.array(list(rows))
    blocks = voted(keys(np.concatenate(bits)), owner, len(bits), 5, asked)
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
