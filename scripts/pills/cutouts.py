"""Studio faces cut out of their flat grey ground, kept in two files by shape."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from composites import FILL, STORED, blurred, sized
from numpy.typing import NDArray

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.core.types import Pixels
from simsearch.features.network.frames import halved, warped
from simsearch.features.pills.frames import OBLONG
from simsearch.features.pills.outlines import Outline


@dataclass(frozen=True)
class Face:
    """One side of a pill."""

    row: dict[str, str]
    """Of the table of studio photos."""
    wide: bool
    at: int
    """Place among the cut-outs of its shape."""
    detail: float
    """How much there is on its surface: 99th percentile of the detail, in grey levels."""


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cut_out(
    table: Path, wanted: Iterable[dict[str, str]], finer: Mapping[bool, float] | None = None
) -> tuple[list[Face], dict[bool, NDArray[np.uint8]]]:
    """The faces, and their cut-outs (n, h, w, 4) by whether they are oblong, so many times as large as `finer` says."""
    kept: dict[bool, list[NDArray[np.uint8]]] = {False: [], True: []}
    faces = []
    for row in wanted:
        pixels = load(table.parent / row["image"], ImageSettings()).pixels
        stored, wide = placed(pixels, flat_outline(pixels), finer)
        faces.append(Face(row, wide, len(kept[wide]), _detail(stored)))
        kept[wide].append(stored)
    return faces, {wide: np.stack(some) for wide, some in kept.items()}


def flat_outline(pixels: Pixels) -> Outline:
    """The outline of what differs from the colour of the photo's rim; an ellipse where nothing does."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    rim = np.concatenate([part.reshape(-1, 3) for part in (lab[:2], lab[-2:], lab[:, :2], lab[:, -2:])])
    ground = np.median(rim, axis=0)
    spread = np.percentile(np.linalg.norm(rim - ground, axis=1), 80)
    mask = (np.linalg.norm(lab - ground, axis=2) > max(3.0, 2.0 * spread)).astype(np.uint8)
    for way in (cv2.MORPH_CLOSE, cv2.MORPH_OPEN):
        mask = np.asarray(cv2.morphologyEx(mask, way, np.ones((5, 5), np.uint8)), np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    height, width = mask.shape
    best = max(found, key=cv2.contourArea, default=None)
    if best is None or cv2.contourArea(best) < 0.15 * height * width:
        around = np.linspace(0, 2 * np.pi, 60)
        return np.column_stack([width * (0.5 + 0.45 * np.cos(around)), height * (0.5 + 0.45 * np.sin(around))]).astype(
            np.float32
        )
    return np.asarray(best.reshape(-1, 2), np.float32)


def placed(
    pixels: Pixels, outline: Outline, finer: Mapping[bool, float] | None = None
) -> tuple[NDArray[np.uint8], bool]:
    """The pill in the middle of a stored cut-out (h, w, 4), an oblong one level; and whether it is oblong."""
    (x, y), (a, b), degrees = cv2.minAreaRect(outline)
    wide = max(a, b) >= OBLONG * max(1.0, min(a, b))
    height, width = sized(STORED[bool(wide)], (finer or {}).get(bool(wide), 1.0))
    angle = 0.0
    if wide:
        angle = (np.radians(degrees if a >= b else degrees + 90) + np.pi / 2) % np.pi - np.pi / 2
        scale = min(FILL * width / max(a, b), FILL * height / min(a, b))
    else:
        low, high = outline.min(axis=0), outline.max(axis=0)
        (x, y), extent = (low + high) / 2, float((high - low).max())
        scale = min(FILL * height / (2 * (cv2.contourArea(outline) / np.pi) ** 0.5), 0.9 * height / extent)
    cos, sin = float(np.cos(angle)) * scale, float(np.sin(angle)) * scale
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
    matrix[:, 2] = (width / 2, height / 2) - matrix[:, :2] @ (x, y)
    picture = warped(halved(pixels, scale), matrix, (width, height))
    points = outline @ matrix[:, :2].T + matrix[:, 2]
    mask = np.zeros((height, width), np.uint8)
    cv2.fillPoly(mask, [np.rint(points * 8).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=3)
    return np.dstack([picture, mask]), bool(wide)


def _detail(stored: NDArray[np.uint8]) -> float:
    inner = cv2.erode(stored[..., 3], np.ones((15, 15), np.uint8)) > 0
    grey: Any = stored[..., :3].mean(axis=2)
    fine = blurred(grey - blurred(grey, 4.0), 1.0)
    return float(np.percentile(np.abs(fine[inner]), 99)) if inner.any() else 0.0
