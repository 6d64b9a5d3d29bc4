"""Simulated phone photos: a package on a ground, seen by an imperfect camera in imperfect light."""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic import scene
from simsearch.synthetic.backgrounds import background
from simsearch.synthetic.canvas import over
from simsearch.synthetic.conditions import PhotoConditions
from simsearch.synthetic.fingers import draw_fingers
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.typefaces import Mask

_COARSE = 64  # pixels: light, shadow and glare are smooth, so they are made small and stretched
_NOISE_TILE = 1024
_NOISE_UNIT = 32.0  # standard deviation of the tile


def photograph(
    product: SyntheticProduct,
    surface: str,
    rng: np.random.Generator | int,
    conditions: PhotoConditions | None = None,
    size: int = 640,
) -> Pixels:
    """(size, size, 3) a photo of `surface`; without `conditions` a studio picture.

    The generator or seed draws everything that the conditions do not fix.
    """
    rng = np.random.default_rng(rng) if isinstance(rng, int) else rng
    conditions = conditions or PhotoConditions()
    package, alpha = scene.place(product, surface, conditions.view, size)
    ground = background(conditions.background, rng, size)
    _cast_shadow(ground, alpha, conditions, rng)
    pixels = _over(ground, package, alpha)
    if conditions.occlusion > 0:
        draw_fingers(pixels, alpha, conditions.occlusion, rng)
    pixels = _light(pixels, conditions)
    if conditions.glare > 0:
        pixels = _glare(pixels, alpha, conditions.glare, rng)
    return _camera(pixels, conditions, rng)


def _over(ground: Pixels, package: Pixels, alpha: Mask) -> Pixels:
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return ground
    region = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    ground[region] = over(ground[region], package[region], alpha[region])
    return ground


def _cast_shadow(ground: Pixels, alpha: Mask, conditions: PhotoConditions, rng: np.random.Generator) -> None:
    angle = math.radians(conditions.gradient_angle) if conditions.gradient else 0.9
    small = cv2.resize(alpha, (_COARSE, _COARSE), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    reach = _COARSE * float(rng.uniform(0.008, 0.035))
    move = np.array([[1, 0, reach * math.cos(angle)], [0, 1, reach * math.sin(angle)]])
    moved = cv2.warpAffine(small, move, (_COARSE, _COARSE))
    soft = cv2.GaussianBlur(moved, (0, 0), float(rng.uniform(0.8, 2.2)))
    _multiply(ground, 1 - conditions.shadow * soft)


def _multiply(pixels: Pixels, field: NDArray[np.floating]) -> None:
    """Scale `pixels` in place by a coarse field of gains 0 to 2, (h, w) or (h, w, 3)."""
    size = (pixels.shape[1], pixels.shape[0])
    levels = np.clip(field * 127.5, 0, 255).astype(np.uint8)
    wide = cv2.resize(levels, size, interpolation=cv2.INTER_LINEAR)
    gains = cv2.merge([wide, wide, wide]) if wide.ndim == 2 else wide
    cv2.multiply(pixels, gains, dst=pixels, scale=1 / 127)


def _light(pixels: Pixels, conditions: PhotoConditions) -> Pixels:
    if conditions.saturation != 1:
        grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        mixed = cv2.addWeighted(pixels, conditions.saturation, grey, 1 - conditions.saturation, 0)
        pixels = np.asarray(mixed, dtype=np.uint8)
    if conditions.gain == 1 and conditions.gradient == 0 and conditions.temperature == 0:
        return pixels
    y, x = np.mgrid[-1 : 1 : _COARSE * 1j, -1 : 1 : _COARSE * 1j].astype(np.float32)
    angle = math.radians(conditions.gradient_angle)
    slope = x * math.cos(angle) + y * math.sin(angle)
    field = conditions.gain * (1 - conditions.gradient * (0.5 * slope + 0.12 * (x * x + y * y)))
    warmth = conditions.temperature
    tint = np.array([1 + 0.10 * warmth, 1 + 0.02 * warmth, 1 - 0.22 * warmth], dtype=np.float32)
    _multiply(pixels, field[..., None] * tint)
    return pixels


def _glare(pixels: Pixels, alpha: Mask, strength: float, rng: np.random.Generator) -> Pixels:
    """A lamp's reflection on the package, with a faint veil around it."""
    rows, columns = np.nonzero(alpha[::16, ::16])
    spot = int(rng.integers(max(len(rows), 1)))
    scale = 16 * _COARSE / alpha.shape[0]
    centre = (columns[spot] * scale, rows[spot] * scale) if len(rows) else (_COARSE / 2, _COARSE / 2)
    y, x = np.mgrid[0:_COARSE, 0:_COARSE].astype(np.float32)
    angle = float(rng.uniform(0, np.pi))
    along = (x - centre[0]) * math.cos(angle) + (y - centre[1]) * math.sin(angle)
    across = -(x - centre[0]) * math.sin(angle) + (y - centre[1]) * math.cos(angle)
    length, width = float(rng.uniform(5, 14)), float(rng.uniform(2, 5))
    field = np.exp(-((along / length) ** 2 + (across / width) ** 2)) * 210 * strength + 8 * strength
    wide = cv2.resize(np.clip(field, 0, 255).astype(np.uint8), alpha.shape[::-1], interpolation=cv2.INTER_CUBIC)
    shine = cv2.multiply(wide, cv2.max(alpha, np.full_like(alpha, 70)), scale=1 / 255)
    return np.asarray(cv2.add(pixels, cv2.merge([shine, shine, shine])), dtype=np.uint8)


def _camera(pixels: Pixels, conditions: PhotoConditions, rng: np.random.Generator) -> Pixels:
    """Focus, shake, sensor noise, and the file it is written to."""
    size = pixels.shape[0]
    unit = size / 640
    out: NDArray[np.integer | np.floating] = pixels
    if conditions.blur * unit > 0.15:
        out = cv2.GaussianBlur(out, (0, 0), conditions.blur * unit)
    if conditions.motion * unit > 1:
        out = cv2.filter2D(out, -1, _smear(conditions.motion * unit, conditions.motion_angle))
    if conditions.noise > 0:
        x, y = (int(value) for value in rng.integers(0, max(_NOISE_TILE - size, 0) + 1, 2))
        tile = _noise_tile() if size <= _NOISE_TILE else np.tile(_noise_tile(), (size // _NOISE_TILE + 1,) * 2 + (1,))
        part = tile[y : y + size, x : x + size]
        out = cv2.addWeighted(out, 1.0, part, conditions.noise / _NOISE_UNIT, 0, dtype=cv2.CV_8U)
    return jpeg_pixels(jpeg_bytes(np.asarray(out, dtype=np.uint8), conditions.jpeg_quality))


@lru_cache(maxsize=1)
def _noise_tile() -> NDArray[np.int16]:
    """Grain a little wider than a pixel, partly common to the three colours."""
    rng = np.random.default_rng(20_240_607)
    shape = (_NOISE_TILE, _NOISE_TILE)
    grey = rng.standard_normal((*shape, 1), dtype=np.float32)
    field = 0.8 * grey + 0.6 * rng.standard_normal((*shape, 3), dtype=np.float32)
    soft = cv2.GaussianBlur(field, (0, 0), 0.6)
    return np.asarray(np.rint(soft * (_NOISE_UNIT / float(soft.std()))), dtype=np.int16)


def _smear(length: float, angle: float) -> NDArray[np.float32]:
    side = math.ceil(length) | 1
    kernel = np.zeros((side, side), dtype=np.float32)
    middle = side / 2 - 0.5
    reach = np.array([math.cos(math.radians(angle)), math.sin(math.radians(angle))]) * (length - 1) / 2
    ends = np.rint((np.array([[-1.0], [1.0]]) * reach + middle) * 16).astype(int).tolist()
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_8, 4)
    return kernel / max(float(kernel.sum()), 1e-6)


def jpeg_bytes(pixels: Pixels, quality: int) -> bytes:
    """The picture as a JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return bytes(data.tobytes())


def jpeg_pixels(data: bytes) -> Pixels:
    """The picture that a JPEG file holds."""
    decoded = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
