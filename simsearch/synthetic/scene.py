"""A package under a camera. Cartons are solid and show the faces that are turned towards it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic.canvas import over
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.render import cutout
from simsearch.synthetic.style import style_of
from simsearch.synthetic.typefaces import Mask

# The six faces of a carton: artwork, and the corners of its upper left, upper right, lower right and lower left in
# half measures. x runs right, y down, z from the front towards the camera.
_FACES = (
    ("front", ((-1, -1, 1), (1, -1, 1), (1, 1, 1), (-1, 1, 1))),
    ("back", ((1, -1, -1), (-1, -1, -1), (-1, 1, -1), (1, 1, -1))),
    ("side", ((1, -1, 1), (1, -1, -1), (1, 1, -1), (1, 1, 1))),
    ("side", ((-1, -1, -1), (-1, -1, 1), (-1, 1, 1), (-1, 1, -1))),
    ("top", ((-1, -1, -1), (1, -1, -1), (1, -1, 1), (-1, -1, 1))),
    ("top", ((-1, 1, 1), (1, 1, 1), (1, 1, -1), (-1, 1, -1))),
)
# Rotations that bring a face to the camera.
_FACING = {
    "front": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "back": ((-1, 0, 0), (0, 1, 0), (0, 0, -1)),
    "side": ((0, 0, -1), (0, 1, 0), (1, 0, 0)),
    "top": ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
}


@dataclass(frozen=True, slots=True)
class View:
    """Position and framing of the camera. The default looks straight down on an upright package."""

    rotation: float = 0.0  # degrees clockwise in the picture
    tilt: float = 0.0  # degrees between the line of sight and straight down, 0 to about 60
    azimuth: float = 0.0  # degrees: the direction in the picture to which the package leans away
    distance: float = 8.0  # of the camera, in long sides of the surface; at least 1.5
    scale: float = 0.85  # long side of the surface over the side of the picture
    shift: tuple[float, float] = (0.0, 0.0)  # of the package's middle, right and down, in sides of the picture
    crop: float = 0.0  # share of the package that the picture's edge cuts off, 0 to 0.5
    crop_side: int = 0  # which edge: left, top, right, bottom


@dataclass(frozen=True, slots=True)
class _Quad:
    surface: str
    corners: NDArray[np.float32]  # (4, 2) pixels, from the artwork's upper left clockwise
    normal: tuple[float, float, float]  # x right, y down, z to the camera


def place(product: SyntheticProduct, surface: str, view: View, size: int) -> tuple[Pixels, Mask]:
    """The package as the camera sees it: RGB (size, size, 3) and its coverage (size, size), black elsewhere."""
    quads = _project(product, surface, view, size)
    pixels: Pixels = np.zeros((size, size, 3), dtype=np.uint8)
    alpha = np.zeros((size, size), dtype=np.uint8)
    # The front face is drawn last, so that its edge covers those of the sides.
    for quad in sorted(quads, key=lambda each: each.normal[2]):
        _draw(product, quad, pixels, alpha)
    return pixels, alpha


def box_view(product: SyntheticProduct, size: int = 512, *, yaw: float = 30.0, pitch: float = 22.0) -> Pixels:
    """(size, size, 3) a carton on white, turned so that front, one side and the top show. Angles in degrees."""
    assert product.package == "box"
    tilt = math.degrees(math.acos(math.cos(math.radians(yaw)) * math.cos(math.radians(pitch))))
    azimuth = math.degrees(math.atan2(math.sin(math.radians(pitch)), -math.sin(math.radians(yaw))))
    pixels, alpha = place(product, "front", View(tilt=tilt, azimuth=azimuth, distance=4.0, scale=0.75), size)
    return over(np.full_like(pixels, 255), pixels, alpha)


def _project(product: SyntheticProduct, surface: str, view: View, size: int) -> list[_Quad]:
    solids, half = _solids(product, surface)
    turn = _camera(view)
    long = 2 * float(max(half[0], half[1]))
    lens = view.scale * size * view.distance
    quads = []
    for name, corners in solids:
        points = corners @ turn.T / long
        depth = view.distance - (points[:, 2] - half[2] / long)
        flat = points[:, :2] / depth[:, None] * lens
        normal = np.cross(points[1] - points[0], points[3] - points[0])
        normal /= max(float(np.linalg.norm(normal)), 1e-9)
        edges = flat[1] - flat[0], flat[3] - flat[0]
        if edges[0][0] * edges[1][1] - edges[0][1] * edges[1][0] > 12:
            quads.append(_Quad(name, flat.astype(np.float32), (float(normal[0]), float(normal[1]), float(normal[2]))))
    offset = _offset(np.concatenate([quad.corners for quad in quads]), view, size)
    return [_Quad(quad.surface, quad.corners + offset, quad.normal) for quad in quads]


def _solids(
    product: SyntheticProduct, surface: str
) -> tuple[list[tuple[str, NDArray[np.float64]]], NDArray[np.float64]]:
    """Faces as (artwork, (4, 3) corners) with `surface` towards the camera, and the half measures along x, y, z."""
    if product.package != "box":
        tall, wide = cutout(product, surface, 256)[1].shape
        half = np.array([wide / 2, tall / 2, 0.0])
        return [(surface, np.array(_FACES[0][1]) * half)], half
    facing = np.array(_FACING[surface], dtype=np.float64)
    half = np.array(style_of(product).dims) / 2
    return [(name, np.array(corners) * half @ facing.T) for name, corners in _FACES], np.abs(facing @ half)


def _camera(view: View) -> NDArray[np.float64]:
    """(3, 3) spin in the picture, then lean towards the azimuth."""
    spin, lean, toward = math.radians(view.rotation), math.radians(view.tilt), math.radians(view.azimuth)
    rolled = np.array([[math.cos(spin), -math.sin(spin), 0], [math.sin(spin), math.cos(spin), 0], [0, 0, 1]])
    to_axis = np.array([[math.cos(toward), math.sin(toward), 0], [-math.sin(toward), math.cos(toward), 0], [0, 0, 1]])
    leaned = np.array([[math.cos(lean), 0, math.sin(lean)], [0, 1, 0], [-math.sin(lean), 0, math.cos(lean)]])
    return np.asarray(to_axis.T @ leaned @ to_axis @ rolled)


def _offset(points: NDArray[np.float32], view: View, size: int) -> NDArray[np.float32]:
    low, high = points.min(axis=0), points.max(axis=0)
    offset = size / 2 + np.array(view.shift) * size - (low + high) / 2
    if view.crop > 0:
        axis, far = view.crop_side % 2, view.crop_side >= 2
        cut = view.crop * (high - low)[axis]
        offset[axis] = size + cut - high[axis] if far else -cut - low[axis]
    return np.asarray(offset, dtype=np.float32)


def _draw(product: SyntheticProduct, quad: _Quad, pixels: Pixels, alpha: Mask) -> None:
    """Warp one face into the picture, touching only the rectangle that it covers."""
    size = alpha.shape[0]
    x0, y0 = np.maximum(np.floor(quad.corners.min(axis=0)).astype(int) - 1, 0)
    x1, y1 = np.minimum(np.ceil(quad.corners.max(axis=0)).astype(int) + 2, size)
    if x0 >= x1 or y0 >= y1:
        return
    art, cover = _texture(product, quad)
    tall, wide = cover.shape
    source = np.array(
        [[-0.5, -0.5], [wide - 0.5, -0.5], [wide - 0.5, tall - 0.5], [-0.5, tall - 0.5]], dtype=np.float32
    )
    corners = quad.corners - np.array([x0, y0], dtype=np.float32)
    warp = cv2.getPerspectiveTransform(source, corners)
    extent = (int(x1 - x0), int(y1 - y0))
    face = cv2.warpPerspective(art, warp, extent, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if product.package == "box":
        mask = np.zeros((extent[1], extent[0]), dtype=np.uint8)
        cv2.fillConvexPoly(mask, np.rint(corners * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
        face = cv2.convertScaleAbs(face, alpha=_brightness(quad))
    else:
        mask = np.asarray(cv2.warpPerspective(cover, warp, extent, flags=cv2.INTER_LINEAR), dtype=np.uint8)
    region = (slice(y0, y1), slice(x0, x1))
    # Where nothing was drawn yet, edge pixels take the face's full colour. `alpha` blends in the ground later.
    share = np.where(alpha[region] == 0, (mask > 0) * np.uint8(255), mask).astype(np.uint8)
    pixels[region] = over(pixels[region], np.asarray(face, dtype=np.uint8), share)
    np.maximum(alpha[region], mask, out=alpha[region])


def _texture(product: SyntheticProduct, quad: _Quad) -> tuple[Pixels, Mask]:
    """The artwork at about its size in the picture. There are few sizes, so that the cache is hit."""
    edges = np.linalg.norm(np.roll(quad.corners, -1, axis=0) - quad.corners, axis=1)
    longest = float(edges.max())
    size = min(max(256, 256 * math.ceil(0.85 * longest / 256)), 1024)
    art, cover = cutout(product, quad.surface, size)
    shrink = longest / size
    if shrink < 0.7:
        art = np.asarray(cv2.resize(art, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        cover = np.asarray(cv2.resize(cover, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return art, cover


def _brightness(quad: _Quad) -> float:
    """1 for a face towards the camera; sides are darker, those to the lower right most."""
    across, down, toward = quad.normal
    side = 0.80 - 0.16 * (across + down) / math.sqrt(2)
    return float(side + (1 - side) * max(0.0, toward) ** 0.8)
