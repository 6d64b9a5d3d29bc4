#!/usr/bin/env python3
"""Pack what a training run needs for a machine without network: one tar of photos, their table, and the start weights.

usage: pack.py TRAIN.csv START.pth OUT_FOLDER [--side 288] [--quality 50]

TRAIN.csv is the table of training_manifest.py. OUT_FOLDER gets `photos.tar` (NNNNN.webp, and photos.csv with the
columns sku, image, group, surface) and `start.pth`, START in half precision. A photo that cannot be read is named and
left out.
"""

from __future__ import annotations

import argparse
import csv
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.images import shrunk
from simsearch.core.threads import in_threads

AT_ONCE = 256
FIELDS = ("sku", "image", "group", "surface")


def packed(row: Mapping[str, str], side: int, quality: int) -> bytes | ImageError:
    """The photo as WebP."""
    try:
        pixels = shrunk(images.load(Path(row["image"]), ImageSettings()).pixels, side)
    except ImageError as error:
        return error
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=quality, method=4)
    return stream.getvalue()


def added(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    tar.addfile(entry, io.BytesIO(data))


def photos(table: Path, out: Path, side: int, quality: int) -> int:
    """Write `photos.tar`; the number of photos in it."""
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    listed = io.StringIO()
    writer = csv.DictWriter(listed, FIELDS)
    writer.writeheader()
    count = 0
    with tarfile.open(out / "photos.tar", "w") as tar:
        for start in range(0, len(rows), AT_ONCE):
            part = rows[start : start + AT_ONCE]
            for row, data in zip(part, in_threads(lambda r: packed(r, side, quality), part), strict=True):
                if isinstance(data, ImageError):
                    print(f"left out: {data}")
                    continue
                name = f"{count:05}.webp"
                added(tar, name, data)
                writer.writerow({**{field: row[field] for field in FIELDS}, "image": name})
                count += 1
        added(tar, "photos.csv", listed.getvalue().encode())
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack photos and start weights for a machine without network.")
    parser.add_argument("table", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--side", type=int, default=288, help="longer side in pixels")
    parser.add_argument("--quality", type=int, default=50, help="of WebP, 1 to 100")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    state = torch.load(options.start, map_location="cpu", weights_only=True)
    torch.save({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, options.out / "start.pth")
    count = photos(options.table, options.out, options.side, options.quality)
    size = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"{count} photos, {size / 2**20:.1f} MiB in all")


if __name__ == "__main__":
    main()
