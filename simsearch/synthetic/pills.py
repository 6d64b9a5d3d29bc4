"""Tablets and capsules: their shape, relief, colours and imprint; loose pairs and blister strips of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from simsearch.core.types import Pixels
from simsearch.synthetic import typefaces
from simsearch.synthetic.canvas import INK, Canvas, Colour, mix, over, readable
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.style import Style, hsv, pick_number, style_of
from simsearch.synthetic.typefaces import Mask, Typeface
from simsearch.synthetic.words import pick

_SHAPES = ("round", "round", "round", "oval", "oblong", "oblong", "hexagon", "square")
_IMPRINT = Typeface("DejaVuSans-Bold.ttf", stretch=0.9)
_LIGHT = np.array([-0.45, -0.6, 0.66], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class PillLook:
    """What one pill looks like. Family members share all but the imprint and, with an accent, a tint."""

    shape: str  # one of _SHAPES or "capsule"
    aspect: float  # length over height
    colour: Colour
    cap: Colour  # the other half of a capsule
    imprint: str
    printed: bool  # in ink, not pressed in
    scored: bool
    gloss: float  # 0 to 1


@lru_cache(maxsize=4096)
def look_of(product: SyntheticProduct) -> PillLook:
    """The pill drawn from the product's style, accent and strength."""
    rng = np.random.default_rng([product.style, 2])
    capsule = product.form == "capsule"
    shape = "capsule" if capsule else pick(rng, _SHAPES)
    aspect = {"round": 1.0, "hexagon": 1.0, "square": 1.0, "oval": 1.5}.get(shape, 2.0 + 0.7 * float(rng.random()))
    hue = pick_number(rng, (0.0, 0.03, 0.08, 0.13, 0.15, 0.3, 0.45, 0.58, 0.62, 0.93)) + 0.05 * product.accent
    white = (240 + int(rng.integers(12)), 238, 230)
    colour = white if rng.random() < 0.4 else hsv(hue, 0.2 + 0.65 * rng.random(), 0.7 + 0.28 * rng.random())
    cap = hsv(hue + pick_number(rng, (0.0, 0.1, 0.5)), 0.5 + 0.5 * rng.random(), 0.4 + 0.55 * rng.random())
    letters = (product.name[0] + product.manufacturer[0]).upper() if rng.random() < 0.5 else product.name[:2].upper()
    amount = product.strength.split()[0].replace("%", "")
    if product.package == "pills":  # only the imprint tells loose pills apart, so each has its own code
        code = str(int(product.ean[4:12]) % 900 + 100)
        imprint = pick(rng, (code, f"{letters} {code}", f"{letters} {code}"))
    else:
        imprint = pick(rng, (f"{letters} {amount}", amount, letters, f"{letters} {int(rng.integers(10, 1000))}"))
    return PillLook(
        shape=shape,
        aspect=aspect,
        colour=colour,
        cap=cap if capsule else colour,
        imprint=imprint,
        printed=capsule or bool(rng.random() < 0.2),
        scored=not capsule and bool(rng.random() < 0.45),
        gloss=0.15 + 0.7 * float(rng.random()),
    )


def pill(look: PillLook, height: int, *, reverse: bool = False) -> tuple[Pixels, Mask]:
    """One pill seen from above, `height` pixels high: RGB and its outline's coverage, with a small margin."""
    width = round(height * look.aspect)
    mask = _outline(look.shape, width, height)
    relief = _dome(mask, height, flat=look.shape in ("round", "hexagon", "square", "oval"))
    if look.scored and reverse:
        middle = mask.shape[1] // 2
        relief[:, middle - max(1, height // 60) : middle + max(1, height // 60) + 1] -= 0.035 * height
    colours = np.empty((*mask.shape, 3), dtype=np.uint8)
    colours[:] = look.colour
    if look.shape == "capsule":
        colours[:, : mask.shape[1] // 2] = look.cap
        relief[:, : round(mask.shape[1] * 0.52)] += 0.02 * height
    if not reverse:
        _stamp(look, colours, relief, height)
    return _shaded(colours, relief, look.gloss), mask


def _outline(shape: str, width: int, height: int) -> Mask:
    margin = 2
    mask = np.zeros((height + 2 * margin, width + 2 * margin), dtype=np.uint8)
    centre = ((width / 2 + margin), (height / 2 + margin))
    if shape in ("round", "oval"):
        axes = (round(width * 8), round(height * 8))
        cv2.ellipse(mask, (round(centre[0] * 16), round(centre[1] * 16)), axes, 0, 0, 360, 255, -1, cv2.LINE_AA, 4)
        return mask
    if shape == "hexagon":
        turns = np.arange(6) * np.pi / 3
        points = np.stack([centre[0] + width / 2 * np.cos(turns), centre[1] + height / 2 * np.sin(turns)], axis=1)
        cv2.fillPoly(mask, [np.rint(points * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return mask
    half = height // 2 if shape in ("oblong", "capsule") else height // 6
    left, right, upper, lower = margin + half, margin + width - half, margin + half, margin + height - half
    cv2.rectangle(mask, (left, margin), (right, margin + height - 1), 255, -1)
    cv2.rectangle(mask, (margin, upper), (margin + width - 1, lower), 255, -1)
    for x in (left, right):
        for y in (upper, lower):
            cv2.circle(mask, (x, y), half, 255, -1, cv2.LINE_AA)
    return mask


def _dome(mask: Mask, height: int, *, flat: bool) -> NDArray[np.float32]:
    """Height over the table in pixels: a bevel with a plateau, or a half cylinder."""
    distance = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5)
    reach = height * (0.22 if flat else 0.5)
    rise = np.clip(distance / reach, 0, 1)
    relief = np.sqrt(np.clip(1 - (1 - rise) ** 2, 0, 1)) * reach * (0.55 if flat else 0.8)
    return np.asarray(cv2.GaussianBlur(relief, (0, 0), max(0.8, height / 70)), dtype=np.float32)


def _stamp(look: PillLook, colours: Pixels, relief: NDArray[np.float32], height: int) -> None:
    """Print or press the imprint into the upper side."""
    words = look.imprint.split() if look.aspect < 1.4 else [look.imprint]
    room = colours.shape[1] * (0.62 if look.aspect < 1.4 else 0.74)
    tall = height * (0.62 if len(words) == 1 else 0.32) * (0.75 if look.aspect >= 1.4 else 1.0)
    size = min(typefaces.fitting_size(word, _IMPRINT, room, tall) for word in words)
    for number, word in enumerate(words):
        mask = typefaces.text_mask(word, _IMPRINT, size)
        top = colours.shape[0] // 2 + round((number - len(words) / 2) * size * 1.1)
        left = (colours.shape[1] - mask.shape[1]) // 2
        top, left = max(top, 0), max(left, 0)
        mask = mask[: colours.shape[0] - top, : colours.shape[1] - left]
        region = (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))
        cover = mask.astype(np.float32)[..., None] / 255
        if look.printed:
            ink = _inks(look, colours.shape[1])[None, left : left + mask.shape[1]]
            colours[region] = (colours[region] * (1 - cover) + ink * cover).astype(np.uint8)
        else:
            relief[region] -= cover[..., 0] * 0.035 * height


def _inks(look: PillLook, width: int) -> NDArray[np.float32]:
    """(width, 3) the colour of the print along the pill: the halves of a capsule may need different colours."""
    inks = np.empty((width, 3), dtype=np.float32)
    inks[: width // 2] = readable(INK, look.cap, 3.0)
    inks[width // 2 :] = readable(INK, look.colour, 3.0)
    return inks


def _shaded(colours: Pixels, relief: NDArray[np.float32], gloss: float) -> Pixels:
    slope_x = cv2.Sobel(relief, cv2.CV_32F, 1, 0, scale=0.125)
    slope_y = cv2.Sobel(relief, cv2.CV_32F, 0, 1, scale=0.125)
    length = np.sqrt(slope_x**2 + slope_y**2 + 1)
    facing = (-_LIGHT[0] * slope_x - _LIGHT[1] * slope_y + _LIGHT[2]) / length
    shade = 0.42 + 0.62 * np.clip(facing, 0, 1) / _LIGHT[2]
    lit = colours * np.minimum(shade, 1.12)[..., None]
    shine = np.clip(facing, 0, 1) ** 24 * gloss * 150
    return np.asarray(np.clip(lit + shine[..., None], 0, 255), dtype=np.uint8)


def paste(pixels: Pixels, alpha: Mask, sprite: tuple[Pixels, Mask], x: int, y: int) -> None:
    """Lay a pill over `pixels` with its upper left corner at (x, y), and add it to `alpha`. It must fit."""
    colours, mask = sprite
    region = (slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1]))
    pixels[region] = over(pixels[region], colours, mask)
    np.maximum(alpha[region], mask, out=alpha[region])


def loose(product: SyntheticProduct, size: int) -> tuple[Pixels, Mask]:
    """Both sides of a pill, next to each other or one above the other; `size` pixels on the long side."""
    look = look_of(product)
    stacked = look.aspect >= 1.4
    # Two sprites, each with a margin of two pixels all round, and a gap of a tenth of their height.
    height = int(min((size - 8) / 2.1, (size - 4) / look.aspect) if stacked else (size - 8) / (2 * look.aspect + 0.1))
    sprites = [pill(look, height), pill(look, height, reverse=True)]
    tall, wide = sprites[0][1].shape
    gap = max(2, round(0.1 * height))
    shape = (2 * tall + gap, wide) if stacked else (tall, 2 * wide + gap)
    pixels: Pixels = np.empty((*shape, 3), dtype=np.uint8)
    # The ground takes the colour of the pills, so that blending along the outline leaves no white fringe.
    pixels[:] = look.colour
    alpha = np.zeros(shape, dtype=np.uint8)
    for number, (colours, mask) in enumerate(sprites):
        x, y = (0, number * (tall + gap)) if stacked else (number * (wide + gap), 0)
        pixels[y : y + tall, x : x + wide] = colours
        alpha[y : y + tall, x : x + wide] = mask
    return pixels, alpha


def blister_size(product: SyntheticProduct) -> tuple[float, float]:
    """Width and height of a blister strip in millimetres."""
    columns, rows = _grid(style_of(product))
    pitch = 13.0 if look_of(product).aspect < 1.4 else 21.0
    return columns * pitch + 6, rows * 13.0 + 14


def _grid(style: Style) -> tuple[int, int]:
    grids = ((5, 2), (2, 5), (4, 2), (2, 2), (7, 2), (3, 2), (2, 4), (5, 3), (2, 6))
    return grids[style.layout % len(grids)]


def blister_front(product: SyntheticProduct, width: int, height: int) -> Pixels:
    """(height, width, 3) the side that shows the pills in their bumps."""
    style, look = style_of(product), look_of(product)
    sheet = Canvas(width, height)
    sheet.pixels[:] = _foil(style, width, height)
    columns, rows = _grid(style)
    strip = 0.86 * 14 / blister_size(product)[1]
    cell_w, cell_h = width * 0.94 / columns, height * (1 - strip) * 0.97 / rows
    tall = round(min(cell_h * 0.66, cell_w * 0.72 / look.aspect))
    sprites = [pill(look, tall, reverse=side) for side in (False, True)]
    alpha = np.zeros((height, width), dtype=np.uint8)
    for number in range(columns * rows):
        x = width * 0.03 + (number % columns + 0.5) * cell_w
        y = height * 0.015 + (number // columns + 0.5) * cell_h
        sprite = sprites[int(style.jitter[0] * 97 + number * 5) % 3 == 0]
        _bump(sheet, style, x, y, sprite)
        sprite_h, sprite_w = sprite[1].shape
        paste(sheet.pixels, alpha, sprite, round(x - sprite_w / 2), round(y - sprite_h / 2))
        shine = (x / width - 0.2 * tall / width * look.aspect, y / height - 0.36 * tall / height)
        sheet.disc(*shine, 0.1 * tall / sheet.short, mix(look.colour, (255, 255, 255), 0.8), squash=0.4)
    low = 1 - strip
    ink = readable(style.main, style_foil(style), 2.4)
    sheet.text((0.04, low, 0.66, 0.97), f"{product.name} {product.strength}", style.brand, ink)
    sheet.text(
        (0.69, low + 0.02, 0.96, 0.95), f"EXP {product.style % 12 + 1:02d}/27", typefaces.DIGITS, ink, align="right"
    )
    return sheet.pixels


def _bump(sheet: Canvas, style: Style, x: float, y: float, sprite: tuple[Pixels, Mask]) -> None:
    """The hollow round one pill: a darker and a lighter rim."""
    tall, wide = sprite[1].shape
    foil = style_foil(style)
    for grow, shift, colour in (
        (0.20, 0.03, mix(foil, INK, 0.45)),
        (0.20, -0.02, mix(foil, (255, 255, 255), 0.7)),
        (0.14, 0.0, mix(foil, INK, 0.15)),
    ):
        half_w, half_h = wide / 2 + grow * tall, tall / 2 + grow * tall
        moved = shift * tall
        box = (x - half_w + moved, y - half_h + moved, x + half_w + moved, y + half_h + moved)
        scaled = (box[0] / sheet.width, box[1] / sheet.height, box[2] / sheet.width, box[3] / sheet.height)
        sheet.rounded(scaled, colour, 1.0)


def style_foil(style: Style) -> Colour:
    """The colour of the strip: silver mostly, else gold, white or tinted."""
    options: tuple[Colour, ...] = (
        (188, 190, 194),
        (200, 202, 206),
        (206, 184, 128),
        (236, 236, 234),
        mix(style.main, (225, 228, 230), 0.6),
    )
    return options[int(style.jitter[1] * len(options))]


def _foil(style: Style, width: int, height: int) -> Pixels:
    """(height, width, 3) metal with a fine embossed lattice and broad reflections."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    step = max(3.0, min(width, height) / 45)
    lattice = 0.03 * np.cos(2 * np.pi * (x + y) / step) * np.cos(2 * np.pi * (x - y) / step)
    sheen = 0.09 * np.sin(2.2 * x / width + 3.1 * y / height + 6 * style.jitter[2]) + 0.04 * np.sin(
        9 * (x + y) / (width + height)
    )
    shade = 1 + lattice + sheen
    metal = np.array(style_foil(style), dtype=np.float32) * shade[..., None]
    return np.asarray(np.clip(metal, 0, 255), dtype=np.uint8)


def blister_back(product: SyntheticProduct, width: int, height: int) -> Pixels:
    """(height, width, 3) the foil side: name, strength and maker printed over and over."""
    style = style_of(product)
    sheet = Canvas(width, height)
    sheet.pixels[:] = _foil(style, width, height)
    ink = readable(style.main, style_foil(style), 2.4)
    plain = readable(INK, style_foil(style), 3.0)
    columns = 2 if width > 1.3 * height else 1
    rows = 5 if height > width else 3 if height > 0.5 * width else 2
    for row in range(rows):
        for column in range(columns):
            left, right = (column + 0.05) / columns, (column + 0.92) / columns
            y, tall = (row + 0.08) / rows * 0.94 + 0.02, 0.94 / rows
            sheet.text((left, y, right, y + 0.42 * tall), product.name + style.mark, style.brand, ink)
            sheet.text(
                (left, y + 0.44 * tall, right, y + 0.64 * tall),
                f"{product.generic} {product.strength}",
                style.text,
                plain,
            )
            sheet.text((left, y + 0.68 * tall, right, y + 0.84 * tall), product.manufacturer, style.text, plain)
    return sheet.pixels
