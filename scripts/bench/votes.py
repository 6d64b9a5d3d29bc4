"""Kinds of index for keypoints, and how they grow. `simsearch evaluate retrieval` compares the lanes.

    python scripts/bench/votes.py kinds HOME DATA [--split train] [--distractors boxes_unlabelled,tfda]
    python scripts/bench/votes.py scale HOME [--images 10000,100000]

HOME: a home into which boxes.csv, boxes_unlabelled and tfda.csv of DATA were indexed. Only descriptors are read. The
first photo of a product is in the catalog, its other photos are the queries. Photos that boxes_ambiguous.csv lists for
the product of a query do not count. Among equal votes the right image ranks last. Times are processor time of one
thread.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from simsearch import App, open_app
from simsearch.features.base import unpack
from simsearch.indexes.catalog_keypoints import indexed_keypoints
from simsearch.indexes.keypoint_votes import VoteIndex, lists_for, votes
from simsearch.recognition.rank_fusion import LaneHits as Found

DEPTH = 50
HEADER = f"{'R@1':>8}{'R@10':>8}{'R@20':>8}{f'R@{DEPTH}':>8}"
NEIGHBOURS = 16


@dataclass(frozen=True)
class Bench:
    """The keypoints of all photos, the photos in the catalog, and the queries."""

    catalog: NDArray[np.int64]
    """Rows of the photos in the catalog."""
    questions: list[tuple[int, int, set[int]]]
    """Row of the query, row of the right answer, rows that do not count."""
    keypoints: list[NDArray[Any]]

    def bits(self, row: int) -> NDArray[np.uint8]:
        """All binary descriptors of a photo, as a query uses them."""
        return np.ascontiguousarray(self.keypoints[row]["bits"])

    def indexed(self, most: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """The row of each keypoint in the catalog, and its binary descriptor."""
        parts = [indexed_keypoints(self.keypoints[row], most) for row in self.catalog]
        return np.repeat(self.catalog, [len(p) for p in parts]), np.concatenate(parts)


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def gather(app: App, data: Path, split: str, distractors: Sequence[str], test: str = "boxes") -> Bench:
    known = {str(Path(i.path).resolve()): i.id for i in app.catalog.images.known([]) if i.verdict == "ok"}
    ids = {path.removeprefix(f"{data.resolve()}/"): i for path, i in known.items()}
    order = {path: row for row, path in enumerate(ids)}
    method = app.methods["orb"]
    stored = app.catalog.descriptors.of(method.fingerprint, ids.values())
    keypoints = [unpack(method, stored[i]) for i in ids.values()]
    ambiguous: dict[str, set[int]] = {}
    for line in table(data / "boxes_ambiguous.csv"):
        ambiguous.setdefault(line["sku"], set()).add(order.get(line["image"], -1))
    first: dict[str, int] = {}
    questions = []
    medicines = [(r["sku"], order[r["image"]]) for r in table(data / "tfda.csv") if r["split"] == "catalog"]
    if test == "tfda":
        first = dict(medicines)
        asked = [(r["sku"], order[r["image"]]) for r in table(data / "tfda.csv") if r["split"] == split]
    else:
        asked = []
        for line in table(data / "boxes.csv"):
            if line["split"] == split and first.setdefault(line["sku"], order[line["image"]]) != order[line["image"]]:
                asked.append((line["sku"], order[line["image"]]))
    questions = [(row, first[sku], ambiguous.get(sku, set()) - {first[sku]}) for sku, row in asked]
    rows = set(first.values())
    if "boxes_unlabelled" in distractors:
        rows |= {row for path, row in order.items() if path.startswith("boxes_unlabelled/")}
    if "tfda" in distractors:
        rows |= {row for _, row in medicines}
    return Bench(np.array(sorted(rows)), questions, keypoints)


def recalls(ranks: Sequence[float]) -> str:
    return "".join(f"{np.mean(np.array(ranks) <= k):8.3f}" for k in (1, 10, 20, DEPTH))


def rank_of(right: int, found: Found, not_counted: set[int]) -> float:
    """Rank of the right row, the last among equal votes; infinite if it was not found."""
    counted = {row: similarity for row, similarity in found if row not in not_counted}
    return sum(s >= counted[right] for s in counted.values()) if right in counted else np.inf


def kinds(options: argparse.Namespace) -> None:
    """Compare kinds of FAISS index by the votes that their neighbours cast."""
    with open_app(options.home) as app:
        bench = gather(app, options.data, options.split, options.distractors.split(","), options.test)
    print(f"{len(bench.questions)} photos asked among {len(bench.catalog)}")
    print(f"{'index':<22}{'keypoints':>10}{HEADER}{'ms':>8}{'build s':>9}{'B/image':>9}")
    makers: dict[str, Callable[[int], Any]] = {
        "exact": lambda n: faiss.IndexBinaryFlat(256),
        "hash 16 bits, 1 flip": lambda n: flipping(faiss.IndexBinaryHash(256, 16)),
        "4 hashes of 16 bits": lambda n: faiss.IndexBinaryMultiHash(256, 4, 16),
        "inverted lists": lambda n: None,
    }
    for name in options.kinds.split(",") if options.kinds else makers:
        for most in (int(m) for m in options.most.split(",")):
            rows, bits = bench.indexed(most)
            started = time.process_time()
            made = makers[name](len(bits))
            index = VoteIndex()
            if made is None:
                index.add(rows, bits)
            else:
                made.add(bits)
                index = Other(made, rows)
            built = time.process_time() - started
            ranks, took = [], []
            for row, right, not_counted in bench.questions[:: options.every]:
                started = time.process_time()
                images, counted = votes([index], bench.bits(row), k=NEIGHBOURS)
                took.append((time.process_time() - started) * 1e3)
                ranks.append(rank_of(right, list(zip(images.tolist(), counted.tolist(), strict=True)), not_counted))
            size = len(bits) / len(bench.catalog) * (104 if "hashes" in name else 40)
            print(f"{name:<22}{most:>10}{recalls(ranks)}{np.median(took):>8.1f}{built:>9.1f}{size:>9,.0f}", flush=True)


def flipping(index: Any) -> Any:
    index.nflip = 1
    return index


class Other(VoteIndex):
    """Another kind of FAISS index, for comparison."""

    def __init__(self, index: Any, rows: NDArray[np.int64]) -> None:
        super().__init__()
        self.other, self.rows = index, rows

    def __len__(self) -> int:
        return len(self.rows)

    def neighbours(self, descriptors: NDArray[np.uint8], k: int, lists: Any = None) -> tuple[Any, Any]:
        distances, found = self.other.search(descriptors, k)
        ids = np.where(found < 0, -1, self.rows[np.maximum(found, 0)])
        return np.where(found < 0, self.dim // 2, distances), ids


def scale(options: argparse.Namespace) -> None:
    """Growth with drawn images. Their keypoints are real ones with 32 of 256 bits changed, which keeps the clusters."""
    with open_app(options.home) as app:
        method = app.methods["orb"]
        stored = app.catalog.descriptors.of(
            method.fingerprint, app.catalog.descriptors.active_ids(method.fingerprint).tolist()
        )
        pool = np.concatenate([indexed_keypoints(unpack(method, data), 200) for data in stored.values()])
    print(f"{len(pool):,} keypoints of {len(stored):,} photos")
    columns = {"images": 9, "keypoints": 10, "lists": 8, "build s": 9, "MiB": 8, "B/image": 9, "open ms": 9,
               "p50 ms": 8, "p99 ms": 8, "R@1": 7, "R@20": 7}  # fmt: skip
    print("".join(f"{name:>{width}}" for name, width in columns.items()))
    for images in (int(n) for n in options.images.split(",")):
        for most in (int(m) for m in options.most.split(",")):
            print(one_scale(pool, images, most, options.folder), flush=True)


def changed(bits: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Each bit flipped with probability 1/8: where three random bits are all set."""
    mask = np.frombuffer(rng.bytes(bits.size), np.uint8)
    for _ in range(2):
        mask = mask & np.frombuffer(rng.bytes(bits.size), np.uint8)
    return bits ^ mask.reshape(bits.shape)


def drawn(pool: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    return changed(pool[rng.integers(0, len(pool), count)], rng)


def one_scale(pool: NDArray[np.uint8], images: int, most: int, folder: Path) -> str:
    rng = np.random.default_rng(images + most)
    asked = {int(i): np.zeros((0, 32), np.uint8) for i in rng.choice(images, 100, replace=False)}
    index = VoteIndex(expected=images * most)
    index.train(drawn(pool, min(images * most, 400_000), rng))
    took = 0.0
    for start in range(0, images, 4000):
        ids = np.arange(start, min(start + 4000, images))
        bits = drawn(pool, len(ids) * most, rng)
        for i in asked.keys() & set(ids.tolist()):
            asked[i] = bits[(i - start) * most : (i - start + 1) * most].copy()
        started = time.process_time()
        index.add(np.repeat(ids, most), bits)
        took += time.process_time() - started
    path = folder / f"votes-{images}-{most}.index"
    index.save(path)
    lists = lists_for(images * most)
    del index
    started = time.process_time()
    opened = VoteIndex.load(path)
    opening, times, ranks = (time.process_time() - started) * 1e3, [], []
    photos = []
    for bits in asked.values():
        seen = bits[rng.random(len(bits)) < 0.4]
        photos.append(rng.permutation(np.concatenate([changed(seen, rng), drawn(pool, 500 - len(seen), rng)])))
    for photo in photos:  # warm: the first reads from the disk do not count
        votes([opened], photo, k=NEIGHBOURS)
    for i, photo in zip(asked, photos, strict=True):
        started = time.process_time()
        found, counted = votes([opened], photo, k=NEIGHBOURS)
        times.append((time.process_time() - started) * 1e3)
        ranks.append(rank_of(i, list(zip(found.tolist(), counted.tolist(), strict=True)), set()))
    size = path.stat().st_size
    path.unlink()
    first, twentieth = (float(np.mean(np.array(ranks) <= k)) for k in (1, 20))
    return (
        f"{images:>9}{most:>10}{lists:>8}{took:>9.1f}{size / 2**20:>8.0f}{size / images:>9,.0f}{opening:>9.1f}"
        f"{np.median(times):>8.1f}{np.percentile(times, 99):>8.1f}{first:>7.2f}{twentieth:>7.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    jobs = parser.add_subparsers(required=True)
    sub = jobs.add_parser("kinds")
    sub.add_argument("home", type=Path)
    sub.add_argument("data", type=Path)
    sub.add_argument("--split", default="train")
    sub.add_argument("--test", default="boxes", choices=("boxes", "tfda"))
    sub.add_argument("--distractors", default="boxes_unlabelled", help="boxes_unlabelled, tfda or both")
    sub.add_argument("--most", default="500,200", help="keypoints of a catalog image")
    sub.add_argument("--kinds", default="", help="only these, by name")
    sub.add_argument("--every", type=int, default=1, help="ask only every so many photos")
    sub.set_defaults(job=kinds)
    sub = jobs.add_parser("scale")
    sub.add_argument("home", type=Path)
    sub.add_argument("--images", default="10000,100000")
    sub.add_argument("--most", default="200", help="keypoints of a catalog image")
    sub.add_argument("--folder", type=Path, default=Path(), help="where index files are written and removed")
    sub.set_defaults(job=scale)
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    options.job(options)


if __name__ == "__main__":
    main()
