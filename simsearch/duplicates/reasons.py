"""In words, why a pair is taken for what it is."""

from __future__ import annotations

from simsearch.catalog.images import ImageFacts
from simsearch.core.print_wording import agreed, says_otherwise
from simsearch.core.text import basis
from simsearch.duplicates.pair_evidence import PairCheck


def and_also(*words: str) -> str:
    """Those of the words that say something, in one line."""
    return "; ".join(filter(None, words))


def print_says(check: PairCheck, a: ImageFacts, b: ImageFacts) -> str:
    """In words, what print says of a pair; "" where it says nothing."""
    printed = check.verification.printed
    if printed is not None and printed.contradictions:
        return says_otherwise(printed, b.sku, photo=a.sku)
    return agreed(printed)


def rests_on(check: PairCheck) -> str:
    """In words, the evidence that the kind of a pair rests on."""
    evidence = check.evidence
    if evidence.overlaid:
        share = f" over {evidence.differing:.1%} of it" if evidence.photo else " over one of the two"
        return f"one photo with something drawn{share}: pixels agree everywhere else"
    if evidence.photo:
        return f"one photo, {evidence.photo.words}: {'pixels' if evidence.seen else 'keypoints'} agree all over"
    if evidence.place:
        share = f"{evidence.differing:.1%}" if evidence.differing >= 0.001 else "a speck"
        return f"one photo but for {share} of it: compare what is printed there"
    return basis(check.verification)
