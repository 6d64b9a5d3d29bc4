"""The artwork of cartons and labels: front, back, side and top as flat pictures."""

from __future__ import annotations

import cv2
import numpy as np

from simsearch.core.types import Pixels
from simsearch.synthetic import barcode, emblems, layouts, typefaces
from simsearch.synthetic.canvas import INK, WHITE, Canvas, Colour, Rect, mix, readable
from simsearch.synthetic.products import SyntheticProduct
from simsearch.synthetic.slots import Slot
from simsearch.synthetic.style import Style, style_of

_FORM_WORDS = {
    "tablet": ("Film-coated tablets", "Tablets", "Tablets BP", "Coated tablets"),
    "capsule": ("Hard capsules", "Capsules", "Capsules USP"),
    "syrup": ("Oral solution", "Syrup", "Oral suspension"),
    "drops": ("Sterile drops", "Eye drops", "Drops"),
    "cream": ("Topical cream", "Cream"),
    "gel": ("Gel", "Topical gel"),
    "injection": ("Solution for injection", "Injection I.V./I.M."),
}


def face_size(product: SyntheticProduct, surface: str) -> tuple[float, float]:
    """Width and height of a carton's face in millimetres."""
    width, height, depth = style_of(product).dims
    return {"front": (width, height), "back": (width, height), "side": (depth, height), "top": (width, depth)}[surface]


def form_words(product: SyntheticProduct) -> str:
    """The form as printed on the package, for instance "Film-coated tablets"."""
    options = _FORM_WORDS[product.form]
    return options[int(style_of(product).jitter[6] * len(options))]


def front(product: SyntheticProduct, width: int, height: int) -> Pixels:
    """(height, width, 3) the front artwork; on some tall packages it lies on its side."""
    style = style_of(product)
    if height > 1.7 * width and style.jitter[3] < 0.55:
        return np.ascontiguousarray(np.rot90(front(product, height, width)))
    sheet = Canvas(width, height, style.ground)
    for name, slot in layouts.design(sheet, style).items():
        _fill(sheet, product, style, name, slot)
    return sheet.pixels


def _fill(sheet: Canvas, product: SyntheticProduct, style: Style, name: str, slot: Slot) -> None:
    ink = readable(slot.ink, slot.ground, 3.2) if slot.ink else readable(style.ink, slot.ground, 4.5)
    if name == "brand":
        halo = mix(slot.ground, style.second, 0.55) if style.halo else None
        sheet.text(slot.box, product.name + style.mark, style.brand, ink, align=slot.align, halo=halo)
    elif name == "generic":
        text = f"({product.generic})" if style.bracket else product.generic
        sheet.wrapped(slot.box, text, style.text, ink, align=slot.align)
    elif name == "strength":
        sheet.text(slot.box, product.strength, style.bold, ink, align=slot.align)
    elif name == "form":
        sheet.text(slot.box, form_words(product), style.text, ink, align=slot.align)
    elif name == "pack":
        sheet.text(slot.box, product.pack, style.text, ink, align=slot.align)
    elif name == "maker":
        maker(sheet, product, slot.box, slot.ground, slot.align)
    else:
        _motif(sheet, style, slot)


def _motif(sheet: Canvas, style: Style, slot: Slot) -> None:
    left, top, right, bottom = slot.box
    radius = min((right - left) * sheet.width, (bottom - top) * sheet.height) / 2 / sheet.short
    main, second = readable(style.main, slot.ground, 1.6), readable(style.accent, slot.ground, 1.4)
    if main == second:
        second = mix(main, slot.ground, 0.6)
    emblems.motif(sheet, style.motif, (left + right) / 2, (top + bottom) / 2, 0.95 * radius, main, second)


def maker(sheet: Canvas, product: SyntheticProduct, box: Rect, ground: Colour, align: str) -> None:
    """The maker's logo and name in `box`; the logo alone where the name would be too small to read."""
    style = style_of(product)
    left, top, right, bottom = box
    radius = min(0.42 * (bottom - top) * sheet.height, 0.36 * (right - left) * sheet.width)
    reach = radius / sheet.width * 1.3
    colour = readable(style.main, ground, 2.0)
    face = typefaces.Typeface(style.brand.file, stretch=0.85)
    room = right - left - 2.4 * reach
    wide = typefaces.ems(product.manufacturer, face) * 0.62 * (bottom - top) * sheet.height / sheet.width
    logo_x = left + reach if align == "left" else max(left + reach, right - min(wide, room) - 1.4 * reach)
    emblems.logo(sheet, style.logo, logo_x, (top + bottom) / 2, radius / sheet.short, colour, product.manufacturer[0])
    if room * sheet.width > 24:
        middle, half = (top + bottom) / 2, 0.31 * (bottom - top)
        words = (logo_x + 1.3 * reach, middle - half, right, middle + half)
        sheet.text(words, product.manufacturer, face, readable(style.ink, ground, 4.5))


def back(product: SyntheticProduct, width: int, height: int) -> Pixels:
    """(height, width, 3) the back artwork: a head strip, small print, a dosage table and the barcode."""
    style = style_of(product)
    sheet = Canvas(width, height, mix(style.ground, WHITE, 0.5) if style.jitter[5] < 0.5 else style.ground)
    ground: Colour = (int(sheet.pixels[0, 0, 0]), int(sheet.pixels[0, 0, 1]), int(sheet.pixels[0, 0, 2]))
    sheet.rect((0, 0, 1, 0.2), style.main)
    sheet.rect((0, 0.2, 1, 0.225), style.second)
    sheet.text((0.04, 0.02, 0.6, 0.18), product.name + style.mark, style.brand, readable(WHITE, style.main))
    sheet.text((0.64, 0.04, 0.96, 0.16), product.strength, style.bold, readable(WHITE, style.main), align="right")
    ink = readable(INK, ground, 4.5)
    if width >= height:
        print_box, table_box, bars_box = (0.04, 0.27, 0.56, 0.96), (0.60, 0.27, 0.96, 0.56), (0.62, 0.62, 0.95, 0.96)
    else:
        print_box, table_box, bars_box = (0.06, 0.25, 0.94, 0.56), (0.06, 0.58, 0.94, 0.76), (0.14, 0.79, 0.86, 0.97)
    sheet.paragraph(print_box, _small_print(product), typefaces.SMALL, ink)
    _table(sheet, table_box, style, ink, ground)
    bars(sheet, bars_box, product.ean)
    return sheet.pixels


def _small_print(product: SyntheticProduct) -> str:
    unit = {"tablet": "film-coated tablet", "capsule": "capsule", "injection": "dose"}.get(product.form, "dose")
    return (
        f"Composition: each {unit} contains {product.generic} {product.strength}. Excipients q.s. "
        f"Indications and dosage: as directed by the physician. See the enclosed leaflet. "
        f"Store below {25 + 5 * (product.style % 2)} °C, protected from light and moisture. "
        f"Keep out of the reach of children. Prescription only. Made by {product.manufacturer}, "
        f"Unit {1 + product.style % 90}, Industrial Estate. Reg. No. {product.style % 900000 + 100000}"
    )


def _table(sheet: Canvas, box: Rect, style: Style, ink: Colour, ground: Colour) -> None:
    left, top, right, bottom = box
    rows = (("Age", "Dose", "Daily"), ("2-6 y", "1/4", "2 x"), ("6-12 y", "1/2", "2 x"), ("Adults", "1", "3 x"))
    tall, wide = (bottom - top) / len(rows), (right - left) / 3
    for number, row in enumerate(rows):
        y = top + number * tall
        fill = mix(style.main, WHITE, 0.25) if number == 0 else mix(ground, style.main, 0.06 * (number % 2))
        sheet.rect((left, y, right, y + tall), fill)
        for column, text in enumerate(row):
            x = left + column * wide
            cell = (x + 0.012, y + 0.15 * tall, x + wide - 0.01, y + 0.85 * tall)
            sheet.text(cell, text, typefaces.SMALL_BOLD if number == 0 else typefaces.SMALL, readable(ink, fill, 4.5))
        sheet.rect((left, y, right, y + 1.2 / sheet.height), ink)
    sheet.rect((left, bottom, right, bottom + 1.2 / sheet.height), ink)


def bars(sheet: Canvas, box: Rect, code: str) -> None:
    """The EAN-13 `code` on a white plate that fills `box`."""
    sheet.rect(box, WHITE)
    x0, y0, x1, y1 = sheet.to_pixels(box)
    ink = barcode.modules(code)
    quiet = np.pad(1 - ink, (9, 7), constant_values=1) * 255
    tall = max(1, round((y1 - y0) * 0.74))
    top = y0 + round((y1 - y0) * 0.06)
    if x1 - x0 < 8 or top + tall > sheet.height:
        return
    row = cv2.resize(quiet[None, :].astype(np.uint8), (x1 - x0, 1), interpolation=cv2.INTER_AREA)
    sheet.pixels[top : top + tall, x0:x1] = row[:, :, None]
    words = (box[0] + 0.01, box[1] + 0.82 * (box[3] - box[1]), box[2] - 0.01, box[3])
    sheet.text(words, f"{code[0]} {code[1:7]} {code[7:]}", typefaces.DIGITS, INK, align="center")


def side(product: SyntheticProduct, width: int, height: int) -> Pixels:
    """(height, width, 3) a side: name along the long way, lot and expiry."""
    if height > width:
        return np.ascontiguousarray(np.rot90(_strip(product, height, width, dates=True), 3))
    return _strip(product, width, height, dates=True)


def top(product: SyntheticProduct, width: int, height: int) -> Pixels:
    """(height, width, 3) the top flap: name, strength, maker."""
    if height > width:
        return np.ascontiguousarray(np.rot90(_strip(product, height, width, dates=False)))
    return _strip(product, width, height, dates=False)


def _strip(product: SyntheticProduct, width: int, height: int, *, dates: bool) -> Pixels:
    style = style_of(product)
    filled = style.jitter[4] < 0.5
    ground = style.main if filled else style.ground
    sheet = Canvas(width, height, ground)
    sheet.rect((0, 0, 1, 0.1) if filled else (0, 0.84, 1, 1), style.second if filled else style.main)
    low = 0.12 if filled else 0.04
    ink = readable(WHITE if filled else style.main, ground)
    sheet.text((0.04, low, 0.50, low + 0.42), product.name + style.mark, style.brand, ink)
    plain = readable(style.ink, ground, 4.5)
    sheet.text((0.04, low + 0.44, 0.36, low + 0.62), product.generic, style.text, plain)
    sheet.text((0.38, low + 0.42, 0.56, low + 0.66), product.strength, style.bold, plain)
    sheet.text((0.04, low + 0.63, 0.30, low + 0.79), product.pack, style.text, plain)
    if dates:
        sheet.rect((0.64, low + 0.06, 0.97, low + 0.74), mix(WHITE, ground, 0.08))
        sheet.lines((0.66, low + 0.10, 0.96, low + 0.74), _dates(product), typefaces.DIGITS, INK)
    else:
        maker(sheet, product, (0.60, low + 0.2, 0.97, low + 0.6), ground, "right")
    return sheet.pixels


def _dates(product: SyntheticProduct) -> list[str]:
    # Drawn from the style, so that lot and expiry tell nothing about the member of a family.
    made = product.style % 12 + 1
    return [f"LOT {product.style % 90000 + 10000:05d}", f"MFG {made:02d}/2024", f"EXP {made:02d}/2027"]
