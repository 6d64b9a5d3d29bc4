"""Strengths and counts of pieces, as catalogs and packages write them, read and compared as values."""

from simsearch.core.quantities.comparison import Comparison, compare, compare_texts, repeats, said
from simsearch.core.quantities.counts import Pack, compare_packs, pack, pack_count, without_packs
from simsearch.core.quantities.model import Part, Quantity, Reading, Strength
from simsearch.core.quantities.strengths import doses, parse, without_amounts

__all__ = [
    "Comparison", "Pack", "Part", "Quantity", "Reading", "Strength", "compare", "compare_packs", "compare_texts",
    "doses", "pack", "pack_count", "parse", "repeats", "said", "without_amounts", "without_packs",
]  # fmt: skip
