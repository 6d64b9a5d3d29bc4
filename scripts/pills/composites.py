"""Views of pills as phones show them, from studio faces.

A studio face, cut out, gets its surface lit anew (what is debossed shows by its shadows, and any side may be lit),
light from one side, reflections, a ground with a shadow, a camera's casts, blur, noise and compression, and is cut out
again along an outline that errs.
"""

from __future__ import annotations

from math import cos, exp, log, pi, radians, sin
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.features.pills.frames import GREY, SQUARE, WIDE

Floats = NDArray[np.float32]

STORED = {False: (144, 144), True: (96, 208)}
"""Height and width of the stored cut-out of a face, by whether it is oblong."""
SEEN = {False: SQUARE, True: WIDE}
FILL = 0.80
"""Of a stored cut-out's side that the pill takes."""
_GROWN = 0.93 / FILL


def blurred(a: Any, sigma: float) -> Any:
    return cv2.GaussianBlur(a, (0, 0), sigma)


def three(a: Any) -> Any:
    return cv2.merge([a, a, a])


def composite(
    stored: NDArray[np.uint8], wide: bool, g: np.random.Generator, *, printed: bool = False, upright: bool = True
) -> NDArray[np.uint8]:
    """A view of a stored cut-out (h, w, 4) of colour and outline, as the network sees it.

    Args:
        printed: whether its imprint is printed: light does not change it.
        upright: whether it is turned by little, or by much.
    """
    return viewed(stored, wide, g, printed=printed, upright=upright)[0]


def viewed(
    stored: NDArray[np.uint8],
    wide: bool,
    g: np.random.Generator,
    *,
    printed: bool = False,
    upright: bool = True,
    finer: float = 1.0,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """A `composite`, and the (3, 3) homography from the cut-out's pixels to its own; either so many times as large."""
    picture: Any = stored[..., :3].astype(np.float32)
    mask: Any = stored[..., 3].astype(np.float32) / np.float32(255)
    picture = relit(picture, mask, printed, g)
    matrix = _warp(wide, upright, g, finer)
    height, width = sized(SEEN[wide], finer)
    picture = cv2.warpPerspective(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    mask = np.asarray(cv2.warpPerspective(mask, matrix, (width, height)), np.float32)
    picture = photographed(_lit(picture, mask, g), g)
    return laid(picture, _erred(mask, g)), matrix


def laid(picture: NDArray[Any], mask: NDArray[Any]) -> NDArray[np.uint8]:
    """What lies within the mask, on grey."""
    inside = cv2.multiply(np.asarray(picture, np.float32), three(mask))
    return np.asarray(np.clip(inside + three((1 - mask) * GREY), 0, 255), np.uint8)


def plain(stored: NDArray[np.uint8], wide: bool, finer: float = 1.0) -> NDArray[np.uint8]:
    """A stored cut-out as the program would frame it; either so many times as large."""
    height, width = sized(SEEN[wide], finer)
    found = cv2.warpAffine(stored, plain_matrix(wide, finer)[:2], (width, height))
    return laid(found[..., :3], np.asarray(found[..., 3], np.float32) / 255)


def sized(size: tuple[int, int], finer: float) -> tuple[int, int]:
    """A size (height, width), so many times as large."""
    return round(size[0] * finer), round(size[1] * finer)


def plain_matrix(wide: bool, finer: float = 1.0) -> NDArray[np.float64]:
    """(3, 3) from the pixels of a stored cut-out to those of the frame."""
    (h, w), (height, width) = sized(STORED[wide], finer), sized(SEEN[wide], finer)
    scale = width / w * _GROWN
    return np.array([[scale, 0, (width - scale * w) / 2], [0, scale, (height - scale * h) / 2], [0, 0, 1]])


# -- the steps ---------------------------------------------------------------------------------------------------------


def relit(picture: Floats, mask: Floats, printed: bool, g: np.random.Generator) -> Floats:
    """The detail of the surface weakened, strengthened, or lit from another side."""
    weight = blurred(mask, 3.0) + 1e-3
    own = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))
    detail = (own - blurred(own * mask, 3.0) / weight) * mask
    detail *= blurred(cv2.erode(mask, np.ones((5, 5), np.uint8)), 1.5)
    kind = g.random()
    if printed:
        new = detail * (g.uniform(0.6, 1.4) if kind < 0.7 else 1.0)
    elif kind < 0.3:
        new = detail * g.uniform(0.8, 1.5)
    elif kind < 0.55:
        new = detail * exp(g.uniform(log(0.4), log(3.5)))
    else:
        slope_x, slope_y, side = *_slopes(blurred(detail, g.uniform(0.6, 1.2))), g.uniform(0, 2 * pi)
        steep = cv2.magnitude(slope_x, slope_y) * (g.uniform(0, 0.35) * (1 if g.random() < 0.25 else -1))
        shade = (slope_x * cos(side) + slope_y * sin(side)) * g.uniform(-0.4, 0.4)
        mixed = detail * g.uniform(-1, 1) + shade + steep
        strength = (cv2.norm(detail) + 1e-3) / (cv2.norm(mixed * mask) + 1e-3)
        new = mixed * (strength * exp(g.uniform(log(0.6), log(3.0))))
    return np.asarray(picture + three(new - detail), np.float32)


def _slopes(height: Any) -> tuple[Any, Any]:
    return cv2.Sobel(height, cv2.CV_32F, 1, 0), cv2.Sobel(height, cv2.CV_32F, 0, 1)


def _warp(wide: bool, upright: bool, g: np.random.Generator, finer: float) -> NDArray[np.float64]:
    """(3, 3) from the stored cut-out to the network's frame."""
    (h, w), (height, width) = sized(STORED[wide], finer), sized(SEEN[wide], finer)
    turn = g.normal(0, 4.0) if wide else g.uniform(-30, 30)
    if not upright:
        turn = turn + 180 if wide else g.uniform(45, 315)
    angle, stretch = radians(turn), exp(g.normal(0, 0.05))
    scale = width / w * _GROWN * exp(g.normal(0, 0.05))
    turned = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    matrix = np.eye(3)
    matrix[:2, :2] = turned @ np.diag([scale * stretch, scale / stretch])
    matrix[:2, 2] = np.array([width / 2, height / 2]) + g.normal(0, 0.015 * height, 2) - matrix[:2, :2] @ (w / 2, h / 2)
    tilt, centred = np.eye(3), np.eye(3)
    tilt[2, :2] = g.normal(0, 0.0006, 2) / finer
    centred[:2, 2] = -width / 2, -height / 2
    return np.asarray(np.linalg.inv(centred) @ tilt @ centred @ matrix)


def _lit(picture: Any, mask: Floats, g: np.random.Generator) -> Any:
    """Light from one side, a reflection, and the ground beside the pill with its shadow."""
    height, width = mask.shape
    y, x = (a.astype(np.float32) for a in np.mgrid[0:height, 0:width])
    x, y = x / width - 0.5, (y - height / 2) / width
    side, slope = g.uniform(0, 2 * pi), float(g.normal(0, 0.28))
    light = x * (slope * cos(side)) + y * (slope * sin(side)) + 1
    if g.random() < 0.5:
        rim = cv2.distanceTransform((mask > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
        side = g.uniform(0, 2 * pi)
        away = 0.5 + 0.5 * np.tanh(x * (6 * cos(side)) + y * (6 * sin(side)))
        light = light * (1 - g.uniform(0, 0.45) * np.exp(rim * (-1 / g.uniform(1.5, 8))) * away)
    spot: Any = 0
    if g.random() < 0.25:
        at_x, at_y = g.uniform(-0.35, 0.35), g.uniform(-0.25, 0.25) * height / width
        far = ((x - at_x) / g.uniform(0.03, 0.15)) ** 2 + ((y - at_y) / g.uniform(0.02, 0.08)) ** 2
        spot = three(np.exp(-far) * g.uniform(20, 140))
    ground = np.clip(g.uniform(60, 255) + g.normal(0, 12, 3), 0, 255).astype(np.float32)
    beside = np.ones((height, width), np.float32)
    if g.random() < 0.7:
        off = np.array([[1, 0, g.normal(0, 0.04 * height)], [0, 1, g.normal(0, 0.04 * height)]], np.float32)
        beside -= blurred(cv2.warpAffine(mask, off, (width, height)), g.uniform(1, 6)) * g.uniform(0.2, 0.75)
    beside *= 1 - mask
    return cv2.multiply(picture, three(light * mask)) + three(beside) * ground + spot


def photographed(picture: Any, g: np.random.Generator) -> NDArray[np.uint8]:
    """What a camera makes of it: resolution, focus, sharpening, casts, exposure, noise, compression."""
    height, width = picture.shape[:2]
    if g.random() < 0.3:
        small = g.uniform(0.45, 0.9)
        less = cv2.resize(picture, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
        picture = cv2.resize(less, (width, height))
    if g.random() < 0.4:
        picture = blurred(picture, g.uniform(0.3, 1.2))
    elif g.random() < 0.4:
        picture = picture + g.uniform(0.3, 1.2) * (picture - blurred(picture, 1.2))
    if g.random() < 0.4:
        kept = g.uniform(0.4, 1.5)
        picture = cv2.transform(picture, (np.eye(3) * kept + (1 - kept) / 3).astype(np.float32))
    found = np.clip(picture, 0, 255).astype(np.uint8)
    # The white point of a lamp lies between warm and cold, and hardly ever towards green or purple.
    warm, green = g.normal(0, 0.11), g.normal(0, 0.035)
    gains = np.exp(g.normal(0, 0.25) + np.array([warm, green, -warm]))
    tone = np.clip(np.arange(256)[:, None] / 255 * gains, 0, 1) ** exp(g.normal(0, 0.22))
    if g.random() < 0.4:
        tone = (tone - 0.5) * g.uniform(0.7, 1.6) + 0.5 + g.normal(0, 0.05)
    found = cv2.LUT(found, np.clip(tone * 255, 0, 255).astype(np.uint8)[None])
    if g.random() < 0.3:
        planes = 1 if g.random() < 0.5 else 3
        noise = g.standard_normal((height, width, planes), np.float32) * g.uniform(1, 6)
        found = np.clip(found + noise, 0, 255).astype(np.uint8)
    if g.random() < 0.4:
        data = cv2.imencode(".jpg", found, [cv2.IMWRITE_JPEG_QUALITY, int(g.integers(25, 90))])[1]
        found = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return np.asarray(found, np.uint8)


def _erred(mask: Floats, g: np.random.Generator) -> Floats:
    """The outline as it may err: too wide, too narrow, with a shadow hanging on it, or cut off."""
    height, width = mask.shape
    found: Any = mask
    kind = g.random()
    if kind < 0.35:
        side = 2 * int(g.integers(1, 5)) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        found = (cv2.dilate if g.random() < 0.55 else cv2.erode)(mask, disc)
    elif kind < 0.55:
        off = np.array([[1, 0, g.normal(0, 0.05 * height)], [0, 1, g.normal(0, 0.05 * height)]], np.float32)
        moved = cv2.warpAffine(mask, off, (width, height))
        found = np.maximum(mask, moved) if g.random() < 0.7 else np.minimum(mask, moved)
    elif kind < 0.62:
        y, x = np.mgrid[0:height, 0:width]
        way = g.uniform(0, 2 * pi)
        near = (x / width - 0.5) * cos(way) + (y - height / 2) / width * sin(way) < g.uniform(0.25, 0.45)
        found = mask * near
    return np.asarray(found, np.float32)
