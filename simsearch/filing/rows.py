"""Doubts about the rows of a table alone: one code under two names, wrong check digits, rows that were refused.

Rows of one SKU with two names or strengths never come into the catalog (`ingest.contradictions`): they are told from
the refusals that indexing noted. These doubts need no photo, and no probability was fitted for them: each is a fact of
the table, and docs/check.md says what the figure rests on.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from hashlib import sha256

from simsearch.catalog.doubts import Doubt, DoubtKind, FilingAction
from simsearch.catalog.selection import ProductFacts
from simsearch.core.codes import listed_codes
from simsearch.core.quantities import Comparison, compare_texts
from simsearch.core.text import title
from simsearch.core.types import Refusal

_WRONG_DIGIT = 0.9
"""A number that fails its own check was mistyped, or is none: one in ten is a shop's own number in the wrong column."""
_ONE_CODE = 0.9
"""A GTIN is given to one product. One in ten such pairs are two rows of it, that differ in how they spell the name."""
_CONTRADICTS = 0.97
_SHOWN = 60
"""Characters of a name in a reason."""
_SKU = re.compile(r"SKU (.{1,500}?) has two (name|strength)s")


def row_doubts(products: Sequence[ProductFacts], refusals: Iterable[Refusal], today: date) -> list[Doubt]:
    """The doubts about rows, in no order. `today`: what two-digit years in codes are relative to."""
    return [*_wrong_digits(products, today), *_shared_codes(products, today), *_contradictions(refusals)]


def _wrong_digits(products: Sequence[ProductFacts], today: date) -> Iterator[Doubt]:
    for product in products:
        for problem in sorted(set(listed_codes(product.attributes, today).problems)):
            reason = f"{_named(product)}: {problem}"
            yield _doubt("digit", product.sku, problem, "code", reason, _WRONG_DIGIT)


def _shared_codes(products: Sequence[ProductFacts], today: date) -> Iterator[Doubt]:
    holders: dict[str, list[ProductFacts]] = defaultdict(list)
    for product in products:
        for gtin in sorted(listed_codes(product.attributes, today).gtins):
            if not gtin.restricted:
                holders[str(gtin)].append(product)
    for code, found in sorted(holders.items()):
        first, *others = sorted(found, key=lambda p: p.sku)
        for other in others:
            if not _one_product(first, other):
                reason = f"{_named(first)} and {_named(other)} have one code, {code}"
                doubt = _doubt("shared", first.sku, f"{code} {other.sku}", "code", reason, _ONE_CODE, other.sku)
                yield doubt


def _contradictions(refusals: Iterable[Refusal]) -> Iterator[Doubt]:
    told: set[tuple[str, str]] = set()
    for refusal in refusals:
        match = _SKU.search(refusal.message) if refusal.code == "contradiction" else None
        if match and (match[1], match[2]) not in told:
            told.add((match[1], match[2]))
            yield _doubt("two", match[1], match[2], match[2], refusal.message, _CONTRADICTS)


def _one_product(a: ProductFacts, b: ProductFacts) -> bool:
    """Whether two rows may be of one product: the same name, and no other strength."""
    if compare_texts(a.strength, b.strength, (a.form, b.form)) is Comparison.DIFFERENT:
        return False
    return _letters(a.name) == _letters(b.name)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))


def _named(product: ProductFacts) -> str:
    return f"{product.sku} ({title(product.name, product.strength)[:_SHOWN]})"


def _doubt(what: str, sku: str, about: str, field: str, reason: str, p: float, against: str = "") -> Doubt:
    key = f"rows|{what}|{sku}|{sha256(about.encode()).hexdigest()[:16]}"
    return Doubt(key, DoubtKind.ROWS_DIFFER, sku, p, reason, FilingAction.TABLE, against_sku=against, field=field)
