"""How much likelier two sizes are to be of one medicine's pills than of any two: a logarithm.

Sizes of one medicine differ by a twentieth, normally, as logarithms; three photos in ten show another outline, another
strength, or a ruler that was misread, and any two pills by half (docs/pills.md says how this was measured).
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.features.pills.ruler import LARGEST, SMALLEST

Floats = NDArray[np.float64]

_SAME, _OTHER = 0.05, 0.5
"""Standard deviations of differences between logarithms of sides."""
_ASTRAY = 0.3
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_SIZE = re.compile(
    rf"\s*{_NUMBER.pattern}\s*(?:mm)?(?:\s*[x×*]\s*{_NUMBER.pattern}\s*(?:mm)?){{0,2}}\s*", re.IGNORECASE
)


def logarithms(sizes: NDArray[Any]) -> Floats:
    """Sizes (n, 2) in millimetres, 0 where unknown -> their logarithms; not a number where unknown."""
    known = np.asarray(sizes, np.float64)
    return np.log(np.where(known > 0, known, np.nan))


def agreement(sizes: Floats, others: Floats) -> Floats:
    """(n, m) of `logarithms` (n, s) against (m, s): nats; 0 where either is unknown."""
    found = np.zeros((len(sizes), len(others)))
    mine, theirs = (np.flatnonzero(np.isfinite(some).all(axis=1)) for some in (sizes, others))
    off = ((sizes[mine, None] - others[None, theirs]) ** 2).sum(axis=2)
    near = sizes.shape[1] * np.log(_OTHER / _SAME) - off * (1 / _SAME**2 - 1 / _OTHER**2) / 2
    found[np.ix_(mine, theirs)] = np.logaddexp(np.log1p(-_ASTRAY) + near, np.log(_ASTRAY))
    return found


def stated(text: str) -> float:
    """The longest side that a text states, in mm: "8", "8.5 mm", "19,1 x 7 mm"; 0 where it says anything else."""
    if not _SIZE.fullmatch(text):
        return 0.0
    longest = max(float(number.replace(",", ".")) for number in _NUMBER.findall(text))
    return longest if SMALLEST <= longest <= LARGEST else 0.0
