"""Neighbours by hash among all files at once."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.duplicates import hash_join
from simsearch.duplicates.hash_join import near_hashes


@pytest.mark.parametrize("rows", [512, 7])
def test_it_finds_what_the_comparison_of_all_pairs_finds(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hash_join, "_ROWS", rows)
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 256, (600, 8), dtype=np.uint8)
    hashes[:200] = hashes[0]  # many copies of one picture
    for file in range(100, 400):
        flipped = rng.permutation(64)[: file % 13]
        hashes[file] ^= np.packbits(np.isin(np.arange(64), flipped))
    hashes[400:500] = hashes[300:400]
    a, b, rank = near_hashes(hashes, 9, 5)
    bits = np.bitwise_count(hashes[:, None] ^ hashes[None]).sum(axis=2)
    np.fill_diagonal(bits, 99)
    for file, row in enumerate(bits):
        near = np.sort(row[row <= 9])[:5]
        assert bits[file, b[a == file]].tolist() == near.tolist()
        assert rank[a == file].tolist() == list(range(len(near)))


def test_no_files_have_no_neighbours() -> None:
    assert [part.tolist() for part in near_hashes(np.zeros((0, 8), np.uint8), 9, 5)] == [[], [], []]
