"""Photos of 12 megapixels, as phones take them: what they cost against floors of the same run.

    python scripts/bench/large_photos.py --photos FOLDER [--count 48] [--rounds 3] [--keep FOLDER] [--json FILE]

The photos are made from those of FOLDER: scaled to 4000 x 3000 pixels, with noise, as JPEG of quality 90 and as HEIC in
tiles of 512 pixels. Floor and program take turns; the wait is by the clock and in processor time (user and system, all
threads), each the median of the rounds. On a machine that does other work only processor time compares.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image as Pillow

from simsearch import App, open_app
from simsearch.core import images
from simsearch.core.threads import SingleThreaded, cores, stay_on_this_thread
from simsearch.features.description import describe_here, split
from simsearch.synthetic.photos import jpeg_bytes

SIZE = 4000, 3000
_DISTINCT = 8
"""Photos that are encoded. Further ones are the same under other bytes: encoding HEIC takes seconds."""
_BATCH = 8
KINDS = ("jpg", "heic")


# -- the photos -------------------------------------------------------------------------------------------------------


def large(path: Path, number: int) -> Pillow.Image:
    """The photo at 12 megapixels, with the noise of a sensor."""
    pixels = np.asarray(Pillow.open(path).convert("RGB"))
    pixels = pixels if pixels.shape[1] >= pixels.shape[0] else pixels.transpose(1, 0, 2)
    scale = max(SIZE[0] / pixels.shape[1], SIZE[1] / pixels.shape[0])
    pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)[: SIZE[1], : SIZE[0]]
    noise = np.random.default_rng(number).normal(0, 2, pixels.shape[:2])[..., None]
    return Pillow.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def encoded(picture: Pillow.Image, kind: str) -> bytes:
    """The bytes of a file of that kind."""
    if kind == "jpg":
        return jpeg_bytes(np.asarray(picture), 90)
    import pillow_heif

    pillow_heif.register_heif_opener()
    out = io.BytesIO()
    picture.save(out, "HEIF", quality=62, tile_size=512, enc_params={"preset": "ultrafast"})
    return out.getvalue()


def other_bytes(data: bytes, kind: str, number: int) -> bytes:
    """The same picture in a file of another digest: with a comment in JPEG, a box that is skipped in HEIC."""
    note = number.to_bytes(4, "big")
    if kind == "jpg":
        return data[:2] + b"\xff\xfe\0\x06" + note + data[2:]
    return data + b"\0\0\0\x0cfree" + note


def made(folder: Path, sources: Sequence[Path], count: int, kind: str) -> list[Path]:
    """`count` files of that kind in `folder`; those that are there already are kept."""
    distinct = min(_DISTINCT, count, len(sources))
    paths = [folder / f"{number:03d}.{kind}" for number in range(count)]
    for number, path in enumerate(paths):
        if path.exists():
            continue
        first = paths[number % distinct]
        data = encoded(large(sources[number], number), kind) if path == first else first.read_bytes()
        path.write_bytes(other_bytes(data, kind, number) if path != first else data)
    return paths


# -- indexing ---------------------------------------------------------------------------------------------------------


def clock(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - processor


def floor(app: App, paths: Sequence[Path]) -> None:
    """Decode and describe on all cores, and nothing else: no catalog, no digest, no order."""
    network, others = split(app.methods)

    def decoded(path: Path) -> Any:
        image = images.decode(path.read_bytes(), app.config.images, sha256="-", keep=False)
        describe_here(others, [image])
        return image

    with SingleThreaded(), ThreadPoolExecutor(cores(), initializer=stay_on_this_thread) as pool:
        loaded = list(pool.map(decoded, paths))
        batches = [loaded[i : i + _BATCH] for i in range(0, len(loaded), _BATCH)]
        list(pool.map(lambda batch: describe_here(network, batch), batches))


def indexing(app: App, paths: Sequence[Path], rounds: int, scratch: Path) -> dict[str, float]:
    """Photos a second of the floor and of `index`, and the share of the floor that is reached."""
    took: dict[str, list[tuple[float, float]]] = {"floor": [], "index": []}
    floor(app, paths[: 2 * _BATCH])  # the network is loaded
    for number in range(rounds):
        took["floor"].append(clock(lambda: floor(app, paths)))
        table = scratch / f"{paths[0].suffix[1:]}-{number}.csv"
        with table.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([("sku", "image"), *((f"{number}-{path.stem}", str(path)) for path in paths)])
        took["index"].append(clock(lambda listed=table: app.index([listed], rebuild=False, reading=False)))  # type: ignore[misc]
    found: dict[str, float] = {}
    for name, pairs in took.items():
        wall, processor = (statistics.median(column) for column in zip(*pairs, strict=True))
        found |= {f"{name}_per_s": len(paths) / wall, f"{name}_processor_ms": processor / len(paths) * 1e3}
    share = [(f[0] / i[0], f[1] / i[1]) for f, i in zip(took["floor"], took["index"], strict=True)]
    wall_share, processor_share = (statistics.median(column) for column in zip(*share, strict=True))
    return {**found, "share": wall_share, "processor_share": processor_share}


# -- a query ----------------------------------------------------------------------------------------------------------


def query(app: App, path: Path, rounds: int) -> dict[str, float]:
    """Milliseconds of a query by the photo and by itself at 640 pixels, without reading; medians, and what is more."""
    data = path.read_bytes()
    small = jpeg_bytes(images.decode(data, app.config.images, keep=False).pixels, 92)
    took: list[tuple[float, float, float, float]] = []
    for number in range(5 * rounds + 2):
        whole = clock(lambda: app.query(data, record=False))
        part = clock(lambda: app.query(small, record=False))
        if number > 1:
            took.append((*whole, *part))
    wall, processor, small_wall, small_processor = (
        statistics.median(column) * 1e3 for column in zip(*took, strict=True)
    )
    more = [(a - c, b - d) for a, b, c, d in took]
    return {
        "query_ms": wall, "small_ms": small_wall, "more_ms": statistics.median(m[0] for m in more) * 1e3,
        "query_processor_ms": processor, "small_processor_ms": small_processor,
        "more_processor_ms": statistics.median(m[1] for m in more) * 1e3,
    }  # fmt: skip


# -- memory -----------------------------------------------------------------------------------------------------------

_MEMORY = """
import io, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.formats import heif
from simsearch.core.threads import stay_on_this_thread
path, side, photos = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
settings = ImageSettings()
def decoded(data):
    image = images.decode(data, settings, keep=side == "both")
    return image, image.sharp
heif.available()
small = io.BytesIO()
Image.new("RGB", (720, 720)).save(small, {".jpg": "JPEG", ".heic": "HEIF"}[path.suffix])
decoded(small.getvalue())  # the libraries are loaded
with ThreadPoolExecutor(max(1, photos), initializer=stay_on_this_thread) as pool:
    held = list(pool.map(lambda _: decoded(images.read(path, settings)), range(photos)))
status = Path("/proc/self/status").read_text().split()  # a child's ru_maxrss begins with its parent's
print(int(status[status.index("VmHWM:") + 1]) / 1024)
"""


def memory(path: Path, side: str) -> dict[str, float]:
    """MiB that one photo adds to the peak, and each of five in flight.

    `side`: "working" for the working picture alone, "both" with the one for reading.
    """

    def peak(photos: int) -> float:
        call = [sys.executable, "-c", _MEMORY, str(path), side, str(photos)]
        return float(subprocess.run(call, capture_output=True, text=True, check=True).stdout)

    none, one, five = (statistics.median(peak(photos) for _ in range(3)) for photos in (0, 1, 5))
    return {f"memory_{side}_one_mib": one - none, f"memory_{side}_each_of_five_mib": (five - none) / 5}


# -- all --------------------------------------------------------------------------------------------------------------


def measure(sources: Sequence[Path], count: int, rounds: int, photos: Path, scratch: Path) -> dict[str, Any]:
    """All figures, by kind of file."""
    config = scratch / "unread.toml"
    config.write_text('[reading]\nmode = "never"\n', encoding="utf-8")
    found: dict[str, Any] = {"cores": cores(), "load": os.getloadavg()}
    for kind in KINDS:
        paths = made(photos, sources, count, kind)
        with open_app(scratch / kind, config) as app:
            found[kind] = {"bytes": statistics.mean(p.stat().st_size for p in paths)}
            found[kind] |= indexing(app, paths, rounds, scratch)
            app.rebuild()
            found[kind] |= query(app, paths[0], rounds)
        found[kind] |= memory(paths[0], "working") | memory(paths[0], "both")
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos that the large ones are made from")
    parser.add_argument("--count", type=int, default=48, help="large photos of each kind")
    parser.add_argument("--rounds", type=int, default=3, help="of floor and program in turn")
    parser.add_argument("--keep", type=Path, help="folder in which the large photos are left for the next run")
    parser.add_argument("--json", type=Path, help="write all figures there")
    given = parser.parse_args()
    sources = sorted(p for p in given.photos.iterdir() if p.suffix.lower() in images.SUFFIXES)
    if not sources:
        parser.error(f"--photos {given.photos}: no photo is there")
    with tempfile.TemporaryDirectory(prefix="simsearch-large-") as scratch:
        photos = given.keep or Path(scratch, "photos")
        photos.mkdir(parents=True, exist_ok=True)
        found = measure(sources, given.count, given.rounds, photos, Path(scratch))
    print("| | " + " | ".join(KINDS) + " |\n| --- |" + " ---: |" * len(KINDS))
    for name in found[KINDS[0]]:
        print(f"| {name} | " + " | ".join(f"{found[kind][name]:,.3f}" for kind in KINDS) + " |")
    print(f"\n{found['cores']} cores, load {found['load']}")
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
