"""Suspected duplicates: neighbours across the catalog, verified in pairs, grouped without weak links, by kind."""

from simsearch.duplicates.finder import DuplicateFinder
from simsearch.duplicates.results import (
    DUPLICATES,
    KINDS,
    DuplicateGroup,
    DuplicatePair,
    Findings,
    PairKind,
    without_print,
)

__all__ = [
    "DUPLICATES",
    "KINDS",
    "DuplicateFinder",
    "DuplicateGroup",
    "DuplicatePair",
    "Findings",
    "PairKind",
    "without_print",
]
