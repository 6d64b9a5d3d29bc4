"""Keypoint votes in several files, each of a range of images, searched as if they were one index.

All files have the centres of one: a descriptor of a photo looks into the same lists in each of them, which together
hold what one index would have in those lists. So the votes are the same, however many files there are. Only which of
several neighbours at the same, farthest distance is named may differ, and the farthest ones have no vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simsearch.core.types import Ids
from simsearch.indexes.keypoint_votes import Bits, Distances, VoteIndex, merged


@dataclass(frozen=True)
class VoteFiles:
    """Opened files, one after another."""

    parts: Sequence[VoteIndex]
    dim: int

    def __len__(self) -> int:
        """Number of descriptors."""
        return sum(map(len, self.parts))

    def ids(self) -> Ids:
        """As `VoteIndex.ids`."""
        return np.unique(np.concatenate([part.ids() for part in self.parts]))

    def neighbours(self, descriptors: Bits, k: int) -> tuple[Distances, Ids]:
        """As `Votes.neighbours`."""
        lists = next((part.lists(descriptors) for part in self.parts if len(part)), None)  # the same in all
        return merged((part.neighbours(descriptors, k, lists) for part in self.parts), k)


def opened(paths: Sequence[Path], dim: int) -> VoteIndex | VoteFiles:
    """The files at `paths`, mapped.

    Raises:
        GenerationError: one is no index of `dim` bits.
    """
    parts = [VoteIndex.load(path, dim) for path in paths]
    return parts[0] if len(parts) == 1 else VoteFiles(parts, dim)
