"""The jinja2 environment of the pages. Every value is escaped, and a template that names an unknown value fails."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from simsearch.core.print_wording import kinds
from simsearch.core.text import percent
from simsearch.core.types import Pixels

SIDES = {"photo": 480, "thumbnail": 144, "member": 360, "place": 180, "packages": 960}
"""Longer sides of embedded pictures in pixels. Screens show them at half of that or more."""
_QUALITY = 82


@cache
def environment() -> Environment:
    """Templates of the folder beside this file, with the filters `percent`, `jpeg` and `kinds`."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    found.filters.update(percent=percent, jpeg=jpeg_uri, kinds=kinds)
    found.globals["sides"] = SIDES
    return found


def render(template: str, **values: object) -> str:
    """The template as one text."""
    return environment().get_template(template).render(values)


def rendered_parts(template: str, **values: object) -> Iterator[str]:
    """The template in pieces. Iterators among `values` are consumed as the text gets to them."""
    return environment().get_template(template).generate(values)


def jpeg_uri(picture: Pixels, side: int | None = None) -> str:
    """A data URI of `picture`, shrunk to `side` pixels on its longer side."""
    shown = Image.fromarray(picture)
    if side is not None:
        shown.thumbnail((side, side), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    # Evidence keeps colour at full resolution: thin coloured lines and small letters would fray at half of it.
    shown.save(stream, "JPEG", quality=_QUALITY, subsampling=0 if side is None else 2)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
