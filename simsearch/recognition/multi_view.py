"""Several photos of one package as one piece of evidence.

Photos of one face are one look at it: its clearest photo counts, the others add nothing, as what deceives one deceives
them all. Faces are told apart by the network's surface head; sides that it calls by one name count as one face.

The faces of one package are not independent either: they share a maker's design. Summing log-odds as naive Bayes does
would be too sure. So the best face counts in whole, and each further face that speaks for a product multiplies its odds
by at most `MOST_GAIN`; one that does not speak for it counts nothing, as the catalog need not hold that face. And as
with every face a wrong product has one more chance to be taken for the right one, the odds are divided by the number of
faces (Bonferroni), so that the threshold of one photo holds its false-accept rate for several.

Two products are told apart only by a face that does so by itself: two strengths that look alike on each of four faces
are not four times as distinct.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_GAIN = 20.0
"""Odds that a further face may bring."""
_EDGE = 1e-12


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), drawn in a little from both ends."""
    p = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(p / (1 - p))


def combined(faces: Sequence[float]) -> float:
    """Log-odds of a product over all faces (one or more) of a package; of one face, its own."""
    best, *rest = sorted(faces, reverse=True)
    gains = sum(min(max(face, 0.0), math.log(MOST_GAIN)) for face in rest)
    return best + gains - math.log(len(faces))


def lead(first: Sequence[float], second: Sequence[float]) -> float:
    """By how much the first product is ahead of the second, in log-odds: by its clearest face, less what one that
    speaks against it says. Both (faces,), in the same order."""
    ahead = [a - b for a, b in zip(first, second, strict=True)]
    return max(ahead) + min(0.0, min(ahead)) if len(ahead) > 1 else ahead[0]


def probability(odds: float) -> float:
    """Inverse of `log_odds`."""
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
