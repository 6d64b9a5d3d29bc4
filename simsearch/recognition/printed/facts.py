"""What a whole reading says: strengths, packs, volumes and forms, each with its line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from simsearch.core.codes import Codes
from simsearch.core.forms import form_words
from simsearch.core.quantities import Comparison, compare
from simsearch.core.types import PhotoPrint, PrintedLine
from simsearch.features.reading.content import Content, content
from simsearch.features.reading.types import Line, Reading
from simsearch.recognition.printed.aligned import corners

NO_CODES = Codes()
_LEAST = 0.7
"""Confidence from which a line is worth telling."""


@dataclass(frozen=True, eq=False)
class Said:
    """A line of a reading that speaks of an amount, a count or a form."""

    line: Line
    content: Content


def form_of(reading: Reading, stated: str = "") -> str:
    """The words of a reading that name a form, behind what a table states of it."""
    return " ".join([*filter(None, [stated]), *_form_words(reading)])


@lru_cache(maxsize=1024)
def _form_words(reading: Reading) -> tuple[str, ...]:
    return tuple(word for line in reading.lines for word in form_words(line.text))


@lru_cache(maxsize=2048)
def said(reading: Reading, least: float = _LEAST, *, form: str = "") -> Sequence[Said]:
    """The lines that can decide and were read with at least that confidence, most confident first.

    `form`: of the product by its table; "" where it is not known.
    """
    form = form_of(reading, form)
    lines = [Said(line, content(line.text, form)) for line in reading.lines if line.confidence >= least]
    kept = [each for each in lines if each.content.decides and not each.content.varies]
    return tuple(sorted(kept, key=lambda each: -each.line.confidence))


def photo_print(reading: Reading, codes: Codes = NO_CODES) -> PhotoPrint:
    """What was read on a photo, for answers."""
    found = said(reading)
    return PhotoPrint(
        tuple(PrintedLine(line.text, line.confidence, corners(line.quad.astype(np.float64))) for line in reading.lines),
        _distinct_strengths(found),
        _unique([*(_pack(s) for s in found if s.content.pack), *(_amount(s) for s in found if s.content.volumes)]),
        _unique(word for s in found for word in form_words(s.line.text)),
        tuple(sorted({str(number) for kind in (codes.gtins, codes.ndcs, codes.pzns, codes.own) for number in kind})),
    )


def _pack(said: Said) -> str:
    assert said.content.pack
    return said.line.text if len(said.line.text) <= 40 else f"{said.content.pack.count}"


def _amount(said: Said) -> str:
    return said.line.text if len(said.line.text) <= 40 else ""


def _distinct_strengths(found: Iterable[Said]) -> tuple[str, ...]:
    """Each strength once, in the words of the most confident line."""
    kept: list[Content] = []
    for said in (each.content for each in found):
        if said.value and not any(o.value and compare(said.value, o.value) is Comparison.EQUAL for o in kept):
            kept.append(said)
    return tuple(said.strength for said in kept)


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def prints_together(read: Sequence[PhotoPrint | None]) -> PhotoPrint | None:
    """What was read on several photos of one package, each thing once; None where none was read."""
    known = [one for one in read if one is not None]
    if not known:
        return None

    def each(field: str) -> tuple[Any, ...]:
        return tuple(dict.fromkeys(value for one in known for value in getattr(one, field)))

    return PhotoPrint(**{field.name: each(field.name) for field in fields(PhotoPrint)})
