"""Codes drawn on photos of packages: read in the whole photo, against zxing-cpp on a cut-out around the code.

    python scripts/measure_codes.py PHOTOS [--codes 160] [--seed 1] [--parts 4]

PHOTOS is a folder whose photos show no readable code. On each, one code is drawn at 1.4 to 4 pixels a module, turned,
tilted, blurred and with noise; then the method reads the photo at reading resolution, and the library alone a cut-out
at full size. A code that only the cut-out gives is a miss, named by its number.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.features.codes import CodeSettings, read

Grey = NDArray[np.uint8]
_KINDS = {"EAN13": 0.4, "DataMatrix": 0.35, "QRCode": 0.15, "Code128": 0.1}
_DRAWN = 8
"""Pixels of a module before it is laid on the photo."""
_FINE = 3
"""It is laid down so many times as fine, and averaged."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One photo with one code."""

    kind: str
    text: str
    photo: Grey
    cut: Grey


def code(random: np.random.Generator) -> tuple[str, str, Grey]:
    """Kind, text and picture of a code with its quiet zones."""
    digits = [8, 9, *random.integers(0, 10, 10).tolist()]
    check = -sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10
    ean = "".join(map(str, [*digits, check]))
    kind = str(random.choice(list(_KINDS), p=list(_KINDS.values())))
    number = random.integers(1000, 999_999)
    text = {
        "EAN13": ean, "DataMatrix": f"010{ean}1727050010AB{number}", "Code128": f"AB{number}",
        "QRCode": f"https://x.example/01/0{ean}/10/L{number}",
    }[kind]  # fmt: skip
    drawn = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat[kind])
    return kind, text, np.array(zxingcpp.write_barcode_to_image(drawn, scale=_DRAWN, add_quiet_zones=True))


def corners(random: np.random.Generator, size: tuple[int, int], photo: tuple[int, int], scale: float) -> NDArray[Any]:
    """Where a label (height, width) comes to lie on a photo (height, width); (4, 2)."""
    upright = random.random() < 0.6
    angle = np.deg2rad(random.choice([0, 90, 180, 270]) + random.normal(0, 8) if upright else random.uniform(0, 360))
    at = random.uniform(0.25, 0.75, 2) * photo[::-1]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    box = (np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - 0.5) * size[::-1] * scale
    found: NDArray[Any] = box @ turn.T + at + random.normal(0, 0.02, (4, 2)) * min(size) * scale
    return found


def trial(photo: Grey, seed: tuple[int, int]) -> Trial:
    """The photo with a code on a label, light or dark and more or less sharp."""
    random = np.random.default_rng(seed)
    kind, text, drawn = code(random)
    module = random.uniform(1.8, 4) if kind == "DataMatrix" else random.uniform(1.4, 3.2)
    dark, light = random.integers(20, 90), random.integers(150, 255)
    label = np.pad(drawn, _DRAWN * int(random.integers(2, 12)), constant_values=255) / 255 * (light - dark) + dark
    lies = corners(random, label.shape, photo.shape, module / _DRAWN)
    low = np.maximum(np.floor(lies.min(axis=0)).astype(int) - 4, 0)
    high = np.minimum(np.ceil(lies.max(axis=0)).astype(int) + 4, photo.shape[::-1])
    wide, tall = (high - low).tolist()
    height, width = label.shape
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    move = cv2.getPerspectiveTransform(source, ((lies - low) * _FINE).astype(np.float32))

    def laid(values: NDArray[Any]) -> NDArray[Any]:
        fine = cv2.warpPerspective(values.astype(np.float32), move, (wide * _FINE, tall * _FINE))
        return np.asarray(cv2.resize(fine, (wide, tall), interpolation=cv2.INTER_AREA))

    out = photo.copy()
    part = out[low[1] : high[1], low[0] : high[0]]
    shade = np.linspace(1, random.uniform(0.75, 1.1), wide)[None]
    mixed = part * (1 - laid(np.ones_like(label))) + laid(label) * shade
    mixed = cv2.GaussianBlur(mixed, (0, 0), random.uniform(0.3, 1.1)) + random.normal(
        0, random.uniform(1, 6), part.shape
    )
    part[:] = np.clip(mixed, 0, 255)
    around = int(max(wide, tall) * random.uniform(0.3, 1.2))
    top, left = np.maximum(low[::-1] - around, 0)
    return Trial(kind, text, out, np.ascontiguousarray(out[top : high[1] + around, left : high[0] + around]))


def alone(cut: Grey) -> set[str]:
    """What the library reads of a cut-out, by itself."""
    return {found.text for found in zxingcpp.read_barcodes(cut, text_mode=zxingcpp.TextMode.Plain) if found.valid}


def measure(photos: Sequence[Grey], count: int, seed: int, settings: CodeSettings) -> None:
    """Read, and print the table."""
    rows: dict[str, NDArray[np.int64]] = {kind: np.zeros(4, np.int64) for kind in _KINDS}
    missed, took = [], 0.0
    for number in range(count):
        one = trial(photos[number % len(photos)], (seed, number))
        in_cut, started = one.text in alone(one.cut), time.thread_time()
        in_photo = one.text in {found.text for found in read(one.photo, settings)}
        took += time.thread_time() - started
        rows[one.kind] += (1, in_cut, in_photo, in_cut and not in_photo)
        missed += [number] if in_cut and not in_photo else []
    print("| code | drawn | read in the cut-out | in the photo | missed |\n| --- | ---: | ---: | ---: | ---: |")
    for kind, row in (rows | {"all": np.sum(list(rows.values()), axis=0)}).items():
        print(f"| {kind} | " + " | ".join(map(str, row)) + " |")
    print(f"\n{took / count * 1e3:.1f} ms of one core a photo; missed: {missed}")


def main() -> None:
    """Load the photos and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("photos", type=Path, help="folder of photos without a readable code")
    parser.add_argument("--codes", type=int, default=160, help="codes that are drawn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", type=int, default=CodeSettings.parts, help="as methods.codes.parts")
    given = parser.parse_args()
    paths = sorted(p for p in given.photos.iterdir() if p.suffix.lower() in images.SUFFIXES)
    loaded = [images.load_sharp(path, ImageSettings()) for path in paths[: given.codes]]
    if not loaded:
        parser.error(f"{given.photos}: no photo is there")
    cv2.setNumThreads(0)
    greys = [np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.uint8) for photo in loaded]
    measure(greys, given.codes, given.seed, CodeSettings(parts=given.parts))


if __name__ == "__main__":
    main()
