"""Pairs that another finder of duplicates lists for a folder. Run by a Python that has it.

    PYTHON scripts/bench/peer_duplicates.py NAME FOLDER OUT.json

OUT gets the pairs of file names. Each is asked in the way its own documentation shows first, with the threshold that
found most on edited copies at a precision that can still be looked through.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from pathlib import Path

Pairs = Iterable[tuple[str, str]]


def pdq(folder: Path) -> Pairs:
    """PDQ (pdqhash), at most 31 of 256 bits apart: the threshold of its authors."""
    import numpy as np
    import pdqhash
    from PIL import Image

    names = sorted(p.name for p in folder.iterdir())
    bits = np.array([pdqhash.compute(np.asarray(Image.open(folder / n).convert("RGB")))[0] for n in names], np.int32)
    for i, row in enumerate(bits[:-1]):
        near = np.flatnonzero((bits[i + 1 :] != row).sum(axis=1) <= 31) + i + 1
        yield from ((names[i], names[j]) for j in near.tolist())


def fastdup(folder: Path, least: float) -> Iterator[tuple[str, str]]:
    """fastdup, pairs with at least that similarity."""
    import fastdup as peer

    with tempfile.TemporaryDirectory() as work:
        run = peer.create(work_dir=work, input_dir=str(folder))
        run.run(threshold=least, ccthreshold=least, nearest_neighbors_k=10, overwrite=True)
        table = run.similarity()
        for a, b, similarity in zip(table["filename_from"], table["filename_to"], table["distance"], strict=True):
            if similarity >= least and a != b:
                yield Path(a).name, Path(b).name


def czkawka(folder: Path) -> Pairs:
    """czkawka's image hash, with the similarity of its own example."""
    from czkawka import ImageSimilarity

    finder = ImageSimilarity()
    finder.set_directories([folder])
    finder.set_similarity(15)
    for group in finder.find_similar():
        yield from combinations(sorted(Path(p).name for p in group), 2)


def image_dedup_ai(folder: Path) -> Pairs:
    """image-dedup-ai as it comes."""
    from image_dedup_ai import find_duplicates

    for group in find_duplicates(str(folder)).groups:
        yield from combinations(sorted(Path(p).name for p in group), 2)


PEERS: dict[str, Callable[[Path], Pairs]] = {
    "pdq": pdq,
    "fastdup-0.8": lambda folder: fastdup(folder, 0.8),
    "fastdup-0.9": lambda folder: fastdup(folder, 0.9),
    "czkawka": czkawka,
    "image-dedup-ai": image_dedup_ai,
}


def main(name: str, folder: str, out: str) -> None:
    """Write the pairs that `name` lists."""
    pairs = sorted({(min(a, b), max(a, b)) for a, b in PEERS[name](Path(folder).resolve())})
    Path(out).write_text(json.dumps(pairs), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
