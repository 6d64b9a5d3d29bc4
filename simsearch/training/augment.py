"""The augmentation strategy: simulates what a phone, a hand and a room do to the picture of a package.

One geometric warp (rotation, scale, shift, perspective, another background) and a chain of photometric changes. Every
strength is a setting, and 0 switches a part off. A view is a function of pixels, settings and seed alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from simsearch.core.config import setting
from simsearch.core.errors import ConfigError
from simsearch.core.types import Pixels
from simsearch.features.network.frames import Frame


@dataclass(frozen=True)
class AugmentSettings:
    """Strengths. A `_share` is the probability that a view uses the part."""

    rotation: float = setting(180.0, low=0.0, high=180.0)
    upright_share: float = setting(0.15, low=0.0, high=1.0)
    scale_low: float = setting(0.6, low=0.05, high=4.0)
    scale_high: float = setting(1.6, low=0.05, high=4.0)
    stretch: float = setting(0.2, low=0.0, high=1.0)
    shift: float = setting(0.12, low=0.0, high=0.5)
    perspective: float = setting(0.12, low=0.0, high=0.4)
    background_share: float = setting(0.5, low=0.0, high=1.0)
    brightness: float = setting(0.35, low=0.0, high=1.0)
    contrast: float = setting(0.3, low=0.0, high=1.0)
    colour: float = setting(0.12, low=0.0, high=1.0)
    saturation: float = setting(0.4, low=0.0, high=1.0)
    light_share: float = setting(0.4, low=0.0, high=1.0)
    glare_share: float = setting(0.15, low=0.0, high=1.0)
    blur_share: float = setting(0.3, low=0.0, high=1.0)
    noise_share: float = setting(0.3, low=0.0, high=1.0)
    occlusion_share: float = setting(0.3, low=0.0, high=1.0)
    jpeg_share: float = setting(0.3, low=0.0, high=1.0)

    def __post_init__(self) -> None:
        if self.scale_low > self.scale_high:
            raise ConfigError(f"augment: scale_low {self.scale_low} is above scale_high {self.scale_high}")


NONE = AugmentSettings(
    rotation=0.0, upright_share=1.0, scale_low=1.0, scale_high=1.0, stretch=0.0, shift=0.0, perspective=0.0,
    background_share=0.0, brightness=0.0, contrast=0.0, colour=0.0, saturation=0.0, light_share=0.0, glare_share=0.0,
    blur_share=0.0, noise_share=0.0, occlusion_share=0.0, jpeg_share=0.0,
)  # fmt: skip

STRATEGIES: Mapping[str, AugmentSettings] = {
    # A package in front of a phone: any rotation, table or hand behind it, bad light. The shipped weights saw this.
    "phone": AugmentSettings(),
    # A fixed camera or a scanner: hardly rotated, no occlusion, no other background.
    "mild": replace(
        NONE, rotation=15.0, upright_share=0.15, scale_low=0.8, scale_high=1.2, stretch=0.05, shift=0.06,
        perspective=0.04, brightness=0.2, contrast=0.15, colour=0.05, saturation=0.15, blur_share=0.2, noise_share=0.2,
        jpeg_share=0.2,
    ),
    # Loose pills differ in shape and colour, so neither changes much; any rotation, any ground.
    "pills": replace(
        NONE, rotation=180.0, scale_low=0.7, scale_high=1.5, stretch=0.03, shift=0.12, perspective=0.03,
        upright_share=0.05, background_share=0.5, brightness=0.25, contrast=0.2, colour=0.04, saturation=0.1,
        light_share=0.3, glare_share=0.1, blur_share=0.3, noise_share=0.3, jpeg_share=0.3,
    ),
    "none": NONE,
}  # fmt: skip
"""Named strategies: `strategy = "mild"` in the table `[augment]` of a training config. Strengths there override it."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "geometry": ("rotation", "upright_share", "scale_low", "scale_high", "stretch", "shift", "perspective"),
    "background": ("background_share",),
    "colour": ("brightness", "contrast", "colour", "saturation"),
    "light": ("light_share",),
    "glare": ("glare_share",),
    "blur": ("blur_share",),
    "noise": ("noise_share",),
    "occlusion": ("occlusion_share",),
    "JPEG": ("jpeg_share",),
}
"""Part of a strategy -> its strengths. Each strength belongs to one part."""


TABLES = ("augment", "augment_pills")
"""Tables of a training config that hold strengths: for all views, and for views of loose pills."""


def strategy(name: str) -> AugmentSettings:
    """A strategy by its name. ConfigError, with the known names, where there is none."""
    if name not in STRATEGIES:
        raise ConfigError(f"there is no augmentation strategy {name!r}; known: {', '.join(STRATEGIES)}")
    return STRATEGIES[name]


def with_strategy(tables: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """A training config whose `TABLES` hold strengths in place of `strategy`; other entries of a table override them.

    Raises:
        ConfigError: there is no such strategy; `where` leads the message.
    """
    out = dict(tables)
    for name in TABLES:
        augment = tables.get(name)
        if not isinstance(augment, Mapping) or "strategy" not in augment:
            continue
        own = {key: value for key, value in augment.items() if key != "strategy"}
        try:
            out[name] = {**asdict(strategy(str(augment["strategy"]))), **own}
        except ConfigError as error:
            raise ConfigError(f"{where}: {name}.strategy: {error}") from None
    return out


def view(
    pixels: Pixels, settings: AugmentSettings, frame: Frame, rng: Generator, backdrop: Pixels | None = None
) -> Pixels:
    """One augmented view of `pixels`: (height, width, 3) uint8 for a `frame` of height and width.

    `backdrop` is another photo, put behind the warped one in `background_share` of the views.
    """
    out = _warp(pixels, settings, frame, rng, backdrop)
    if rng.random() < settings.occlusion_share:
        out = _occlude(out, rng)
    out = _colour(out, settings, rng)
    if rng.random() < settings.blur_share:
        out = _blur(out, rng)
    if rng.random() < settings.noise_share:
        noise = rng.normal(0.0, rng.uniform(2.0, 12.0), out.shape).astype(np.float32)
        out = np.clip(out.astype(np.float32) + noise, 0, 255).astype(np.uint8)
    if rng.random() < settings.jpeg_share:
        _, coded = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 85))])
        out = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)
    return out


def _warp(pixels: Pixels, s: AugmentSettings, frame: Frame, rng: Generator, backdrop: Pixels | None) -> Pixels:
    height, width = pixels.shape[:2]
    high, wide = frame
    angle = 0.0 if rng.random() < s.upright_share else rng.uniform(-s.rotation, s.rotation)
    scale = np.exp(rng.uniform(np.log(s.scale_low), np.log(s.scale_high))) * min(high / height, wide / width)
    stretch = np.exp(rng.uniform(-s.stretch, s.stretch))
    corners = np.array([[-width, -height], [width, -height], [width, height], [-width, height]], np.float64) / 2
    turn = np.deg2rad(angle)
    rotate = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    target = (corners * [scale * stretch, scale / stretch]) @ rotate.T
    # Corners moved by less than a quarter of the shorter side stay convex; otherwise thin packages would fold over.
    shorter = min(width * scale * stretch, height * scale / stretch)
    reach = min(min(frame) * s.perspective, 0.24 * shorter)
    target += np.array([wide, high]) * (0.5 + rng.uniform(-s.shift, s.shift, 2)) + rng.uniform(-reach, reach, (4, 2))
    origin = corners + np.array([width, height]) / 2
    matrix = cv2.getPerspectiveTransform(origin.astype(np.float32), target.astype(np.float32))
    source = _shrunk(pixels, scale)
    if source is not pixels:
        ratio = pixels.shape[1] / source.shape[1], pixels.shape[0] / source.shape[0]
        matrix = matrix @ np.diag([ratio[0], ratio[1], 1.0])
    if rng.random() >= s.background_share:
        rim = np.concatenate([source[0], source[-1], source[:, 0], source[:, -1]]).mean(axis=0)
        border = tuple(float(c) for c in rim)
        return np.asarray(
            cv2.warpPerspective(source, matrix, (wide, high), borderMode=cv2.BORDER_CONSTANT, borderValue=border),
            dtype=np.uint8,
        )
    behind = _backdrop(backdrop, frame, rng)
    return np.asarray(
        cv2.warpPerspective(source, matrix, (wide, high), dst=behind, borderMode=cv2.BORDER_TRANSPARENT), dtype=np.uint8
    )


def _shrunk(pixels: Pixels, scale: float) -> Pixels:
    # warpPerspective samples bilinearly, so strong shrinking would alias without a smaller source.
    if scale > 0.6:
        return pixels
    height, width = pixels.shape[:2]
    w, h = max(1, round(width * scale * 1.4)), max(1, round(height * scale * 1.4))
    return np.asarray(cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _backdrop(photo: Pixels | None, frame: Frame, rng: Generator) -> Pixels:
    size = frame[1], frame[0]  # as OpenCV has it
    kind = rng.integers(3)
    if kind == 0 and photo is not None:
        rows, columns = max(1, photo.shape[0] // 3), max(1, photo.shape[1] // 3)
        y, x = rng.integers(photo.shape[0] - rows + 1), rng.integers(photo.shape[1] - columns + 1)
        return np.asarray(cv2.resize(photo[y : y + rows, x : x + columns], size), dtype=np.uint8)
    if kind == 1:
        cells = int(rng.integers(2, 12))
        base, spread = rng.uniform(30, 230, 3), rng.uniform(3, 60)
        coarse = np.clip(base + rng.normal(0, spread, (cells, cells, 3)), 0, 255).astype(np.uint8)
        return np.asarray(cv2.resize(coarse, size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
    out = np.empty((*frame, 3), np.uint8)
    out[:] = np.clip(rng.uniform(60, 255) + rng.normal(0, 12, 3), 0, 255).astype(np.uint8)
    return out


def _colour(pixels: Pixels, s: AugmentSettings, rng: Generator) -> Pixels:
    x = pixels.astype(np.float32)
    if s.saturation:
        grey = x @ np.array([0.299, 0.587, 0.114], np.float32)
        x = grey[..., None] + (x - grey[..., None]) * np.float32(1 + rng.uniform(-s.saturation, s.saturation))
    gain = np.exp(rng.uniform(-s.brightness, s.brightness)) * np.exp(rng.uniform(-s.colour, s.colour, 3))
    x *= gain.astype(np.float32)
    if s.contrast:
        mean = x.mean()
        x = mean + (x - mean) * np.float32(np.exp(rng.uniform(-s.contrast, s.contrast)))
    high, wide = pixels.shape[:2]
    if rng.random() < s.light_share:
        x *= _ramp((high, wide), rng)[..., None]
    if rng.random() < s.glare_share:
        x += _spot((high, wide), rng)[..., None]
    return np.clip(x, 0, 255).astype(np.uint8)


def _ramp(frame: Frame, rng: Generator) -> NDArray[np.float32]:
    low, high = np.exp(rng.uniform(-0.5, 0.3, 2))
    turns = int(rng.integers(4))
    before = frame if turns % 2 == 0 else (frame[1], frame[0])
    field = np.broadcast_to(np.linspace(low, high, before[1], dtype=np.float32), before)
    return np.asarray(np.rot90(field, turns), dtype=np.float32)


def _spot(frame: Frame, rng: Generator) -> NDArray[np.float32]:
    y, x = np.mgrid[0 : frame[0], 0 : frame[1]].astype(np.float32)
    y, x = y / frame[0], x / frame[1]
    cy, cx = rng.uniform(0, 1, 2)
    sy, sx = rng.uniform(0.04, 0.25, 2)
    spot = np.exp(-(((y - cy) / sy) ** 2 + ((x - cx) / sx) ** 2)) * rng.uniform(60, 220)
    return np.asarray(spot, dtype=np.float32)


def _blur(pixels: Pixels, rng: Generator) -> Pixels:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.8)), dtype=np.uint8)
    length = int(rng.integers(2, 7))
    kernel = np.zeros((length, length), np.float32)
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), rng.uniform(0, 180), 1)
    kernel[length // 2] = 1.0
    turned = np.asarray(cv2.warpAffine(kernel, turn, (length, length)), dtype=np.float32)
    return np.asarray(cv2.filter2D(pixels, -1, turned / max(turned.sum(), 1e-3)), dtype=np.uint8)


def _occlude(pixels: Pixels, rng: Generator) -> Pixels:
    high, wide = pixels.shape[:2]
    out = pixels.copy()
    skin = rng.random() < 0.5
    colour = rng.uniform([60, 30, 20], [235, 190, 160]) if skin else rng.uniform(0, 255, 3)
    side, along = int(rng.integers(4)), rng.uniform(0, 1)
    centre = [(along * wide, 0), (along * wide, high), (0, along * high), (wide, along * high)][side]
    axes = tuple(int(a) for a in rng.uniform(0.06, 0.3, 2) * math.sqrt(high * wide))
    cv2.ellipse(out, (int(centre[0]), int(centre[1])), axes, rng.uniform(0, 180), 0, 360, tuple(map(float, colour)), -1)
    return out
