"""Judged cases as the catalog keeps them, so that a later check judges again only what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from simsearch.catalog.checked import KeptCase
from simsearch.catalog.doubts import DoubtKind
from simsearch.filing.cases import Case, PhotoCase, TwiceCase, WordsCase
from simsearch.filing.filed import Filing

_CASES: Mapping[str, type[Case]] = {"photo": PhotoCase, "twice": TwiceCase, "words": WordsCase}


@dataclass(frozen=True, eq=False)
class Judged:
    """A case with its probability."""

    kind: DoubtKind
    case: Case
    probability: float


def kept(one: Judged, filing: Filing) -> KeptCase:
    """As the catalog keeps it."""
    name = next(name for name, of in _CASES.items() if isinstance(one.case, of))
    fields = asdict(one.case)
    if isinstance(one.case, WordsCase):
        fields["said"] = [[i, *words] for i, words in sorted(one.case.said.items())]
    found = {"kind": one.kind.value, "probability": one.probability, name: fields}
    return KeptCase(one.case.key(filing), *one.case.skus(filing), found)


def judged_of(found: Mapping[str, Any]) -> Judged:
    """The inverse."""
    name, of = next((name, of) for name, of in _CASES.items() if name in found)
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in found[name].items()
    }
    if of is WordsCase:
        fields["said"] = {i: (ours, theirs) for i, ours, theirs in fields["said"]}
    return Judged(DoubtKind(found["kind"]), of(**fields), found["probability"])
