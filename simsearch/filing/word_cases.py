"""Cases of a row's columns: what the photos of an SKU say instead of what its row says."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import log1p

from simsearch.core.text import title
from simsearch.filing.cases import WordsCase
from simsearch.filing.evidence import ImageSeen
from simsearch.filing.filed import Filing
from simsearch.filing.pill_words import KINDS as LOOKS

PRINTED = ("strength", "pack", "volume", "form", "code", "maker")
WORDS_FEATURES = ("against", "unsure", "agree", "name", "pack", "volume", "form", "maker", "other")
"""Of a column of a row: log(1 + photos that contradict it surely), the same where a photo is not read with certainty,
log(1 + photos that agree), how much of the row's name is printed where it is printed most, and 1 for a pack, a volume,
a form and a maker. other: 1 for the name itself, where photos print the name of another product."""
LOOKS_FEATURES = ("apart", "also", "photos", "shape")
"""Of a column of a loose pill's row: how improbable its word is by the photos, in nats, and how improbable that of the
other column; log(1 + photos); 1 for the shape, 0 for the colour."""
_SAID = 0.25
"""How much of a name is printed at most where it counts as not printed."""
_WHOLE = 0.85
"""How much of another product's name is printed, and how large, where a photo counts as saying it."""
_APART = 1.5
"""Nats from which a pill's colour or shape is a case: below, the row's word is as likely as not."""


def words_cases(seen: Mapping[int, ImageSeen], filing: Filing, skus: Collection[str]) -> list[WordsCase]:
    """The cases of all printed columns of the rows of `skus` that any photo contradicts."""
    found: list[WordsCase | None] = []
    for sku in sorted(skus):
        photos = {i: seen[i] for i in filing.groups.get(sku, ()) if i in seen}
        found += [*(_printed(sku, kind, photos) for kind in PRINTED), _name(sku, photos, filing)]
    return [case for case in found if case is not None]


def looks_cases(seen: Mapping[int, ImageSeen], filing: Filing, skus: Collection[str]) -> list[WordsCase]:
    """The cases of colours and shapes of loose pills that no photo makes probable."""
    found: list[WordsCase | None] = []
    for sku in sorted(skus):
        photos = {i: one for i in filing.groups.get(sku, ()) if (one := seen.get(i)) and one.row.apart}
        found += [_looks(sku, kind, photos) for kind in LOOKS] if photos else []
    return [case for case in found if case is not None]


def _printed(sku: str, kind: str, photos: Mapping[int, ImageSeen]) -> WordsCase | None:
    said: dict[int, tuple[str, str]] = {}
    surely, agree = 0, 0
    for i, one in photos.items():
        agree += kind in one.row.agree
        facts, maybe = ([f[1:] for f in facts if f[0] == kind] for facts in (one.row.against, one.row.unsure))
        if (facts or maybe) and kind not in one.row.agree:
            said[i] = (facts or maybe)[0]
            surely += bool(facts)
    return _case(sku, kind, photos, said, surely, agree) if said else None


def _name(sku: str, photos: Mapping[int, ImageSeen], filing: Filing) -> WordsCase | None:
    """The name, where no photo prints it and some print the whole name of one other product."""
    product = filing.products[sku]
    if not product.name or any(one.row.name > _SAID for one in photos.values()):
        return None
    said: dict[int, tuple[str, str]] = {}
    for i, one in photos.items():
        best = max(one.named, key=lambda other: (round(one.rows[other].name, 6), other), default="")
        if best and best in filing.products and one.rows[best].name >= _WHOLE:
            said[i] = title(filing.products[best].name, ""), product.name
    return _case(sku, "name", photos, said, len(said), 0) if said else None


def _case(
    sku: str, kind: str, photos: Mapping[int, ImageSeen], said: Mapping[int, tuple[str, str]], surely: int, agree: int
) -> WordsCase:
    name = max(one.row.name for one in photos.values())
    columns = (float(kind == other) for other in ("pack", "volume", "form", "maker", "name"))
    features = (log1p(surely), log1p(len(said) - surely), log1p(agree), name, *columns)
    return WordsCase(sku, kind, features, said)


def _looks(sku: str, kind: str, photos: Mapping[int, ImageSeen]) -> WordsCase | None:
    said: dict[int, tuple[str, str]] = {}
    apart: dict[str, list[float]] = {each: [] for each in LOOKS}
    for i, one in photos.items():
        for what, by, ours, theirs in one.row.apart:
            apart[what].append(by)
            if what == kind and by >= _APART:
                said[i] = ours, theirs
    # All photos of an SKU show one pill: what one of them makes probable is no error.
    if not said or min(apart[kind]) < _APART:
        return None
    also = next(apart[other] for other in LOOKS if other != kind)
    features = (_mean(apart[kind]), _mean(also), log1p(len(apart[kind])), float(kind == "shape"))
    return WordsCase(sku, kind, features, said)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
