"""The reasons of an answer, in words: what speaks for a product, and what rules it out."""

from __future__ import annotations

from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import agreed, kinds, listed, says_otherwise, told
from simsearch.core.quantities import Comparison, compare, doses, parse
from simsearch.core.text import basis, percent
from simsearch.core.types import PrintedFact
from simsearch.recognition.contenders import Contender
from simsearch.recognition.look_alikes import in_the_catalog, strength, to_check

_ALIKE = 0.5
"""Cosine from which two photos are said to look alike."""
_TOLD = 3
"""Words of print that are told where it stands alone."""


def sure(first: Contender) -> str:
    """Why a MATCH is one, and what is left to check."""
    reason = f"{percent(first.seen.probability)} sure: {why(first)}"
    read = told(first.seen.printed)
    if read:
        reason += f"; reads {read}"
    amount = "" if strength_was_read(first) else to_check(first.best.facts)
    # One that the catalog lacks may differ from this one in a few digits only.
    return f"{reason}; strengths are not read: check that the package says {amount}" if amount else reason


def why(contender: Contender) -> str:
    """What a probability rests on: points, likeness, and print that agrees."""
    v = contender.seen
    if contender.by_print_alone:
        assert v.printed is not None
        assert v.printed.alone is not None
        words = ", ".join(v.printed.alone.words[:_TOLD])
        by = f"by its print{f' ({words})' if words else ''}; no picture of this face is known"
        return "; ".join(filter(None, (by, agreed(v.printed))))
    doubt = ", though it looks less alike" if v.inliers and v.similarity < _ALIKE else ""
    return "; ".join(filter(None, (f"{basis(v)}{doubt}", agreed(v.printed))))


def strength_was_read(contender: Contender) -> bool:
    """Whether the package says the strength that the catalog states: as one, or in a line that agrees."""
    printed = contender.seen.printed
    if printed is None:
        return False
    return any(fact.kind == "strength" or _says_strength(fact, contender.best.facts) for fact in printed.agreements)


def _says_strength(fact: PrintedFact, facts: ImageFacts) -> bool:
    stated = strength(facts)
    amount = doses(fact.photo, facts.form) if fact.kind == "line" and stated else ""
    return bool(amount) and compare(parse(amount, facts.form), parse(stated, facts.form)) is Comparison.EQUAL


def in_doubt(contender: Contender) -> str:
    """What of the package was not settled: "the catalog's photo says 500 mg where nothing could be read"."""
    return listed(list(dict.fromkeys(_open(fact) for fact in contender.doubts)))


def _open(fact: PrintedFact) -> str:
    noun = fact.kind if fact.kind in ("strength", "form") else "content"
    where = "the catalog" if fact.from_table else "the catalog's photo"
    says = f'seems to say "{fact.photo}"' if any(map(str.isalnum, fact.photo)) else "could not be read"
    return f"its {noun} {says}, where {where} says {fact.catalog}"


def ruled_out(contender: Contender) -> str:
    """What print or codes hold against a contradicted product."""
    assert contender.seen.printed is not None
    return says_otherwise(contender.seen.printed, in_the_catalog(contender.best.facts))


def at_odds(contender: Contender) -> str:
    """Both reasons where a code says one thing of a product and print another."""
    printed = contender.seen.printed
    assert printed is not None
    if printed.contested:
        words = f"of {contender.sku} {printed.contested}, but picture and print say otherwise"
        if contender.contradicted:
            return f"{words}: {ruled_out(contender)}"
        return f"{words}: {why(contender)}"
    codes = [fact.photo for fact in printed.agreements if fact.kind == "code"]
    if codes:
        others = "print says" if contender.alike else "picture and print say"
        return f"the code {codes[0]} is that of {contender.sku}, but {others} otherwise: {ruled_out(contender)}"
    print_ = listed(kinds(fact for fact in printed.agreements if fact.kind != "line"))
    says = f"{contender.sku} looks alike and print agrees in {print_}"
    return f"{says}, but the code says otherwise: {ruled_out(contender)}"
