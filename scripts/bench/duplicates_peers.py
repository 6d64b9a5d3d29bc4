"""simsearch beside other finders of duplicates, on one folder of photos and edited copies.

    scripts/bench/duplicates_peers FOLDER SCRATCH [--only NAME ...]

FOLDER holds files NNNN_KIND.jpg: `0001_0.jpg` a photo, `0001_crop.jpg` an edited copy of it. Two files are copies where
the number is the same. The peers come from PyPI into an environment of their own below SCRATCH. A row is one tool:
precision and recall over all pairs, recall of each kind against the photo, and processor time of the whole process.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import resource
import subprocess
import sys
import time
import venv
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

VERSIONS = ("pdqhash==0.2.8", "fastdup==2.54", "czkawka==0.1.2", "image-dedup-ai==0.1.0", "pillow", "numpy")
NEEDED = ("phash", "orb", "siamese")
"""Methods without which nothing is compared; others are for queries, and take time to describe."""
PEERS = ("fastdup-0.8", "fastdup-0.9", "pdq", "czkawka", "image-dedup-ai")
_HERE = Path(__file__).resolve().parent
Pair = frozenset[str]


def environment(scratch: Path) -> Path:
    """The Python of the peers, made at the first call."""
    python = scratch / "peers" / "bin" / "python"
    if not python.is_file():
        venv.create(scratch / "peers", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *VERSIONS], check=True)
    return python


def timed(call: list[str | Path], **options: str) -> float:
    """Processor time of a process, in seconds. What it prints is left out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(call, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **options})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(folder: Path, scratch: Path) -> tuple[set[Pair], str]:
    """What simsearch lists, and its processor time."""
    table, home, out = scratch / "catalog.csv", scratch / "home", scratch / "pairs.csv"
    with table.open("w", encoding="utf-8", newline="") as stream:
        rows = [(p.stem, p.stem, str(p.resolve())) for p in sorted(folder.iterdir())]
        csv.writer(stream).writerows([("sku", "name", "image"), *rows])
    main = "from simsearch.cli.main import main; main()"
    program: list[str | Path] = [sys.executable, "-c", main, "--quiet", "--home", home]
    described = 0.0
    if not home.is_dir():
        config = scratch / "config.toml"
        config.write_text(f"[indexing]\nstored = {json.dumps(NEEDED)}\n", encoding="utf-8")
        described = timed([*program, "--config", config, "index", table, "--no-reading", "--no-rebuild"])
    compared = timed([*program, "duplicates", "--csv", out])
    with out.open(encoding="utf-8", newline="") as stream:
        found = {frozenset((row["sku_a"], row["sku_b"])) for row in csv.DictReader(stream)}
    return found, f"{described:.0f} s describing, {compared:.0f} s comparing"


def peer(name: str, folder: Path, scratch: Path) -> tuple[set[Pair], str]:
    """What another tool lists, and its processor time."""
    out = scratch / f"{name}.json"
    took = timed([environment(scratch), _HERE / "peer_duplicates.py", name, folder, out], PYTHONPATH="")
    pairs = json.loads(out.read_text(encoding="utf-8"))
    return {frozenset((Path(a).stem, Path(b).stem)) for a, b in pairs}, f"{took:.0f} s"


def row(name: str, files: Iterable[str], found: set[Pair], took: str, kinds: list[str]) -> str:
    """One row of the table."""
    photos: dict[str, list[str]] = {}
    for file in files:
        photos.setdefault(file.split("_")[0], []).append(file)
    true = {frozenset(pair) for members in photos.values() for pair in combinations(members, 2)}
    right = len(found & true)
    shares = []
    for kind in kinds:
        wanted = [frozenset((f"{n}_0", f"{n}_{kind}")) for n in photos]
        shares.append(f"{sum(pair in found for pair in wanted) / len(wanted):.3f}")
    cells = [name, f"{right / max(1, len(found)):.4f}", f"{right / len(true):.4f}", *shares, took]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="simsearch beside other finders of duplicates.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("scratch", type=Path)
    parser.add_argument("--only", nargs="+", choices=("simsearch", *PEERS), default=("simsearch", *PEERS))
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    files = [p.stem for p in sorted(options.folder.iterdir())]
    kinds = sorted({file.split("_")[1] for file in files} - {"0"})
    print(f"{len(files)} files, {time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores")
    print(f"| tool | precision | recall | {' | '.join(kinds)} | processor time |")
    print(f"|{' --- |' * (len(kinds) + 4)}")
    for name in options.only:
        found, took = (
            ours(options.folder, options.scratch)
            if name == "simsearch"
            else peer(name, options.folder, options.scratch)
        )
        print(row(name, files, {pair for pair in found if len(pair) == 2}, took, kinds), flush=True)


if __name__ == "__main__":
    main()
