"""Bottles: cap, shoulders and body with the shading of a cylinder, the artwork wrapped round as a label."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic import cartons
from simsearch.synthetic.canvas import Colour, mix
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.style import Style, pick_number, style_of
from simsearch.synthetic.typefaces import Mask


@dataclass(frozen=True, slots=True)
class Shape:
    """A bottle's outline: heights from the top and widths as fractions of the whole height."""

    width: float  # of the body
    cap_width: float
    cap: float  # where the cap ends
    shoulder: float  # where the body begins
    label: tuple[float, float]  # top and bottom
    nozzle: bool  # a dropper's cap, pointed
    body_colour: Colour
    cap_colour: Colour
    gloss: float


_READABLE = 1.02  # radians to either side of the middle
_LABEL = 1.35
_AMBER: Colour = (122, 62, 20)
_WHITE: Colour = (238, 238, 234)


def shape_of(product: SyntheticProduct) -> Shape:
    """The bottle drawn from the product's style seed."""
    style = style_of(product)
    rng = np.random.default_rng([product.style, 3])
    width = {"tablet": 0.52, "capsule": 0.52, "drops": 0.36, "injection": 0.42}.get(product.form, 0.40)
    width *= 0.9 + 0.2 * float(rng.random())
    glass = product.form in ("syrup", "injection")
    tint = mix(style.second, (240, 240, 240), 0.7)
    bodies = (_AMBER, _AMBER, (205, 214, 214)) if glass else (_WHITE, _WHITE, _WHITE, tint)
    caps = (_WHITE, _WHITE, style.main, (40, 42, 48), style.second)
    cap = 0.30 if product.form == "drops" else pick_number(rng, (0.14, 0.17, 0.2))
    return Shape(
        width=width,
        cap_width=width * (0.5 if product.form in ("drops", "syrup") else 0.82),
        cap=cap,
        shoulder=cap + pick_number(rng, (0.05, 0.08, 0.11)),
        label=(cap + 0.15, 0.95),
        nozzle=product.form == "drops",
        body_colour=bodies[int(rng.integers(len(bodies)))],
        cap_colour=caps[int(rng.integers(len(caps)))],
        gloss=0.35 + 0.5 * float(rng.random()),
    )


def bottle(product: SyntheticProduct, surface: str, height: int) -> tuple[Pixels, Mask]:
    """A standing bottle, `height` pixels high: RGB (height, width, 3) and its coverage."""
    shape, style = shape_of(product), style_of(product)
    width = round(shape.width * height) + 4
    half = _half_widths(shape, height)
    offset = np.arange(width, dtype=np.float32)[None, :] - (width - 1) / 2
    reach = np.asarray(offset / np.maximum(half[:, None], 1), dtype=np.float32)
    alpha = np.clip((half[:, None] - np.abs(offset)) * 255 + 127, 0, 255)
    alpha[half < 2] = 0
    pixels = np.empty((height, width, 3), dtype=np.float32)
    cap_row = round(shape.cap * height)
    pixels[:cap_row] = shape.cap_colour
    pixels[cap_row:] = shape.body_colour
    _ridges(pixels[:cap_row], reach[:cap_row], style)
    _wrap_label(pixels, product, surface, shape, half)
    pixels *= _cylinder(reach)[..., None]
    shine = np.exp(-(((reach + 0.55) / 0.09) ** 2)) * shape.gloss * 85
    pixels += shine[..., None]
    pixels[cap_row : cap_row + max(2, height // 150)] *= 0.6
    return np.clip(pixels, 0, 255).astype(np.uint8), alpha.astype(np.uint8)


def _half_widths(shape: Shape, height: int) -> NDArray[np.float32]:
    """(height,) half the bottle's width at every row, in pixels."""
    y = (np.arange(height, dtype=np.float32) + 0.5) / height
    body, cap = shape.width / 2, shape.cap_width / 2
    neck = 0.88 * cap
    rise = np.clip((y - shape.cap) / (shape.shoulder - shape.cap), 0, 1)
    half = np.where(y < shape.cap, cap, neck + (body - neck) * np.sin(rise * np.pi / 2))
    if shape.nozzle:
        point = np.clip(y / (0.75 * shape.cap), 0, 1)
        half = np.where(y < 0.75 * shape.cap, cap * (0.35 + 0.65 * point), half)
    for end, sign in ((0.0, 1.0), (1.0, -1.0)):
        corner = np.clip((y - end) * sign / 0.025, 0, 1)
        half = half * (0.85 + 0.15 * np.sqrt(1 - (1 - corner) ** 2))
    return (half * height).astype(np.float32)


def _ridges(cap: NDArray[np.float32], reach: NDArray[np.float32], style: Style) -> None:
    angle = np.arcsin(np.clip(reach, -1, 1))
    cap *= (1 + 0.07 * np.cos(angle * (18 + 14 * style.jitter[0])))[..., None]


def _wrap_label(
    pixels: NDArray[np.float32], product: SyntheticProduct, surface: str, shape: Shape, half: NDArray[np.float32]
) -> None:
    height, width = pixels.shape[:2]
    top, bottom = round(shape.label[0] * height), round(shape.label[1] * height)
    radius = float(half[(top + bottom) // 2])
    # The artwork stays within the readable angles. Its edge pixels are repeated up to the ends of the label.
    flat = round(2 * radius * _READABLE)
    art = (cartons.front if surface == "bottle" else cartons.back)(product, flat, bottom - top)
    x = (np.arange(width, dtype=np.float32) - (width - 1) / 2) / radius
    source = np.arcsin(np.clip(x, -1, 1)) / _READABLE * (flat / 2) + flat / 2
    map_x = np.repeat(source[None, :], bottom - top, axis=0).astype(np.float32)
    map_y = np.repeat(np.arange(bottom - top, dtype=np.float32)[:, None], width, axis=1)
    wrapped = cv2.remap(art, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = np.abs(x) <= np.sin(_LABEL)
    pixels[top:bottom, inside] = wrapped[:, inside]


def _cylinder(reach: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brightness over the width of a cylinder lit from the upper left; `reach` is -1 to 1 from edge to edge."""
    edge = np.sqrt(np.clip(1 - reach**2, 0, 1))
    return (0.45 + 0.55 * edge - 0.1 * reach).astype(np.float32)
