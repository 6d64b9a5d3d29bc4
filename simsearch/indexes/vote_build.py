"""The files of keypoint votes: fill, write and audit them."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from threading import Event

import numpy as np

from simsearch.core.files import sync
from simsearch.core.types import Ids
from simsearch.features.base import Method
from simsearch.indexes.catalog_keypoints import keypoints_of, vote_indexes
from simsearch.indexes.catalog_view import CatalogView
from simsearch.indexes.keypoint_votes import Bits, VoteIndex, votes
from simsearch.indexes.manifest import Audit, VoteFacts
from simsearch.indexes.stored_file import describe_file
from simsearch.indexes.vote_files import VoteFiles, opened
from simsearch.indexes.vote_join import join

_HELD = 62_500
"""Images of an index that is filled in memory: 0.5 GB. What lies in one file beyond them is joined on disk."""
_SAMPLE = 50
"""Images whose own keypoints are looked up by the audit."""
_RECALL = 0.9
"""Share of them that must be found. Photos without keypoints, or filed under several products, need not be."""


@dataclass(frozen=True)
class Keypoints:
    """Which keypoints vote."""

    method: Method
    most: int
    """Per image."""


def build_votes(
    folder: Path, catalog: CatalogView, keypoints: Keypoints, expected: Ids, images: int, stop: Event | None = None
) -> tuple[list[VoteFacts], Audit]:
    """Write the index of the catalog's keypoints into files in `folder`; their facts, and the audit of all.

    The audit: no image outside of those expected, and nine in ten of sampled ones must be found by their own keypoints.

    Args:
        folder: of the new generation.
        catalog: where keypoints are stored.
        keypoints: which of them vote.
        expected: ids of the images, ascending.
        images: of one file, at most.
        stop: once it is set, the build ends.

    Raises:
        DamagedDescriptor: the keypoints of an image are damaged.
        GenerationError: a file cannot be written, or the build was stopped.
    """
    started = time.perf_counter()
    facts: list[VoteFacts] = []
    for path, index in _written(folder, catalog, keypoints, expected, images, stop):
        sync(path)
        facts.append(VoteFacts(
            kind=index.kind, fingerprint=keypoints.method.fingerprint, most=keypoints.most, dim=index.dim,
            keypoints=len(index), build_s=round(time.perf_counter() - started, 6), **describe_file(path),
        ))  # fmt: skip
        started = time.perf_counter()
    written = opened([folder / one.file for one in facts], facts[0].dim)
    held = written.ids()
    if extra := len(np.setdiff1d(held, expected)):
        return facts, Audit(False, f"{extra} images are not in the catalog")
    rng = np.random.default_rng(len(held))
    sample = np.sort(rng.choice(held, min(_SAMPLE, len(held)), replace=False))
    own = keypoints_of(catalog, keypoints.method, keypoints.most, sample)
    found = [_finds(written, image_id, bits) for image_id, bits in own.items() if len(bits)]
    share = float(np.mean(found)) if found else 1.0
    reason = "" if share >= _RECALL else f"only {share:.0%} of sampled images are found by their own keypoints"
    return facts, Audit(not reason, reason, len(found), recall=round(share, 6))


def _written(
    folder: Path, catalog: CatalogView, keypoints: Keypoints, expected: Ids, images: int, stop: Event | None
) -> Iterator[tuple[Path, VoteIndex]]:
    """The files, each with the index that is opened from it."""
    files = _parted(expected, images)
    parts = [_parted(held, _HELD) for held in files]
    made = vote_indexes(catalog, keypoints.method, keypoints.most, list(chain.from_iterable(parts)), stop=stop)
    for number, some in enumerate(parts):
        path = folder / (f"votes-{number:03d}.index" if number else "votes.index")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            _join(Path(scratch), islice(made, len(some)), path)
        yield path, VoteIndex.load(path)


def _parted(ids: Ids, most: int) -> list[Ids]:
    """One part at least."""
    return [ids[start : start + most] for start in range(0, max(1, len(ids)), most)]


def _join(scratch: Path, indexes: Iterator[VoteIndex], path: Path) -> None:
    """Write to `path` what the indexes hold, of which one at a time is in memory. Parts of it lie in `scratch`."""
    empty = scratch / "empty"
    parts: list[Path] = []
    for index in indexes:
        parts.append(scratch / f"{len(parts)}")
        index.save(parts[-1])
        if len(parts) == 2:
            index.twin().save(empty)
        del index  # the next one is filled before the loop would let go of it
    if len(parts) == 1:
        parts[0].replace(path)
    else:
        join(empty, parts, path)


def _finds(index: VoteIndex | VoteFiles, image_id: int, bits: Bits) -> bool:
    """Whether an image wins the votes of its own keypoints, or nearly so, or the index holds nearly all of them.

    A photo that is filed many times shares its keypoints with its copies: the nearest neighbours are then as near as
    can be, at distance 0, and belong to any of the copies.
    """
    ids, counted = votes([index], bits, k=16)
    place = np.flatnonzero(ids == image_id)
    if len(place) and counted[place[0]] >= 0.8 * counted[0]:
        return True
    distances, _ = index.neighbours(bits, 1)
    return bool(np.mean(distances[:, 0] == 0) >= 0.8)
