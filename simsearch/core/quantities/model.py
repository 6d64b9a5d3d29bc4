"""What a strength is made of, once it is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Quantity:
    """An amount, or a range of amounts, in base units (`units.Unit`), where given in so much of something."""

    dimension: str
    """"" for a number without a unit."""
    per: str
    """Dimension of what it is in; "" for an amount by itself."""
    low: Fraction
    high: Fraction
    within: Fraction = field(default=Fraction(1), compare=False)
    """How much of it the text names, in its base unit: 2 of `4 mg/2 ml`."""


@dataclass(frozen=True)
class Part:
    """One ingredient of a strength."""

    alternatives: tuple[Quantity, ...]
    """Ways in which the text gives this one amount; at least one."""
    names: frozenset[str] = frozenset()
    """Words beside the amount in lower case, which may name the ingredient."""


@dataclass(frozen=True)
class Reading:
    """A text read in one way."""

    way: tuple[str, str]
    """The decimal mark, and how an amount, a hyphen and an amount are read: "range" or "combination"."""
    parts: tuple[Part, ...]
    content: tuple[Quantity, ...]


@dataclass(frozen=True)
class Strength:
    """A strength and every way to read it."""

    text: str
    """In the catalog's own words."""
    readings: tuple[Reading, ...]
    """At least one, all different."""
    span: tuple[int, int] | None = field(compare=False)
    """Where in the text its amounts begin and end, for what was found in a longer text; None where there are none."""
