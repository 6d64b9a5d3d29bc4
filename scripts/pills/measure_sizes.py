"""How well the size of a pill is told on a drawn sheet with a ruler, in millimetres.

    PYTHONPATH=. python scripts/pills/measure_sizes.py ../shared/data/rximage.csv [--split eval] [--sheet FILE]

Each sheet shows one studio face, as large as its table says beside rulers along one side or two, as official sheets
have them: any scale from 3 to 12 pixels a millimetre, ticks of any length, numbers, squeezed, turned a little, in
light with a cast, blurred, with noise, as JPEG. None is blown out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from composites import photographed
from cutouts import cut_out, rows
from numpy.typing import NDArray

from simsearch.core.types import Image
from simsearch.features.base import NoSettings
from simsearch.features.pills import PillLooks

SIDE, SEED = 512, 41
NEAR = 1.0
"""Millimetres by which a size that is named right may be off."""
EXPOSED = 60, 250
"""Median of the light that a sheet has: no register takes one that is nearly black, or blank."""
SQUEEZED, TURNED = 0.08, 1.0
"""Standard deviations of the logarithm of height over width, and of the turn in degrees."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path, help="table of studio photos, with size_mm and split")
    parser.add_argument("--split", default="train")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--sheet", type=Path, help="write a picture of the first sheets")
    asked = parser.parse_args()
    own = [row for row in rows(asked.studio) if row["split"] == asked.split and row["size_mm"]]
    faces, stored = cut_out(asked.studio, own)
    method, off, shown = PillLooks(NoSettings()), [], []
    for number in range(asked.count):
        g = np.random.default_rng([SEED, number])
        face = faces[int(g.integers(len(faces)))]
        size = float(face.row["size_mm"])
        picture = sheet(stored[face.wide][face.at], size, g)
        while not EXPOSED[0] < np.median(picture.mean(axis=2)) < EXPOSED[1]:
            picture = sheet(stored[face.wide][face.at], size, g)
        looks: Any = method.describe([Image(picture, str(number), *picture.shape[1::-1])])[0]
        named = float(looks["size"][0, 0]) if len(looks) else 0.0
        off.append(named - size if named else np.nan)
        shown.append(cv2.putText(picture.copy(), f"{size:g} as {named:.1f}", (150, 30), 0, 0.7, (200, 0, 0), 2))
    found = np.array(off)
    near = np.abs(np.nan_to_num(found, nan=np.inf)) <= NEAR
    print(
        f"{len(found)} sheets: no size {np.isnan(found).mean():.3f}, within {NEAR:g} mm {near.mean():.3f}, "
        f"median off {np.nanmedian(found):+.2f} mm"
    )
    if asked.sheet:
        padded = [cv2.resize(one, (SIDE, SIDE)) for one in shown[:24]]
        cv2.imwrite(str(asked.sheet), np.vstack([np.hstack(padded[i : i + 6]) for i in range(0, 24, 6)])[..., ::-1])


def sheet(stored: NDArray[np.uint8], size: float, g: np.random.Generator) -> NDArray[np.uint8]:
    """A sheet (h, w, 3) with a cut-out (h, w, 4) whose longest side has `size` millimetres."""
    step = float(np.exp(g.uniform(np.log(3), np.log(12))))
    step = min(step, 0.6 * SIDE / size)
    ground = np.clip(g.uniform(140, 215) + g.normal(0, 4, 3), 0, 255)
    drawn = np.full((SIDE, SIDE, 3), ground, np.uint8)
    origin = g.uniform(0.12, 0.25) * SIDE, g.uniform(0.75, 0.9) * SIDE
    ink = float(g.uniform(10, 90))
    for level in (True, False) if g.random() < 0.7 else ((True,) if g.random() < 0.5 else (False,)):
        _ruler(drawn, step, origin, level, ink, g)
    picture: NDArray[Any] = drawn.astype(np.float32)
    _lay(picture, stored, size * step, origin, step, g)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), float(g.normal(0, TURNED)), 1.0)
    high = round(SIDE * float(np.exp(g.normal(0, SQUEEZED))))
    picture = np.asarray(cv2.warpAffine(picture, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE), np.float32)
    picture = np.asarray(cv2.resize(picture, (SIDE, high), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(np.clip(photographed(picture, g), 0, 255), np.uint8)


def _ruler(
    picture: NDArray[Any], step: float, origin: tuple[float, float], level: bool, ink: float, g: np.random.Generator
) -> None:
    lengths = g.uniform(0.9, 2.0) * step * np.array([1, g.uniform(1.35, 1.9), g.uniform(1.7, 2.6)])
    thick = 2 if step > 6 and g.random() < 0.6 else 1
    start, way = (origin[0], 1) if level else (origin[1], -1)
    room = (SIDE - 10 - start) if level else start - 10
    for number in range(min(int(room / step), int(g.choice((20, 30, 50, 100)))) + 1):
        here = start + way * number * step
        long = float(lengths[2 if number % 10 == 0 else 1 if number % 5 == 0 else 0])
        ends = ((here, origin[1]), (here, origin[1] + long)) if level else ((origin[0], here), (origin[0] - long, here))
        one, other = ((round(x * 8), round(y * 8)) for x, y in ends)
        cv2.line(picture, one, other, (ink, ink, ink), thick, cv2.LINE_AA, 3)
        if number % 10 == 0:
            place = (here - 5, origin[1] + long + 14) if level else (origin[0] - long - 26, here + 4)
            at = round(place[0]), round(place[1])
            cv2.putText(picture, str(number), at, cv2.FONT_HERSHEY_COMPLEX_SMALL, 0.7, (ink, ink, ink))


def _lay(
    picture: NDArray[Any], stored: NDArray[Any], side: float, origin: tuple[float, float], step: float,
    g: np.random.Generator,
) -> None:  # fmt: skip
    """The cut-out, its longer side `side` pixels long, somewhere above the ruler."""
    ys, xs = np.nonzero(stored[..., 3] > 127)
    cut = stored[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    outline = max(cv2.findContours((cut[..., 3] > 127).astype(np.uint8), 0, 1)[0], key=cv2.contourArea)
    scale = side / max(cv2.minAreaRect(outline)[1])
    cut = cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    h, w = cut.shape[:2]
    x = int(g.uniform(origin[0] + step, max(origin[0] + step + 1, SIDE - w - 8)))
    y = int(g.uniform(8, max(9, origin[1] - step - h)))
    x, y = min(x, SIDE - w - 1), min(y, SIDE - h - 1)
    mask = cut[..., 3:].astype(np.float32) / 255
    shade = cv2.GaussianBlur(np.pad(mask[..., 0], 8), (0, 0), 3)[8:-8, 8:-8, None]
    part = picture[y : y + h, x : x + w]
    part *= 1 - 0.3 * shade
    part[:] = part * (1 - mask) + cut[..., :3] * mask


if __name__ == "__main__":
    main()
