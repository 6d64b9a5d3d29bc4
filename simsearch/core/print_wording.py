"""Wording of what print and codes say of a photo and a product of the catalog, or of two photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from simsearch.core.types import PrintComparison, PrintedFact

KINDS = ("name", "strength", "pack", "volume", "form", "code", "case", "line")
"""Kinds of facts in the order in which they are told. Of several contradictions the first names the difference."""
TOLD = ("name", "strength", "pack", "volume")
"""Kinds whose agreement is told in the words of the package."""
_NOUNS = {"line": "print", "case": "case or content"}
_SAYS = {"form": "is", "name": "is called", "code": "has the code", "line": "says"}
_MOST = 4
"""Facts that are told in one sentence."""


def by_kind(facts: Iterable[PrintedFact]) -> list[PrintedFact]:
    """`facts` in the order of KINDS."""
    return sorted(facts, key=lambda fact: _place(fact.kind))


def _place(kind: str) -> int:
    return KINDS.index(kind) if kind in KINDS else len(KINDS)


def kinds(facts: Iterable[PrintedFact]) -> list[str]:
    """The kinds of `facts` in words, each once, in the order of KINDS."""
    return _nouns(fact.kind for fact in facts)


def _nouns(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(_NOUNS.get(kind, kind) for kind in sorted(found, key=_place)))


def in_short(agreements: Iterable[str], contradictions: Iterable[str]) -> str:
    """For a table, by the kinds of facts: "not the same: pack; same: name, strength"; "" where nothing is said."""
    against, agree = _nouns(contradictions), _nouns(agreements)
    parts = [f"not the same: {', '.join(against)}"] if against else []
    return "; ".join([*parts, *([f"same: {', '.join(agree)}"] if agree else [])])


def short(printed: PrintComparison | None) -> str:
    """`in_short` of a comparison."""
    if printed is None:
        return ""
    told = in_short(*((fact.kind for fact in side) for side in (printed.agreements, printed.contradictions)))
    return "; ".join(filter(None, ["the code says otherwise" if printed.contested else "", told]))


def listed(words: Sequence[str], last: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def agreed(printed: PrintComparison | None) -> str:
    """ "print agrees in name, strength and pack"; "" where nothing that was compared agrees."""
    if printed is None:
        return ""
    print_ = [fact for fact in printed.agreements if fact.kind not in ("code", "case")]
    facts = [fact for fact in print_ if fact.kind != "line"]
    lines = len(print_) - len(facts)
    words = [f"print agrees in {listed(kinds(facts))}"] if facts else []
    if lines and not facts:
        words.append(f"print agrees in {lines} line{'s' * (lines != 1)}")
    kinds_ = {fact.kind for fact in printed.agreements}
    if "code" in kinds_:
        words.append("the code agrees")
    elif "case" in kinds_:
        words.append("the code is that of a case of it, or of what is in it")
    return listed(words)


def reads(facts: Iterable[PrintedFact]) -> str:
    """What the photo says, from facts that were compared: "HEMIPAN 500 mg, 24 tablets"; "" without any."""
    words: dict[str, str] = {}
    for fact in by_kind(facts):
        said = _quoted(fact.kind, fact.photo)
        if not any(_close(said) in _close(other) for other in words):  # "HEMIPAN 500 mg" says "500mg" too
            words[said] = fact.kind
    first, *rest = [*words][:_MOST] or [""]
    if words.get(first) == "name" and rest and words[rest[0]] != "name":
        return f"{first} {', '.join(rest)}"
    return ", ".join([first, *rest])


def _close(words: str) -> str:
    return "".join(words.split()).casefold()


def told(printed: PrintComparison | None) -> str:
    """What the photo says where it agrees; "" where neither name nor quantity does."""
    return reads(fact for fact in printed.agreements if fact.kind in TOLD) if printed else ""


def says_otherwise(printed: PrintComparison, other: str, *, photo: str = "") -> str:
    """Why a contradicted pair is not one product.

    "reads HEMIPAN 500 mg, 24 tablets; the catalog's Hemipan (A1) has 48: not the same pack"

    Args:
        printed: with at least one contradiction.
        other: who says something else, for instance "the catalog's Hemipan (A1)".
        photo: who reads, where it has to be named because the other is a photo too.
    """
    against = by_kind(printed.contradictions)[:_MOST]
    clash = {fact.kind for fact in against}
    agreeing = (fact for fact in printed.agreements if fact.kind in TOLD and fact.kind not in clash)
    read = reads([*agreeing, *against])
    once = {fact.catalog: fact for fact in reversed(against)}  # a name with its strength is told once
    theirs = listed([_theirs(fact, reads=bool(photo)) for fact in against if once[fact.catalog] is fact])
    return f"{photo} reads {read}; {other} {theirs}: not the same {listed(kinds(against), 'nor')}".lstrip()


def _theirs(fact: PrintedFact, *, reads: bool) -> str:
    words = f'"{fact.catalog}"' if fact.kind == "line" else fact.catalog
    verb = "reads" if reads and fact.kind != "code" and not fact.from_table else _SAYS.get(fact.kind, "has")
    return f"{verb} {words}{' by its table' if fact.from_table else ''}"


def _quoted(kind: str, words: str) -> str:
    if kind == "line":
        return f'"{words}"'
    return f"code {words}" if kind == "code" else words
