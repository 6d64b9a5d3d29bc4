"""Wording of what print and codes say of a photo and a product of the catalog, or of two photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simsearch.core.types import PrintComparison, PrintedFact

KINDS = ("name", "strength", "pack", "volume", "form", "code", "line")
"""Kinds of facts in the order in which they are told. Of several contradictions the first names the difference."""
TOLD = ("name", "strength", "pack", "volume")
"""Kinds whose agreement is told in the words of the package."""
_NOUNS = {"line": "print"}
_SAYS = {"form": "is", "name": "is called", "code": "has the code", "line": "says"}
_MOST = 4
"""Facts that are told in one sentence."""


def by_kind(facts: Iterable[PrintedFact]) -> list[PrintedFact]:
    """`facts` in the order of KINDS."""
    return sorted(facts, key=lambda fact: KINDS.index(fact.kind) if fact.kind in KINDS else len(KINDS))


def kinds(facts: Iterable[PrintedFact]) -> list[str]:
    """The kinds of `facts` in words, each once, in the order of KINDS."""
    return list(dict.fromkeys(_NOUNS.get(fact.kind, fact.kind) for fact in by_kind(facts)))


def listed(words: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def agreed(printed: PrintComparison | None) -> str:
    """ "print agrees in name, strength and pack"; "" where nothing that was compared agrees."""
    if printed is None:
        return ""
    print_ = [fact for fact in printed.agreements if fact.kind != "code"]
    facts = [fact for fact in print_ if fact.kind != "line"]
    lines = len(print_) - len(facts)
    words = [f"print agrees in {listed(kinds(facts))}"] if facts else []
    if lines and not facts:
        words.append(f"print agrees in {lines} line{'s' * (lines != 1)}")
    if len(print_) < len(printed.agreements):
        words.append("the code agrees")
    return listed(words)


def reads(facts: Iterable[PrintedFact]) -> str:
    """What the photo says, from facts that were compared: "HEMIPAN 500 mg, 24 tablets"; "" without any."""
    told = by_kind(facts)
    words = list(dict.fromkeys(_quoted(fact.kind, fact.photo) for fact in told))[:_MOST]
    if len(words) > 1 and told[0].kind == "name" and told[1].kind != "name":
        return f"{words[0]} {', '.join(words[1:])}"
    return ", ".join(words)


def told(printed: PrintComparison | None) -> str:
    """What the photo says where it agrees; "" where neither name nor quantity does."""
    return reads(fact for fact in printed.agreements if fact.kind in TOLD) if printed else ""


def says_otherwise(printed: PrintComparison, other: str, *, photo: str = "") -> str:
    """Why a contradicted pair is not one product.

    "reads HEMIPAN 500 mg, 24 tablets; the catalog's Hemipan (A1) has 48: not the same pack"

    Args:
        printed: with at least one contradiction.
        other: who says something else, for instance "the catalog's Hemipan (A1)".
        photo: who reads, where it has to be named.
    """
    against = by_kind(printed.contradictions)[:_MOST]
    clash = {fact.kind for fact in against}
    agreeing = (fact for fact in printed.agreements if fact.kind in TOLD and fact.kind not in clash)
    read = reads([*agreeing, *against])
    theirs = listed([_theirs(fact) for fact in against])
    return f"{photo} reads {read}; {other} {theirs}: not the same {listed(kinds(against), 'nor')}".lstrip()


def _theirs(fact: PrintedFact) -> str:
    words = f'"{fact.catalog}"' if fact.kind == "line" else fact.catalog
    verb = _SAYS.get(fact.kind, "has")
    return f"{verb} {words}{' by its table' if fact.from_table else ''}"


def _quoted(kind: str, words: str) -> str:
    if kind == "line":
        return f'"{words}"'
    return f"code {words}" if kind == "code" else words
