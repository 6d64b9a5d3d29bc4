"""A strength as a value: `875/125 mg`, `15 mg/5 ml`, `0.05 % w/v`, `1.000 mg`.

A text is read once for each way in which it may be meant (decimal mark, `5-325 mg` as a range or a combination). A
strength may also be given twice, `1000 IU (25 µg)` or `amlodipine besylate 6.9 mg eq. to amlodipine 5 mg`: these are
alternatives of one part. What only says how much a package holds, `20 g` of a tube or `200 doses`, is content.
"""

from __future__ import annotations

import re
from functools import lru_cache

from simsearch.core.quantities.model import Part, Quantity, Reading, Strength
from simsearch.core.quantities.numerals import marks, plain
from simsearch.core.quantities.reader import Reader
from simsearch.core.quantities.tokens import tokens

_FLUID = re.compile(
    r"solution|drops?\b|syrup|suspension|injection|infusion|elixir|mouth ?wash|spray|liquid|lösung|tropfen|saft|sirup"
    r"|soluté|gouttes|sirop|solución|gotas|jarabe|раствор|капли|collyrium|enema|inhal|液|محلول|شربت",
    re.IGNORECASE,
)
_FIRM = re.compile(
    r"cream|crème|creme|crema|ointment|unguent|salbe|pomm?ade|pomada|gel\b|paste|мазь|крем|軟膏|乳膏|凝膠|كريم|مرهم"
    r"|کرم|پماد", re.IGNORECASE,
)  # fmt: skip


@lru_cache(maxsize=4096)
def parse(text: str, form: str = "", *, bare: bool = True) -> Strength:
    """Read a strength.

    Args:
        text: a strength as a catalog or a label has it, or a longer text that may hold one.
        form: of the product: a percentage of a solution is a share of volume, one of a cream a share of weight.
        bare: whether numbers without a unit count. In a name they do not: `Calpol 250`.
    """
    said, places = plain(text)
    found = tokens(said)
    numbers = [t.number for t in found if t.number and (bare or t.kind != "bare")]
    firm = bool(_FIRM.search(f"{form} {said}"))
    fluid = not firm and bool(_FLUID.search(f"{form} {said}"))
    readings: dict[tuple[tuple[Part, ...], tuple[Quantity, ...]], Reading] = {}
    span = None
    for mark in marks(numbers):
        for hyphen in ("range", "combination"):
            reader = Reader(mark, hyphen, bare)
            reading = reader.read(found, firm=firm, fluid=fluid)
            readings.setdefault((reading.parts, reading.content), reading)
            span = span or reader.span
    return Strength(text, tuple(readings.values()), (places[span[0]], places[span[1] - 1] + 1) if span else None)


def doses(text: str, form: str = "") -> str:
    """The amounts that `text` (a name, say) gives as a strength, in its own words; "" where it gives none."""
    span = parse(text, form, bare=False).span
    return text[slice(*span)] if span else ""


def without_amounts(text: str) -> str:
    """`text` without its amounts and denominators, strengths and contents alike; the words between them stay."""
    said, places = plain(text)
    kept, end = [], 0
    for token in tokens(said):
        if token.kind in ("amount", "per", "basis"):
            kept.append(text[end : places[token.start]])
            end = places[token.end - 1] + 1
    return " ".join([*kept, text[end:]])
