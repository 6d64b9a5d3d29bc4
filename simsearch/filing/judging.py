"""Probabilities of doubts: logistic regressions over the features of `cases`, fitted on planted errors.

`fitted.json` holds them, with what they were fitted on: `scripts/fit_filing.py` wrote it, from the training products of
`boxes`, and for loose pills from those of `rximage`. A probability assumes one error in twenty photos, as planted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from simsearch.core.errors import WeightsError
from simsearch.filing.cases import FAR, PHOTO_FEATURES, TWICE_FEATURES
from simsearch.filing.evidence import PAIR_FEATURES, PairSeen
from simsearch.filing.word_cases import LOOKS_FEATURES, WORDS_FEATURES
from simsearch.recognition.score_fusion import Fusion

FILE = Path(__file__).parent / "fitted.json"
LOOKS = "pill-differs"
"""The fit of columns of loose pills."""
BY_LOOKS = " by looks"
"""Behind the name of a kind: the fit of its cases in which print says nothing."""
_SEEN = {
    "pair": PAIR_FEATURES, "other-product": PHOTO_FEATURES, "odd-photo": PHOTO_FEATURES,
    "one-product-twice": TWICE_FEATURES,
}  # fmt: skip
NAMES = {
    **_SEEN, **{kind + BY_LOOKS: names for kind, names in _SEEN.items()}, "words-differ": WORDS_FEATURES,
    LOOKS: LOOKS_FEATURES,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Judge:
    """Turns features into probabilities. Safe to share between threads."""

    fusions: Mapping[str, Fusion]
    """Kind -> its fit; "pair": of two photos."""
    made_from: Mapping[str, Any]
    """What they were fitted on."""

    @classmethod
    def load(cls, path: Path = FILE) -> Self:
        """From a file.

        Raises:
            WeightsError: it is missing, damaged, or of other features.
        """
        try:
            kept = json.loads(path.read_bytes())
            fusions = {kind: Fusion(**{k: _tuple(v) for k, v in kept["fusions"][kind].items()}) for kind in NAMES}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"{path}: cannot be used ({error}); install simsearch again") from None
        for kind, fusion in fusions.items():
            if fusion.names != NAMES[kind]:
                raise WeightsError(f"{path}: {kind} was fitted on other features; install simsearch again")
        return cls(fusions, kept["made_from"])

    def save(self, path: Path) -> None:
        """Write them, as `load` reads them."""
        kept = {"made_from": dict(self.made_from), "fusions": {k: asdict(f) for k, f in sorted(self.fusions.items())}}
        path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")

    @cached_property
    def digest(self) -> str:
        """Tells this fit from any other."""
        known = {kind: asdict(fusion) for kind, fusion in self.fusions.items()}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()

    def score(self, pair: PairSeen) -> float:
        """Log-odds that a pair shows one product, -FAR to FAR."""
        fusion = self.fusions["pair" + BY_LOOKS if pair.by_looks else "pair"]
        total = fusion.bias
        for value, mean, scale, weight in zip(pair.features, fusion.mean, fusion.scale, fusion.weights, strict=True):
            total += weight * (value - mean) / scale
        return max(-FAR, min(FAR, total))

    def probabilities(self, kind: str, features: Sequence[tuple[float, ...]]) -> list[float]:
        """Of each case of one kind, 0 to 1."""
        if not features:
            return []
        return [float(p) for p in self.fusions[kind].probability(np.array(features, np.float64))]


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@cache
def shipped() -> Judge:
    """The fit in the package."""
    return Judge.load()
