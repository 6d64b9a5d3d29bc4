"""The sheet of suspected duplicates: pictures side by side, what the catalog says of them, the evidence of each pair.

Written group by group, so that memory holds the pictures of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.core.types import Pixels
from simsearch.duplicates import KINDS, DuplicatePair, Findings, Kind
from simsearch.duplicates.pixel_diff import Box
from simsearch.recognition.decision import percent
from simsearch.views.html.page import jpeg_uri

PICTURE, CLOSE_UP = 360, 180  # pixels on the longer side
MOST_PICTURES, MOST_PAIRS = 12, 30  # of one group
_TITLES = {
    Kind.IDENTICAL: "Identical files", Kind.SAME_PHOTO: "One photo, changed",
    Kind.SAME_PRODUCT: "Other photos of one product", Kind.LOOK_ALIKE: "Look-alikes, not duplicates",
}  # fmt: skip


def write_sheet(path: Path, found: Findings, settings: ImageSettings, *, limit: int) -> None:
    """Write one HTML file that needs no other: at most `limit` groups and as many pairs of look-alikes."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(_HEAD)
        stream.writelines(_body(found, settings, limit))
        stream.write("</main>\n</body>\n</html>\n")


def _body(found: Findings, settings: ImageSettings, limit: int) -> Iterator[str]:
    shown, alike = found.groups[:limit], found.look_alikes[:limit]
    conflicts = sum(g.conflict for g in found.groups)
    yield f"<p>{found.images} photos compared: {len(found.groups)} groups, {conflicts} of them under several SKUs"
    yield f"; {len(found.look_alikes)} pairs of look-alikes.</p>\n" if found.look_alikes else ".</p>\n"
    if len(shown) < len(found.groups) or len(alike) < len(found.look_alikes):
        yield f"<p class='note'>The first {limit} of each are shown here; --csv and --json hold all.</p>\n"
    if not found.groups and not found.look_alikes:
        yield "<p>Nothing was found.</p>\n"
    number = 0
    for conflict in (True, False):
        for kind in KINDS:
            part = [g for g in shown if g.kind is kind and g.conflict is conflict]
            if part:
                yield f"<h2>{_TITLES[kind]}, under {'several SKUs' if conflict else 'one SKU'}</h2>\n"
            for group in part:
                number += 1
                yield _card(f"Group {number}", group.images, group.pairs, group.probability, kind, settings)
    if alike:
        yield f"<h2>{_TITLES[Kind.LOOK_ALIKE]}</h2>\n"
    for number, pair in enumerate(alike, 1):
        yield _card(f"Pair {number}", (pair.a, pair.b), (pair,), pair.probability, pair.kind, settings)


def _card(
    title: str,
    members: Sequence[ImageFacts],
    pairs: Sequence[DuplicatePair],
    probability: float,
    kind: Kind,
    settings: ImageSettings,
) -> str:
    differing = _differing(members)
    pictures = "".join(_member(image, differing, settings) for image in members[:MOST_PICTURES])
    more = len(members) - MOST_PICTURES
    rest = f"<p class='note'>and {more} more</p>" if more > 0 else ""
    head = (
        f"{escape(title)} <span class='badge {kind.value}'>{kind.value.replace('-', ' ')}</span> {percent(probability)}"
    )
    return (
        f"<article><h3>{head}</h3><div class='members'>{pictures}</div>{rest}{_evidence(pairs, settings)}</article>\n"
    )


def _member(image: ImageFacts, differing: frozenset[str], settings: ImageSettings) -> str:
    rows = "".join(
        f"<tr{' class=differs' if key in differing else ''}><th>{escape(key)}</th><td>{escape(value)}</td></tr>"
        for key, value in _data(image).items()
    )
    caption = f"<b>{escape(image.sku)}</b><table>{rows}</table><code>{escape(image.image)}</code>"
    return f"<figure>{_picture(image, settings)}<figcaption>{caption}</figcaption></figure>"


def _picture(image: ImageFacts, settings: ImageSettings) -> str:
    try:
        pixels = images.load(Path(image.path), settings).pixels
    except ImageError as error:
        return f"<div class='gap'>no picture: {escape(error.code)}</div>"
    return f"<img src='{jpeg_uri(pixels, PICTURE)}' alt='{escape(image.sku)} {escape(image.title)}'>"


def _data(image: ImageFacts) -> dict[str, str]:
    """What the catalog says of the product, blanks left out."""
    facts = {"name": image.name, "strength": image.strength, "form": image.form, "maker": image.manufacturer}
    every = {**facts, **{str(k): str(v) for k, v in image.attributes.items()}}
    return {key: value for key, value in every.items() if value}


def _differing(members: Sequence[ImageFacts]) -> frozenset[str]:
    """What is not said alike of all members."""
    tables = [_data(image) for image in members]
    keys = {key for table in tables for key in table}
    return frozenset(key for key in keys if len({table.get(key) for table in tables}) > 1)


def _evidence(pairs: Sequence[DuplicatePair], settings: ImageSettings) -> str:
    rows = "".join(_row(pair, settings) for pair in pairs[:MOST_PAIRS])
    more = len(pairs) - MOST_PAIRS
    note = f"<p class='note'>and {more} more pairs</p>" if more > 0 else ""
    head = "<tr><th>pair</th><th>kind</th><th>probability</th><th>similarity</th><th>inliers</th><th>evidence</th></tr>"
    return f"<div class='scroll'><table class='evidence'>{head}{rows}</table></div>{note}"


def _row(pair: DuplicatePair, settings: ImageSettings) -> str:
    v = pair.verification
    scores = (f"{v.similarity:.2f}", str(v.inliers)) if v else ("", "")
    said = f" <b>({pair.said.value})</b>" if pair.said else ""
    names = f"{escape(pair.a.sku)} – {escape(pair.b.sku)}{said}"
    cells = (names, pair.kind.value.replace("-", " "), percent(pair.probability), *scores)
    evidence = escape(pair.reason) + _close_up(pair, settings)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in (*cells, evidence))}</tr>"


def _close_up(pair: DuplicatePair, settings: ImageSettings) -> str:
    """The place in which a and b differ, out of both, side by side."""
    if pair.places is None:
        return ""
    shown = ""
    for image, box in zip((pair.a, pair.b), pair.places, strict=True):
        try:
            pixels = _around(box, images.load(Path(image.path), settings).pixels)
        except ImageError:
            return ""
        shown += f"<img src='{jpeg_uri(pixels, CLOSE_UP)}' alt='the place in {escape(image.sku)}'>"
    return f"<div class='places'>{shown}</div>"


def _around(box: Box, pixels: Pixels) -> Pixels:
    """What lies in and around a box, enlarged where it is small."""
    height, width = pixels.shape[:2]
    x, y = (box[0] + box[2]) / 2 * width, (box[1] + box[3]) / 2 * height
    reach = max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 0.08 * max(width, height))
    left, top = max(0, round(x - reach)), max(0, round(y - reach))
    part = pixels[top : round(y + reach) + 1, left : round(x + reach) + 1]
    scale = max(1.0, CLOSE_UP / max(part.shape[:2]))
    return np.asarray(cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>Suspected duplicates</title>
<style>
:root { --ink: #1b1f24; --faint: #59636e; --ground: #f4f5f7; --card: #fff; --line: #d8dde3; --mark: #fff1c2 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebef; --faint: #a0a9b3; --ground: #121519; --card: #1c2026; --line: #353c45; --mark: #4d3f10 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
main { max-width: 72rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.7rem; margin: .5rem 0 } h2 { font-size: 1.3rem; margin: 2rem 0 .25rem }
h3 { font-size: 1.05rem; margin: 0 0 .6rem }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin: 1rem 0 }
.members { display: flex; flex-wrap: wrap; gap: 1rem }
figure { margin: 0; flex: 0 1 16rem; min-width: 0 }
img { max-width: 100%; height: auto; display: block; border: 1px solid var(--line); border-radius: .3rem }
.gap { padding: 3rem 1rem; border: 1px dashed var(--line); color: var(--faint); text-align: center }
figcaption { font-size: .85rem; margin-top: .3rem; overflow-wrap: anywhere }
code, .note, th { color: var(--faint); font-size: .8rem }
table { border-collapse: collapse; font-size: .85rem }
th, td { text-align: left; font-weight: normal; padding: .1rem .7rem .1rem 0; vertical-align: top }
.differs td { background: var(--mark); padding-left: .3rem }
.evidence { width: 100%; margin-top: .8rem; font-variant-numeric: tabular-nums }
.evidence td { border-top: 1px solid var(--line); padding-top: .25rem; padding-bottom: .25rem }
.scroll { overflow-x: auto }
.places { display: flex; gap: .5rem; margin: .3rem 0 }
.badge { border-radius: 1rem; padding: .05rem .7rem; font-size: .8rem; color: #fff; background: #57606a }
.identical { background: #cf222e } .same-photo { background: #9a6700 } .same-product { background: #0b5cad }
</style>
</head>
<body>
<main>
<h1>Suspected duplicates</h1>
"""
