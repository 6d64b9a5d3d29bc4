"""How the codes of two sides agree, and by what a catalog is searched for them.

No code decides alone: a neighbour's code, a shelf label or a wrong row carries a sound check digit too.
:func:`contested` says when a code stands against picture and print.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from simsearch.core.codes import Codes
from simsearch.core.product_numbers import Gtin, Ndc, Pzn


class Relation(StrEnum):
    """What the codes of two sides say of each other."""

    EQUAL = "equal"
    """One product."""
    CASE_OF = "case of"
    """Another packaging level of one product: a case, and what is in it."""
    DIFFERENT = "different"
    """Two products."""
    NOTHING = "nothing"
    """One side has no code, or the codes cannot be compared."""


@dataclass(frozen=True)
class Agreement:
    """How the codes of two sides agree."""

    relation: Relation
    text: str = ""
    """Why, in words. Empty where there is nothing to say."""


_SILENT = Agreement(Relation.NOTHING)


def compare(query: Codes, other: Codes) -> Agreement:
    """What the codes of two sides say of each other.

    Lots and serial numbers are not looked at: they identify no product. Numbers of a shop or a maker's own count only
    where a catalog lists them, and then only if they are equal.
    """
    found = [judged(query, other) for judged in (_gtins, _ndcs, _pzns, _own_numbers)]
    relations = {agreement.relation for agreement in found} - {Relation.NOTHING}
    if Relation.DIFFERENT in relations and len(relations) > 1:
        return Agreement(Relation.NOTHING, "; but ".join(a.text for a in found if a.text))
    for relation in (Relation.EQUAL, Relation.CASE_OF):
        if relation in relations:
            return next(agreement for agreement in found if agreement.relation is relation)
    return next((agreement for agreement in found if agreement.text), _SILENT)


def _gtins(query: Codes, other: Codes) -> Agreement:
    ours, theirs = ({g for g in side.gtins if not g.restricted} for side in (query, other))
    if both := ours & theirs:
        return Agreement(Relation.EQUAL, f"both have the code {min(both)}")
    pairs = [(a, b) for a in sorted(ours) for b in sorted(theirs)]
    for a, b in pairs:
        if a.item == b.item:
            return Agreement(Relation.NOTHING if 9 in (a.indicator, b.indicator) else Relation.CASE_OF, _case(a, b))
    return _differ("code", ours, theirs)


def _case(query: Gtin, other: Gtin) -> str:
    if 9 in (query.indicator, other.indicator):
        return f"{query} and {other} are one product, sold by measure"
    if query.indicator and other.indicator:
        return f"{query} and {other} are two cases of one product"
    case, inner = (query, other) if query.indicator else (other, query)
    return f"{case} is a case of {inner}"


def _ndcs(query: Codes, other: Codes) -> Agreement:
    ours, theirs = _each_ndc(query), _each_ndc(other)
    shared = [(a, b) for a in sorted(ours) for b in sorted(theirs) if set(a.forms) & set(b.forms)]
    for a, b in shared:
        if a == b or 1 in (len(a.forms), len(b.forms)):
            return Agreement(Relation.EQUAL, f"both have the NDC {min(a, b, key=lambda ndc: len(ndc.forms))}")
    if shared:  # two numbers without hyphens that can be, and need not be, one
        return _SILENT
    for case, inner in ((_case_ndcs(query), theirs), (_case_ndcs(other), ours)):
        if both := {form for ndc in case for form in ndc.forms} & {form for ndc in inner for form in ndc.forms}:
            return Agreement(Relation.CASE_OF, f"one is a case of the NDC {Ndc((min(both),))}")
    return _differ("NDC", ours, theirs)


def _each_ndc(side: Codes) -> set[Ndc]:
    """NDCs of the product itself: those of a side, and those in its GTINs."""
    return {*side.ndcs, *(g.ndc for g in side.gtins if g.ndc and not g.indicator)}


def _case_ndcs(side: Codes) -> set[Ndc]:
    return {g.ndc for g in side.gtins if g.ndc and g.indicator}


def _pzns(query: Codes, other: Codes) -> Agreement:
    ours, theirs = _each_pzn(query), _each_pzn(other)
    if both := ours & theirs:
        return Agreement(Relation.EQUAL, f"both have the PZN {min(both)}")
    return _differ("PZN", ours, theirs)


def _each_pzn(side: Codes) -> set[Pzn]:
    return {*side.pzns, *(g.pzn for g in side.gtins if g.pzn)}


def _differ(kind: str, ours: set[Gtin] | set[Ndc] | set[Pzn], theirs: set[Gtin] | set[Ndc] | set[Pzn]) -> Agreement:
    if not ours or not theirs:
        return _SILENT
    listing = " and ".join(" / ".join(sorted(map(str, side))) for side in (ours, theirs))
    return Agreement(Relation.DIFFERENT, f"the {kind}s differ: {listing}")


def _own_numbers(query: Codes, other: Codes) -> Agreement:
    if not (query.listed or other.listed):
        return _SILENT
    both = (_own(query) & _own(other)) | (query.own & _listed_gtins(other)) | (other.own & _listed_gtins(query))
    return Agreement(Relation.EQUAL, f"both have the catalog's own number {min(both)}") if both else _SILENT


def _own(side: Codes) -> set[str]:
    return {*side.own, *(gtin.digits.lstrip("0") for gtin in side.gtins if gtin.restricted)}


def _listed_gtins(side: Codes) -> set[str]:
    """The GTINs of a catalog, as :attr:`Codes.own` writes numbers, for a code that does not say that it holds a GTIN.

    Strips carry the digits of their EAN in a plain DataMatrix. Those may also be a serial number, so that they agree
    with an equal GTIN of the catalog, and contradict none.
    """
    return {gtin.digits.lstrip("0") for gtin in side.gtins if side.listed}


def contested(agreement: Agreement, *, picture: bool | None, print_: bool | None) -> bool:
    """Whether a code stands alone against picture *and* print: then the answer is AMBIGUOUS, with all three reasons.

    Args:
        agreement: of the codes.
        picture: whether the pictures show one product; None if they do not say.
        print_: the same of what is printed.
    """
    if agreement.relation is Relation.EQUAL:
        return picture is False and print_ is False
    return agreement.relation is Relation.DIFFERENT and picture is True and print_ is True


# -- a catalog -------------------------------------------------------------------------------------------------------


def keys(codes: Codes) -> frozenset[str]:
    """What a number that agrees with one of `codes`, or is a case of it, has in common with it: to look products up by.

    A key in common is where :func:`compare` begins, and decides nothing: `gtin:85732600554` is that of an item and of
    its cases.
    """
    return frozenset(f"{kind}:{number}" for kind, number in _keys(codes))


def _keys(codes: Codes) -> Iterator[tuple[str, str]]:
    """What a number that agrees with one of `codes` has in common with it."""
    yield from (("gtin", gtin.item) for gtin in codes.gtins)
    yield from (("ndc", form) for ndc in _each_ndc(codes) | _case_ndcs(codes) for form in ndc.forms)
    yield from (("pzn", pzn.digits) for pzn in _each_pzn(codes))
    yield from (("own", number) for number in _own(codes) | _listed_gtins(codes))
