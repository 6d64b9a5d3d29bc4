"""`--where form=tablet`: which products an answer may name, by the catalog's data.

A condition is a field, an operator and a value: `=` equal, `!=` not equal, `~` contains. Case and outer spaces do not
count. All conditions must hold. A field is one of the product's own columns or an attribute of its table. Values
are compared as text: `strength=500 mg` does not find `0.5 g`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from simsearch.catalog import Catalog
from simsearch.catalog.selection import ProductFacts
from simsearch.core.errors import UsageError
from simsearch.core.types import Ids

FIELDS = ("sku", "name", "strength", "form", "manufacturer")
_CONDITION = re.compile(r"\s*(?P<field>[^=!~]+?)\s*(?P<operator>!=|=|~)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One condition, its parts in lower case."""

    field: str
    operator: str
    value: str

    def holds(self, product: ProductFacts) -> bool:
        """Whether the product fulfils it. A field that the catalog leaves blank is the empty text."""
        said = _said(product, self.field)
        if self.operator == "~":
            return self.value in said
        return (said == self.value) == (self.operator == "=")


def parse(texts: Sequence[str]) -> tuple[Condition, ...]:
    """Conditions as a user writes them.

    Raises:
        UsageError: no field, no operator, or `~` with nothing after it.
    """
    return tuple(_condition(text) for text in texts)


def _condition(text: str) -> Condition:
    parts = _CONDITION.fullmatch(text)
    if parts is None:
        way = "write FIELD=VALUE, FIELD!=VALUE or FIELD~PART, for instance form=tablet or 'name~para'"
        raise UsageError(f"--where {text!r}: {way}")
    condition = Condition(_plain(parts["field"]), parts["operator"], _plain(parts["value"]))
    if condition.operator == "~" and not condition.value:
        raise UsageError(f"--where {text!r}: every text contains nothing; write what {condition.field} shall contain")
    return condition


def matching(catalog: Catalog, conditions: Sequence[Condition]) -> Ids:
    """Ids (n,) ascending of the active images of the products that fulfil all conditions.

    Raises:
        UsageError: a field that no product has.
    """
    products = catalog.selection.products()
    known = {*FIELDS, *(key.casefold() for product in products for key in product.attributes)}
    for condition in conditions:
        if condition.field not in known:
            raise UsageError(
                f"--where: no product of the catalog has the field {condition.field!r}; there are "
                f"{', '.join([*FIELDS, *sorted(known - set(FIELDS))])}"
            )
    return catalog.selection.images_of(p.id for p in products if all(condition.holds(p) for condition in conditions))


def _said(product: ProductFacts, field: str) -> str:
    if field in FIELDS:
        return _plain(getattr(product, field))
    return next((_plain(value) for key, value in product.attributes.items() if key.casefold() == field), "")


def _plain(value: object) -> str:
    return str(value).strip().casefold()
