"""Scenes of loose pills with their masks, drawn from studio faces.

A scene has a ground (plain, drawn, or cut out of a photo of packages), perhaps a ruler, a grid or words, perhaps things
that are no pills, and up to nine pills that lie apart, beside each other or touching, under one light, and is seen by a
camera (`composites`). What a scene looks like depends on its generator alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, exp, log, pi, sin
from typing import Any

import cv2
import numpy as np
from composites import FILL, STORED, blurred, photographed, relit, three
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Points = NDArray[np.bool_]

CORE = 0.45
"""Share of a pill's largest inner distance from which a point is of its core."""


@dataclass(frozen=True)
class Scene:
    """What a camera sees, and where pills are."""

    picture: Pixels
    """(side, side, 3)."""
    mask: Floats
    """(side, side): 1 on pills, 0 beside them."""
    core: Floats
    """(side, side): 1 in the middle of each pill."""
    known: Floats
    """(side, side): 0 where it is open whether a point is of a pill: on the side of one that is seen slantwise."""
    pills: tuple[Points, ...]
    """(side, side) of each pill of which two thirds or more are in view."""


@dataclass(frozen=True)
class Cutout:
    """A studio face (h, w, 4) of colour and outline."""

    stored: Pixels
    wide: bool
    printed: bool


def scene(cutouts: Sequence[Cutout], photos: Sequence[Pixels], side: int, g: np.random.Generator) -> Scene:
    """One scene.

    Args:
        cutouts: studio faces, of which it takes any.
        photos: photos without loose pills, of which it takes pieces as grounds and things.
        side: of the picture in pixels.
    """
    ground = _ground(photos, side, g)
    for _ in range(int(g.integers(0, 3)) if g.random() < 0.25 else 0):
        ground = _thing(ground, photos, g)
    if g.random() < 0.45:
        ground = _measured(ground, g)
    mask, core, known = (np.full((side, side), value, np.float32) for value in (0, 0, 1))
    picture = ground
    laid: list[tuple[Points, float]] = []
    if g.random() < 0.93:
        light = _Light.drawn(g)
        for cutout, matrix in _laid_out(cutouts, side, g):
            picture, own, whole = _lay(picture, cutout, matrix, light, (mask, core, known), g)
            laid = [(other & ~own, area) for other, area in laid] + [(own, whole)]
    pills = tuple(own for own, area in laid if own.sum() > 0.67 * max(area, 1.0))
    return Scene(photographed(picture, g), mask, core, known, pills)


# -- grounds -----------------------------------------------------------------------------------------------------------


def _ground(photos: Sequence[Pixels], side: int, g: np.random.Generator) -> Floats:
    """(side, side, 3), 0 to 255."""
    kind = g.random()
    if kind < 0.28:
        ground: Any = _piece(photos, side, g).astype(np.float32)
        if g.random() < 0.5:
            ground = blurred(ground, g.uniform(0.5, 6))
    else:
        ground = np.full((side, side, 3), _colour(g), np.float32)
        if kind > 0.72:
            ground = ground * (1 + three(_texture(side, g)))
    y, x = (a.astype(np.float32) / side - 0.5 for a in np.mgrid[0:side, 0:side])
    way, slope = g.uniform(0, 2 * pi), float(g.normal(0, 0.25))
    light = 1 + slope * (x * cos(way) + y * sin(way)) - g.uniform(0, 0.5) * (x * x + y * y)
    return np.asarray(np.clip(ground * three(light), 0, 255), np.float32)


def _colour(g: np.random.Generator) -> NDArray[np.float64]:
    """White, grey, skin and tan most of all; any other, too."""
    kind = g.random()
    if kind < 0.3:
        return g.uniform(225, 256) + g.normal(0, 4, 3)
    if kind < 0.6:
        return g.uniform(50, 225) + g.normal(0, 7, 3)
    if kind < 0.8:
        return np.array([215, 170, 140]) * g.uniform(0.5, 1.15) + g.normal(0, 10, 3)
    return g.uniform(10, 250, 3)


def _texture(side: int, g: np.random.Generator) -> Floats:
    """(side, side) about 0: clouds, grain, a weave or lines."""
    kind = g.random()
    if kind < 0.45:  # clouds, perhaps drawn out to grain
        found = np.zeros((side, side), np.float32)
        for cells in (4, 9, 20, 48):
            wide = max(2, int(cells * (1 if kind < 0.2 else g.uniform(0.1, 0.4))))
            clouds = np.asarray(cv2.resize(g.standard_normal((cells, wide), np.float32), (side, side)), np.float32)
            found += clouds / np.float32(cells**0.4)
        return np.asarray(found * g.uniform(0.02, 0.15), np.float32)
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    way, step = g.uniform(0, pi), g.uniform(3, 30)
    along = (x * cos(way) + y * sin(way)) * np.float32(2 * pi / step)
    across = (y * cos(way) - x * sin(way)) * np.float32(2 * pi / step)
    if kind < 0.7:
        return np.asarray((np.sin(along) + np.sin(across)) * g.uniform(0.02, 0.12), np.float32)
    lines = np.clip((np.cos(along) - 0.93) * 14, 0, 1)
    if kind < 0.85:
        lines = np.maximum(lines, np.clip((np.cos(across) - 0.93) * 14, 0, 1))
    return np.asarray(lines * g.uniform(-0.6, 0.2), np.float32)


def _piece(photos: Sequence[Pixels], side: int, g: np.random.Generator) -> Pixels:
    """A piece of a photo, at any size, turned by quarters."""
    photo = photos[int(g.integers(len(photos)))]
    size = max(16, int(min(photo.shape[:2]) * g.uniform(0.12, 1)))
    top, left = (int(g.integers(0, have - size + 1)) for have in photo.shape[:2])
    piece = np.rot90(photo[top : top + size, left : left + size], int(g.integers(4)))
    return np.asarray(cv2.resize(np.ascontiguousarray(piece), (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def _thing(ground: Floats, photos: Sequence[Pixels], g: np.random.Generator) -> Floats:
    """Something flat that is no pill, with a shadow: a card, a package, a piece of paper."""
    side = ground.shape[0]
    centre, reach, turn = g.uniform(0, side, 2), g.uniform(0.08, 0.6) * side, g.uniform(0, 2 * pi)
    corners = int(g.integers(3, 6))
    ways = turn + 2 * pi * (np.arange(corners) + g.uniform(-0.2, 0.2, corners)) / corners
    points = (centre + reach * np.column_stack([np.cos(ways), np.sin(ways)])).astype(np.int32)
    mask = np.zeros((side, side), np.float32)
    cv2.fillPoly(mask, [points], 1.0, lineType=cv2.LINE_AA)
    inner = _piece(photos, side, g).astype(np.float32) if g.random() < 0.6 else np.full_like(ground, _colour(g))
    off = np.array([[1, 0, g.normal(0, 4)], [0, 1, g.normal(0, 4)]], np.float32)
    shade = blurred(cv2.warpAffine(mask, off, (side, side)), g.uniform(1, 5)) * g.uniform(0, 0.6)
    return np.asarray(ground * three((1 - shade) * (1 - mask)) + inner * three(mask), np.float32)


def _measured(ground: Floats, g: np.random.Generator) -> Floats:
    """Rulers, a grid, cross-hairs or words, as official sheets have them."""
    side, drawn = ground.shape[0], ground.astype(np.uint8)
    ink = tuple(float(v) for v in (g.uniform(0, 110) + g.normal(0, 10, 3)))
    width = int(g.integers(1, 3))
    kind = g.random()
    if kind < 0.65:
        _rulers(drawn, ink, width, g)
    if kind > 0.5:
        for _ in range(int(g.integers(1, 6))):
            signs = "".join(chr(int(v)) for v in g.choice([*range(48, 58), *range(65, 91), *range(97, 123)], 9))
            _word(drawn, signs[: int(g.integers(2, 10))], g.uniform(0, 1, 2) * side, g.uniform(0.25, 1.6), ink, width)
    if 0.3 < kind < 0.45:
        step = g.uniform(0.12, 0.4) * side
        for number in range(int(side / step) + 1):
            here = int(number * step)
            cv2.line(drawn, (here, 0), (here, side), ink, width, cv2.LINE_AA)
            cv2.line(drawn, (0, here), (side, here), ink, width, cv2.LINE_AA)
    return drawn.astype(np.float32)


def _rulers(drawn: Pixels, ink: Any, width: int, g: np.random.Generator) -> None:
    """A ruler across, and perhaps one down, with a number at every tenth tick."""
    side, step = drawn.shape[0], g.uniform(2.5, 9)
    at = g.uniform(0, 1, 2) * side
    for level in (False, True)[: 1 + (g.random() < 0.6)]:
        beside = float(at[int(level)])
        way = 1 if g.random() < 0.5 else -1

        def line(along: Sequence[float], across: Sequence[float], level: bool = level) -> None:
            ends = [(int(x), int(y)) if level else (int(y), int(x)) for x, y in zip(along, across, strict=True)]
            cv2.line(drawn, ends[0], ends[1], ink, width, cv2.LINE_AA)

        for number in range(int(side / step)):
            long = step * (3.2 if number % 10 == 0 else 2.3 if number % 5 == 0 else 1.5) * way
            here = number * step
            line((here, here), (beside, beside + long))
            if number % 10 == 0:
                place = (here - step, beside - step * way) if level else (beside - 2.5 * step * way, here + step)
                _word(drawn, str(number), place, step / 9, ink, width)
        line((0, side), (beside, beside))


def _word(drawn: Pixels, text: str, place: Sequence[float] | Floats, size: float, ink: Any, width: int) -> None:
    at = int(place[0]), int(place[1])
    cv2.putText(drawn, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, ink, width, cv2.LINE_AA)


# -- pills -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Light:
    """What all pills of a scene share."""

    off: NDArray[np.float64]
    """Where shadows fall, in shares of a pill's size."""
    soft: float
    dark: float
    contact: float
    slant: NDArray[np.float64]
    """How far the foot of a pill lies from its face, in shares of its size: it is seen slantwise."""
    gain: float
    side: float

    @classmethod
    def drawn(cls, g: np.random.Generator) -> _Light:
        slant = g.normal(0, 0.11, 2) if g.random() < 0.35 else np.zeros(2)
        dark = g.uniform(0, 0.7) * (g.random() < 0.8)
        return cls(
            g.normal(0, 0.09, 2), g.uniform(0.01, 0.16), dark, g.uniform(0, 0.6) * (g.random() < 0.5), slant,
            exp(g.normal(0.1, 0.18)), g.uniform(0, 2 * pi),
        )  # fmt: skip


def _laid_out(cutouts: Sequence[Cutout], side: int, g: np.random.Generator) -> list[tuple[Cutout, NDArray[np.float64]]]:
    """Which pills, and the (3, 3) matrix from each cut-out to the scene."""
    kind = g.random()
    number = 1 if kind < 0.5 else 2 if kind < 0.78 else int(g.integers(3, 10))
    most = 1.0 if number == 1 else 0.55 if number == 2 else 0.9 / number**0.5
    size = side * exp(g.uniform(log(0.07), log(most)))
    first = cutouts[int(g.integers(len(cutouts)))]
    if number == 1 and g.random() < 0.4:  # people cut photos near to the pill, and into oblong ones
        size = side * g.uniform(0.55, 1.35 if first.wide else 1.08)
    found: list[tuple[Cutout, NDArray[np.float64]]] = []
    taken: list[tuple[NDArray[np.float64], float]] = []
    beside = number == 2 and g.random() < 0.7
    turn = g.uniform(0, 2 * pi)
    for i in range(number):
        cutout = first if i == 0 or g.random() < 0.6 else cutouts[int(g.integers(len(cutouts)))]
        own = size if cutout is first else size * exp(g.normal(0, 0.2))
        room = side * 0.5 - 0.42 * own
        if beside and i == 1:
            # Two sides of one pill are mostly shown side by side, near or touching.
            long, short = own, own * (STORED[True][0] / STORED[True][1] * 1.05 if cutout.wide else 1.0)
            apart = (short if g.random() < 0.6 or not cutout.wide else long) * g.uniform(0.98, 1.5)
            away = turn + (pi / 2 if apart < long * 0.9 else 0) + (g.uniform(0, 2 * pi) if not cutout.wide else 0)
            centre = taken[0][0] + apart * np.array([cos(away), sin(away)])
        else:
            turn = turn if g.random() < 0.5 else g.uniform(0, 2 * pi)
            for _ in range(20):
                spread = 0.25 if number == 1 and size > 0.4 * side else 1.0
                centre = side / 2 + g.uniform(-1, 1, 2) * max(room, 0.03 * side) * spread
                if all(np.linalg.norm(centre - c) > (own + s) / 2 * g.uniform(0.8, 1.05) for c, s in taken):
                    break
            else:
                continue
        taken.append((centre, own))
        found.append((cutout, _matrix(cutout, centre, own, turn, g)))
    return found


def _matrix(
    cutout: Cutout, centre: NDArray[np.float64], size: float, turn: float, g: np.random.Generator
) -> NDArray[np.float64]:
    height, width = cutout.stored.shape[:2]
    scale, stretch = size / (FILL * width), exp(g.normal(0, 0.07))
    squeeze = g.uniform(0, pi)
    turned = _turn(squeeze) @ np.diag([scale * stretch, scale / stretch]) @ _turn(turn - squeeze)
    matrix = np.eye(3)
    matrix[:2, :2] = turned
    matrix[:2, 2] = centre - turned @ (width / 2, height / 2)
    return matrix


def _turn(angle: float) -> NDArray[np.float64]:
    return np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])


def _lay(
    picture: Floats,
    cutout: Cutout,
    matrix: NDArray[np.float64],
    light: _Light,
    labels: tuple[Floats, Floats, Floats],
    g: np.random.Generator,
) -> tuple[Floats, Points, float]:
    """One pill on the scene, and on its labels; the scene, its points, and the area that it would have in full."""
    mask, core, known = labels
    side = picture.shape[0]
    stored = cutout.stored
    cover = np.asarray(stored[..., 3], np.float32) / np.float32(255)
    face = relit(np.asarray(stored[..., :3], np.float32), cover, cutout.printed, g)
    flags = cv2.INTER_AREA if matrix[0, 0] < 1 else cv2.INTER_LINEAR
    small = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
    if small < 0.6:  # warping alone would skip pixels
        face, stored = blurred(face, 0.45 / small), np.dstack([stored[..., :3], blurred(stored[..., 3], 0.4 / small)])
    seen = cv2.warpAffine(face, matrix[:2], (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    own = _smooth(np.asarray(cv2.warpAffine(stored[..., 3], matrix[:2], (side, side)), np.float32) / np.float32(255))
    whole = float((stored[..., 3] > 127).sum()) * abs(float(np.linalg.det(matrix[:2, :2])))
    if own.max() < 0.5:
        return picture, own > 0.5, whole
    rim = cv2.distanceTransform((own > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    radius = float(rim.max())
    size = 2 * radius
    shade = light.dark * blurred(_moved(own, light.off * size), max(0.6, light.soft * size))
    shade = 1 - (1 - shade) * (1 - light.contact * blurred(own, max(0.6, 0.06 * size)))
    picture = picture * three(1 - shade)
    wall = np.zeros_like(own)
    if light.slant.any():
        for step in range(1, 5):
            wall = np.maximum(wall, _moved(own, light.slant * size * step / 4))
        colour = np.asarray(cv2.mean(seen, (own > 0.5).astype(np.uint8))[:3], np.float32) * g.uniform(0.35, 0.9)
        picture = picture * three(1 - wall) + three(wall) * colour
    middle = matrix[:2, :2] @ (cutout.stored.shape[1] / 2, cutout.stored.shape[0] / 2) + matrix[:2, 2]
    seen = _shone_on(seen, rim, middle, light, g)
    cover = own * (g.uniform(0.55, 0.95) if g.random() < 0.1 else 1.0)
    picture = picture * three(1 - cover) + seen * three(cover)
    np.copyto(core, np.where(own > 0.5, rim > CORE * radius, core))
    np.copyto(known, np.where(own > 0.5, 1, np.where(wall > 0.3, 0, known)))
    # A pill that covers another one leaves it smaller, and parts of its core.
    np.copyto(mask, np.maximum(mask * (1 - own), own))
    return np.asarray(picture, np.float32), own > 0.5, whole


def _shone_on(seen: Any, rim: Any, middle: NDArray[np.float64], light: _Light, g: np.random.Generator) -> Any:
    """A pill's face under the scene's light, perhaps with a darker or brighter rim and a reflection.

    Args:
        seen: the face (side, side, 3) where it lies.
        rim: (side, side) how far each point lies from the pill's rim.
        middle: of the pill, x and y.
    """
    radius = float(rim.max())
    y, x = np.mgrid[0 : rim.shape[0], 0 : rim.shape[1]].astype(np.float32)
    x, y = (x - float(middle[0])) / (2 * radius + 1), (y - float(middle[1])) / (2 * radius + 1)
    slope = float(g.normal(0, 0.25))
    lit = light.gain + slope * np.clip(x * cos(light.side) + y * sin(light.side), -1.5, 1.5)
    if g.random() < 0.5:
        near = np.exp(-blurred(rim, max(0.6, 0.05 * radius)) / max(1.0, g.uniform(0.1, 0.5) * radius))
        lit = lit * (1 - g.uniform(-0.15, 0.35) * near)
    seen = seen * three(lit)
    if g.random() < 0.35:
        at = g.uniform(-0.3, 0.3, 2)
        far = ((x - at[0]) / g.uniform(0.04, 0.25)) ** 2 + ((y - at[1]) / g.uniform(0.03, 0.15)) ** 2
        seen = seen + three(np.exp(-far) * g.uniform(20, 160))
    return seen


def _smooth(own: Floats) -> Floats:
    """A mask with a smooth rim, a little within the studio's, whose dark fringe would give pills away."""
    size = float(np.sqrt(max(float(own.sum()), 1.0)))
    return np.asarray(np.clip((blurred(own, max(0.5, 0.025 * size)) - 0.62) * 3 + 0.5, 0, 1), np.float32)


def _moved(mask: Floats, by: NDArray[np.float64]) -> Floats:
    off = np.array([[1, 0, by[0]], [0, 1, by[1]]], np.float32)
    return np.asarray(cv2.warpAffine(mask, off, mask.shape[::-1]), np.float32)
