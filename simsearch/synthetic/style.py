"""The look of a product: measures, colours, typefaces and layout, all drawn from its style seed."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from simsearch.synthetic import canvas, emblems, typefaces
from simsearch.synthetic.canvas import WHITE, Colour
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.typefaces import Typeface
from simsearch.synthetic.words import pick

# Hue in turns, and its frequency among drug packages.
_HUES = ((0.0, 3), (0.03, 2), (0.08, 2), (0.13, 2), (0.33, 2), (0.42, 2), (0.5, 2), (0.56, 4), (0.6, 4), (0.66, 2))
_MORE_HUES = ((0.76, 2), (0.85, 1), (0.92, 2))
# Width, height, depth in millimetres of usual cartons, before a drawn change of up to 12 %.
_CARTONS = {
    "tablet": ((105, 45, 18), (120, 52, 20), (92, 62, 22), (75, 60, 30), (110, 70, 30), (62, 95, 24), (130, 45, 22)),
    "capsule": ((105, 50, 20), (92, 62, 25), (70, 100, 35), (110, 65, 35)),
    "syrup": ((62, 130, 60), (55, 115, 50), (70, 140, 66)),
    "drops": ((35, 80, 32), (42, 72, 40), (50, 62, 26), (85, 40, 30)),
    "cream": ((130, 34, 28), (120, 40, 25), (155, 42, 34), (90, 50, 26)),
    "gel": ((145, 38, 32), (165, 48, 38)),
    "injection": ((95, 60, 30), (48, 80, 45), (110, 85, 28), (60, 60, 45)),
}


@dataclass(frozen=True, slots=True)
class Style:
    """The look of one product. The members of a family differ in `accent` alone."""

    dims: tuple[float, float, float]  # millimetres: width, height, depth of the carton
    layout: int  # a number that the box artwork takes modulo its layouts
    ground: Colour
    main: Colour
    second: Colour
    accent: Colour
    ink: Colour  # of plain text on `ground`
    brand: Typeface
    text: Typeface
    bold: Typeface
    motif: str
    logo: str
    pattern: str  # "" for none
    mirror: bool  # artwork laid out from right to left
    halo: bool  # brand drawn with an outline
    mark: str  # after the brand: "", "®" or "™"
    bracket: bool  # generic in brackets
    jitter: tuple[float, ...]  # eight numbers, 0 to 1, for small variations


@lru_cache(maxsize=4096)
def style_of(product: SyntheticProduct) -> Style:
    """The look drawn from the product's style seed and accent."""
    rng = np.random.default_rng([product.style, 1])
    ground, main, second, accent = _palette(rng, product.accent)
    carton = _CARTONS[product.form][int(rng.integers(len(_CARTONS[product.form])))]
    width, height, depth = (round(side * (0.88 + 0.24 * rng.random()), 1) for side in carton)
    text_file = pick(rng, typefaces.TEXT_FILES)
    bold_file = {"DejaVuSerif.ttf": "DejaVuSerif-Bold.ttf", "STIXGeneral.ttf": "STIXGeneralBol.ttf"}
    narrow = 0.8 + 0.25 * rng.random()
    return Style(
        dims=(width, height, depth),
        layout=int(rng.integers(2**16)),
        ground=ground,
        main=main,
        second=second,
        accent=accent,
        ink=canvas.readable(canvas.mix((30, 32, 38), main, 0.15), ground, 4.5),
        brand=_brand_face(rng),
        text=Typeface(text_file, stretch=narrow),
        bold=Typeface(bold_file.get(text_file, "DejaVuSans-Bold.ttf"), stretch=narrow),
        motif=pick(rng, (*emblems.MOTIFS, "none", "none")),
        logo=pick(rng, emblems.LOGOS),
        pattern=pick(rng, canvas.PATTERNS) if rng.random() < 0.25 else "",
        mirror=bool(rng.random() < 0.3),
        halo=bool(rng.random() < 0.1),
        mark=pick(rng, ("", "", "®", "®", "™")),
        bracket=bool(rng.random() < 0.3),
        jitter=tuple(float(value) for value in rng.random(8)),
    )


def _brand_face(rng: np.random.Generator) -> Typeface:
    return Typeface(
        pick(rng, typefaces.BRAND_FILES),
        stretch=0.65 + 0.55 * float(rng.random()),
        spacing=pick_number(rng, (0.0, 0.0, 0.0, 0.05, 0.12)),
        slant=pick_number(rng, (0.0, 0.0, 0.0, 0.0, 0.2)),
        upper=bool(rng.random() < 0.3),
    )


def pick_number(rng: np.random.Generator, options: tuple[float, ...]) -> float:
    """One of `options`, each as likely as the others."""
    return options[int(rng.integers(len(options)))]


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """RGB of a hue in turns, saturation and value 0 to 1; greens are printed darker than screens show them."""
    green = max(0.0, 1 - abs(hue % 1.0 - 0.38) / 0.2)
    saturation, value = min(saturation, 1 - 0.15 * green), value * (1 - 0.3 * green)
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, min(saturation, 1.0), min(value, 1.0))
    return (round(red * 255), round(green * 255), round(blue * 255))


def _palette(rng: np.random.Generator, accent: int) -> tuple[Colour, Colour, Colour, Colour]:
    hues, weights = zip(*(_HUES + _MORE_HUES), strict=True)
    shares = np.array(weights) / sum(weights)
    hue = float(rng.choice(hues, p=shares)) + float(rng.normal(0, 0.012))
    main = hsv(hue, 0.65 + 0.35 * rng.random(), 0.45 + 0.5 * rng.random())
    turn = pick_number(rng, (0.05, -0.05, 0.08, 0.33, 0.5, 0.5, 0.42))
    second = (
        hsv(0.6, 0.12, 0.45 + 0.3 * rng.random())
        if rng.random() < 0.2
        else hsv(hue + turn, 0.5 + 0.5 * rng.random(), 0.5 + 0.45 * rng.random())
    )
    # Golden-ratio steps: accents of one family lie far from each other.
    accent_hue = hue + pick_number(rng, (0.5, 0.4, 0.6, 0.1)) + accent * 0.618
    accent_colour = hsv(accent_hue, 0.75 + 0.25 * rng.random(), 0.6 + 0.35 * rng.random())
    kind = rng.random()
    white = (252 - int(rng.integers(8)),) * 3
    if kind < 0.68:
        ground = canvas.mix((white[0], white[1], white[2]), hsv(0.12, 0.2, 0.95), float(rng.random()) * 0.5)
    elif kind < 0.82:
        ground = canvas.mix(WHITE, main, 0.1 + 0.1 * float(rng.random()))
    else:
        ground = hsv(hue + 0.04, 0.5 + 0.4 * rng.random(), 0.35 + 0.55 * rng.random())
        main = canvas.mix(main, WHITE if canvas.luminance(ground) < 0.25 else (10, 10, 40), 0.55)
    return ground, main, second, accent_colour
