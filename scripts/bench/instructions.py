"""Instructions of a warm query and of describing one photo: a measure of speed that no other work on the machine moves.

    python scripts/bench/instructions.py [--reading] [--write] [--keep FOLDER]

Callgrind counts what one thread executes against a small rendered catalog. Valgrind shows a program one kind of
processor, with AVX2 and without AVX-512, whatever the machine has, so the figures of `instructions.json` hold wherever
Python and the libraries have the versions that stand beside them. The network is computed by ONNX Runtime: to load
PyTorch under Valgrind takes minutes. Exit code 1: something takes over 5 % more or fewer instructions than is written
there; 0: nothing does; 2: cannot be measured here, and why. `--write` puts what was counted in the place of the old
figures. With `--keep` the profiles are left in FOLDER, for `callgrind_annotate`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FIGURES = Path(__file__).with_suffix(".json")
ROOT = Path(__file__).resolve().parents[2]
TOLERANCE = 0.05
"""Share by which a count may differ. Two runs differ by less than a hundredth."""
_LIBRARIES = ("numpy", "opencv-python-headless", "onnxruntime", "sqlalchemy", "pillow")
KIND = ("machine", "python", "valgrind", "faiss", *_LIBRARIES)
_ROUNDS = 2
_PHOTOS = 2


def kind() -> dict[str, str]:
    """What the counts depend on, beside simsearch: counts of two kinds are not compared."""
    faiss = next((f"{d.name} {d.version}" for name in ("faiss-cpu", "faiss-gpu") for d in _found(name)), "")
    said = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    libraries = {name: d.version for name in _LIBRARIES for d in _found(name)}
    return {
        "machine": platform.machine(), "python": platform.python_version(), "valgrind": said, "faiss": faiss,
        **libraries,
    }  # fmt: skip


def _found(name: str) -> Sequence[importlib.metadata.Distribution]:
    try:
        return [importlib.metadata.distribution(name)]
    except importlib.metadata.PackageNotFoundError:
        return []


def blocked() -> str:
    """Why nothing can be counted here; "" where it can."""
    if not all(map(shutil.which, ("valgrind", "callgrind_control"))):
        return "valgrind is not installed"
    said = Path("/proc/cpuinfo")
    if not said.exists() or " avx2 " not in said.read_text(encoding="ascii", errors="replace"):
        return "the processor has no AVX2"
    return ""


# -- what is counted: runs under Valgrind ------------------------------------------------------------------------------


def config(folder: Path, *, reading: bool) -> Path:
    """Settings that compute the same on every machine."""
    path = folder / f"{'read' if reading else 'unread'}.toml"
    mode = "always" if reading else "never"
    path.write_text(f'[reading]\nmode = "{mode}"\n[methods.siamese]\nruntime = "onnx"\n', encoding="utf-8")
    return path


def jobs(folder: Path, *, reading: bool) -> dict[str, Callable[[], object]]:
    """What is counted, by name, after it was done once."""
    from simsearch import open_app
    from simsearch.core import images
    from simsearch.features.description import describe

    app = open_app(folder / "home", config(folder, reading=reading))
    photos = [path.read_bytes() for path in sorted((folder / "asked").iterdir())]

    def query() -> None:
        for photo in photos:
            app.query(photo, record=False)

    def describing() -> None:
        for photo in photos:
            describe(app.methods, [images.decode(photo, app.config.images)])

    return {"query with reading": query} if reading else {"describe": describing, "query": query}


def work(folder: Path, *, reading: bool) -> None:
    """Do the jobs, each between two lines on standard output, when a line on standard input says so."""
    import gc

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core: `core.threads` then starts no thread
    for name, job in jobs(folder, reading=reading).items():
        for _ in range(_ROUNDS):
            job()
        gc.collect()
        gc.disable()
        print(name, flush=True)
        sys.stdin.readline()
        job()
        print("done", flush=True)
        sys.stdin.readline()
        gc.enable()


# -- counting ----------------------------------------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """A rendered catalog, indexed, and photos to ask with."""
    from simsearch import open_app
    from simsearch.synthetic import make_products, write_catalog
    from simsearch.synthetic.catalog import phone_photo
    from simsearch.synthetic.photos import jpeg_bytes

    products = make_products(48, seed=3)
    write_catalog(folder / "catalog", products, seed=3, photos_per_product=2, size=400)
    with open_app(folder / "home", config(folder, reading=False)) as app:
        app.index([folder / "catalog/catalog.csv"], reading=False, check=False)
        app.rebuild()
    (folder / "asked").mkdir()
    for number in range(_PHOTOS):
        photo = phone_photo(products[number], seed=number, severity=0.4).pixels
        (folder / f"asked/{number}.jpg").write_bytes(jpeg_bytes(photo, 90))


def counted(folder: Path, *, reading: bool) -> dict[str, int]:
    """Instructions of each job, a photo."""
    out = folder / "callgrind.out"
    flags = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={out}", "--read-inline-info=no"]
    flags += ["--separate-threads=no", "-q"]
    job = [sys.executable, str(Path(__file__)), "--work", str(folder), *(["--reading"] if reading else [])]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"}
    env["OPENBLAS_NUM_THREADS"] = "1"
    found: dict[str, int] = {}
    with subprocess.Popen(
        ["valgrind", *flags, *job], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None

        def tell() -> None:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()

        for line in child.stdout:
            name = line.strip()
            _control(child.pid, "-z")
            _control(child.pid, "--instr=on")
            tell()
            child.stdout.readline()
            _control(child.pid, "--instr=off")
            _control(child.pid, f"--dump={name}")
            tell()
            dumped = max(out.parent.glob("callgrind.out.*"), key=lambda path: path.stat().st_mtime_ns)
            totals = re.search(r"^totals: (\d+)", dumped.read_text(encoding="utf-8"), re.MULTILINE)
            assert totals is not None, f"{dumped.name} has no totals"
            found[name] = int(totals[1]) // _PHOTOS
            dumped.rename(folder / f"profile-{name.replace(' ', '-')}.out")
    if child.returncode or not found:
        print(f"instructions.py: what was to be counted ended with code {child.returncode}", file=sys.stderr)
        sys.exit(2)
    return found


def _control(pid: int, *flags: str) -> None:
    subprocess.run(["callgrind_control", *flags, str(pid)], check=True, capture_output=True)


def measure(folder: Path, *, reading: bool) -> dict[str, int]:
    """Instructions a photo of everything that is counted."""
    prepare(folder)
    found = counted(folder, reading=False)
    return found | (counted(folder, reading=True) if reading else {})


def changed(old: dict[str, int], new: dict[str, int]) -> list[str]:
    """A line for each count that differs by more than `TOLERANCE` from the written one."""
    return [
        f"{name}: {new[name]:,} instructions, {old[name]:,} are written: {new[name] / old[name] - 1:+.1%}"
        for name in new
        if name in old and abs(new[name] / old[name] - 1) > TOLERANCE
    ]


def main() -> None:
    """Count, print, compare or write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reading", action="store_true", help="count a query that reads its photo too; takes minutes")
    parser.add_argument("--write", action="store_true", help=f"write the counts to {FIGURES.name}")
    parser.add_argument("--keep", type=Path, help="folder in which the profiles are left")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, reading=given.reading)
        return
    why = blocked()
    if why:
        print(f"instructions.py: {why}", file=sys.stderr)
        sys.exit(2)
    written: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.is_file() else {}
    here, started = kind(), time.perf_counter()
    if not given.write and not written:
        print(f"instructions.py: no {FIGURES.name} is written yet; --write makes it", file=sys.stderr)
        sys.exit(2)
    if not given.write and written["kind"] != here:
        print(f"instructions.py: {FIGURES.name} is of {written.get('kind')}, this is {here}", file=sys.stderr)
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix="simsearch-instructions-") as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        found = measure(folder, reading=given.reading)
    print(*(f"{name}: {count:,}" for name, count in found.items()), sep="\n")
    print(f"query over describe: {found['query'] / found['describe']:.2f}; {time.perf_counter() - started:.0f} s")
    if given.write:
        text = json.dumps({"kind": here, "instructions": found}, indent=1)
        FIGURES.write_text(text + "\n", encoding="utf-8")
        return
    worse = changed(written["instructions"], found)
    print(*worse, sep="\n", end="\n" if worse else "")
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    main()
