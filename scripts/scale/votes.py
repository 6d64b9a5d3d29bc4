"""Keypoint votes from one file, from several in this process, and from Ray actors: times, and whether they agree.

    scripts/scale/up
    scripts/scale/inside .scale/python/bin/python scripts/scale/votes.py [--images 2000] [--files 2] [--photos 100]

200 descriptors an image, drawn at random. A photo is 80 of an image's with 32 of 256 bits flipped, and 120 strangers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsearch.core import ray_cluster
from simsearch.indexes.keypoint_votes import VoteIndex, Votes, votes
from simsearch.indexes.manifest import VoteFacts
from simsearch.indexes.ray_votes import RayVotes, VoteSource
from simsearch.indexes.stored_file import describe_file
from simsearch.indexes.vote_files import opened

_EACH, _OWN = 200, 80


def written(folder: Path, bits: NDArray[np.uint8], ids: NDArray[np.int64], files: int) -> list[VoteFacts]:
    """Files of as many images each, with common centres."""
    first, found = VoteIndex(expected=len(bits)), []
    first.train(bits)
    folder.mkdir()
    for number, rows in enumerate(np.array_split(np.arange(len(bits)), files)):
        part = first.twin()
        part.add(ids[rows], bits[rows])
        path = folder / f"votes-{number}.index"
        part.save(path)
        found.append(VoteFacts(
            kind="votes", fingerprint="drawn", most=_EACH, dim=256, keypoints=len(part), build_s=0.0,
            **describe_file(path),
        ))  # fmt: skip
    return found


def photo(rng: np.random.Generator, bits: NDArray[np.uint8], image: int) -> NDArray[np.uint8]:
    """The descriptors of a photo of `image`."""
    own = bits[image * _EACH : image * _EACH + _OWN].copy()
    flips = np.zeros((_OWN, 256), np.uint8)
    flips[np.arange(_OWN)[:, None], np.argsort(rng.random((_OWN, 256)), axis=1)[:, :32]] = 1
    strangers = rng.integers(0, 256, (_EACH - _OWN, 32), np.uint8)
    return np.concatenate([own ^ np.packbits(flips, axis=1), strangers])


def main() -> None:
    """Print a line each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--files", type=int, default=2)
    parser.add_argument("--photos", type=int, default=100)
    given = parser.parse_args()
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 256, (given.images * _EACH, 32), np.uint8)
    ids = np.repeat(np.arange(given.images), _EACH)
    folder = Path(tempfile.mkdtemp(prefix="simsearch-votes-"))
    try:
        one, several = (written(folder / str(files), bits, ids, files) for files in (1, given.files))
        source = VoteSource("drawn", str(folder / str(given.files)))
        ways: dict[str, Votes] = {
            "one file, mapped": opened([folder / "1" / facts.file for facts in one], 256),
            f"{given.files} files, mapped": opened([Path(source.folder) / facts.file for facts in several], 256),
            f"{given.files} actors": RayVotes(os.environ["SIMSEARCH_SCALE_RAY"], source, several),
        }
        photos = [photo(rng, bits, int(image)) for image in rng.integers(0, given.images, given.photos)]
        wanted = [votes([ways["one file, mapped"]], asked, k=16) for asked in photos]
        for name, way in ways.items():
            took, equal = [], 0
            for asked, (images, counts) in zip(photos, wanted, strict=True):
                started = time.perf_counter()
                found = votes([way], asked, k=16)
                took.append((time.perf_counter() - started) * 1e3)
                equal += np.array_equal(found[0], images) and np.array_equal(found[1], counts)
            p50, p90 = np.percentile(took, [50, 90])
            print(f"{name}: p50 {p50:.1f} ms, p90 {p90:.1f} ms, equal votes {equal} of {len(photos)}", flush=True)
        ray_cluster.disconnect()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
