"""Several photos of one package as one piece of evidence.

Photos of one face are one look at it: the clearest photo counts, and the others add nothing, because a likeness that
deceives one of them deceives them all. The network's surface head tells faces apart; sides that it gives one name count
as one face.

The faces of one package are not independent: they share a maker's design. The sum of log-odds (naive Bayes) would be
too sure. So the best face counts in whole, and each further face that speaks for a product multiplies its odds by at
most `MOST_GAIN`. A face that does not speak for it counts nothing, because the catalog need not hold that face. Every
face gives a wrong product one more chance to be taken for the right one: the odds are divided by the number of faces
(Bonferroni), so that the threshold of one photo holds its false-accept rate for several.

Two products are told apart only by a face that does so by itself. Two strengths that look alike on each of four faces
are not four times as distinct.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_GAIN = 20.0
"""Odds that a further face may bring."""
_EDGE = 1e-12


def log_odds(probability: float) -> float:
    """ln(p / (1 - p)), with p kept 1e-12 away from 0 and 1."""
    p = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(p / (1 - p))


def combined(faces: Sequence[float]) -> float:
    """Log-odds of a product over all faces (one or more) of a package. One face keeps its own log-odds."""
    best, *rest = sorted(faces, reverse=True)
    gains = sum(min(max(face, 0.0), math.log(MOST_GAIN)) for face in rest)
    return best + gains - math.log(len(faces))


def lead(first: Sequence[float], second: Sequence[float]) -> float:
    """Log-odds by which the first product is ahead of the second; both (faces,), in the same order.

    The face that tells them apart most clearly counts, less the face that speaks most against the first.
    """
    ahead = [a - b for a, b in zip(first, second, strict=True)]
    return max(ahead) + min(0.0, min(ahead)) if len(ahead) > 1 else ahead[0]


def probability(odds: float) -> float:
    """Inverse of `log_odds`."""
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
