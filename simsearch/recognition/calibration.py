"""One calibrated probability out of several scores, and the thresholds chosen from it. Needs no torch.

    features -> Fusion (logistic regression) -> logit -> Monotone (the identity, but in old files) -> probability

A `Calibration` holds both stages (`score_fusion.py`), the thresholds, the fingerprints of the methods whose scores it
was fitted on, and the facts of the fit. It is one JSON file: beside the weights, or `calibration.json` of a home.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError, WeightsError
from simsearch.core.files import write_output
from simsearch.core.numbers import sigmoid
from simsearch.recognition.score_fusion import Floats, Fusion, Monotone

FORMAT = "simsearch-calibration-1"
MAX_BYTES = 1_000_000
LOGIT = "logit"
"""Name of the first column of `Calibration.printed`."""
PILLS = "pills"
"""The column that says which pairs show loose pills: 1 there, else 0."""
NOTHING = float(np.nextafter(1.0, 2.0))
"""The largest threshold: no probability reaches it."""


@dataclass(frozen=True)
class FarThreshold:
    """A threshold chosen from a false-accept rate (FAR), and the rates it reaches. Accept when p >= threshold."""

    threshold: float
    target: float
    """The false-accept rate asked for, in (0, 1)."""
    far: float
    """Share of the sample's negatives that the threshold accepts."""
    true_accept_rate: float
    """Share of the sample's positives that the threshold accepts; nan without positives."""
    negatives: int
    positives: int
    shown: bool
    """Whether there are at least 1 / target negatives. Fewer cannot show the target: the threshold then lies just above
    the largest negative, and the true rate is below about 3 / negatives, 19 times out of 20 (the "rule of three")."""


def threshold_for_far(probabilities: ArrayLike, same: ArrayLike, target_far: float) -> FarThreshold:
    """The smallest threshold that accepts at most a share `target_far` of the negatives.

    `probabilities` (n,) in [0, 1], `same` (n,). The threshold lies just above the first negative too many, so that
    equal probabilities are rejected together.

    Raises:
        ValueError: no negatives, other shapes, or a target outside (0, 1).
    """
    p, y = np.asarray(probabilities, np.float64), np.asarray(same, np.bool_)
    if p.ndim != 1 or y.shape != p.shape or y.all() or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"probabilities {p.shape} and same {y.shape} must be (n,), in [0, 1], with negatives")
    if not 0 < target_far < 1:
        raise ValueError(f"a false-accept rate of {target_far} is not within (0, 1)")
    falling = np.sort(p[~y])[::-1]
    allowed = int(target_far * len(falling) * (1 + 1e-12))  # 0.29 * 100 is 28.999...
    threshold = float(np.nextafter(falling[allowed], 2.0))
    positives = int(y.sum())
    reached = float((p[y] >= threshold).mean()) if positives else float("nan")
    far = float((falling >= threshold).mean())
    return FarThreshold(threshold, target_far, far, reached, len(falling), positives, allowed >= 1)


@dataclass(frozen=True)
class Calibration:
    """Turns the scores of named methods into a probability, and holds the thresholds of answers."""

    fusion: Fusion
    """Of the look of packages; without `pills`, of loose pills too."""
    correction: Monotone
    """Of the fusion's logit; the identity in every calibration that is fitted now."""
    thresholds: Mapping[str, float]
    """Purpose -> the smallest probability that is accepted, 0 to NOTHING: `match` for answers, `match_pills` for those
    about loose pills, `match_print` for those that rest on print, too, `match_alone` for those that rest on print
    alone, `pair` for pairs."""
    fingerprints: Mapping[str, str]
    """Method -> its fingerprint when its scores were fitted; with another fingerprint probabilities mean nothing."""
    facts: Mapping[str, Any]
    """Date, source and counts, as JSON can hold them."""
    printed: Fusion | None = None
    """For pairs whose print was compared: over the logit of the appearance, `LOGIT`, and what print says. None: such
    pairs keep the probability of their appearance, and print only contradicts."""
    alone: Fusion | None = None
    """For pairs whose pictures do not agree in any point: over what print says alone (`print_alone.ALONE_FEATURES`).
    None: no product is found by print where its face is not in the catalog."""
    pills: Fusion | None = None
    """Of the look of loose pills, for the pairs that the column PILLS marks."""

    def __post_init__(self) -> None:
        if self.pills is not None and (PILLS not in self.fusion.names or self.pills.names != self.fusion.names):
            raise ValueError("the fusion of pills has other columns than that of packages")
        for name, value in self.thresholds.items():
            if not 0 <= value <= NOTHING:
                raise ValueError(f"the threshold {name!r} is {value}, which is no probability")

    def probability(self, features: ArrayLike) -> Floats:
        """`features` (n, f), columns as `fusion.names` -> calibrated P(same product), (n,)."""
        return sigmoid(self.logits(features))

    def logits(self, features: ArrayLike) -> Floats:
        """The log-odds (n,) of :meth:`probability`."""
        found = np.asarray(self.correction(self.fusion.logits(features)), np.float64)
        if self.pills is None:
            return found
        shown = np.asarray(features, np.float64)[:, self.fusion.names.index(PILLS)] > 0
        return np.where(shown, self.pills.logits(features), found)

    def check(self, fingerprints: Mapping[str, str]) -> None:
        """Raise WeightsError unless every method it was fitted for is in use with the same fingerprint."""
        for method, wanted in self.fingerprints.items():
            if fingerprints.get(method) != wanted:
                found = fingerprints.get(method, "not in use")
                raise WeightsError(
                    f"the calibration was fitted for {method} {wanted}, but it is {found}; run `simsearch calibrate`"
                )

    def digest(self) -> str:
        """SHA-256 (hex) of everything that a probability and a threshold come from; facts do not count."""
        parts = {"fusion": asdict(self.fusion), "correction": asdict(self.correction)}
        further = {"printed": self.printed, "alone": self.alone, PILLS: self.pills}
        parts |= {name: asdict(fusion) for name, fusion in further.items() if fusion is not None}
        text = json.dumps({**parts, "thresholds": dict(self.thresholds)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write it to `path`, in one step and fsynced where that is a file: a crash leaves the old one or the new one.

        Raises:
            ValueError: the facts hold what JSON cannot.
        """
        write_output(path, json.dumps({"format": FORMAT, **asdict(self)}, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> Calibration:
        """Inverse of :meth:`save`.

        Raises:
            WeightsError: missing, too large, damaged, of another format, or with numbers that do not fit together.
        """
        try:
            if path.stat().st_size > MAX_BYTES:
                raise WeightsError(f"{path}: is larger than any calibration of simsearch")
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise WeightsError(f"{path}: cannot be read ({error.strerror}); run `simsearch calibrate`") from None
        except UnicodeDecodeError:
            raise WeightsError(f"{path}: is no calibration file (not UTF-8)") from None
        try:
            table = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise WeightsError(f"{path}: is no calibration file, or a damaged one ({error})") from None
        found = table.pop("format", None) if isinstance(table, dict) else None
        if found != FORMAT:
            raise WeightsError(f"{path}: is of format {found!r}, not {FORMAT}; run `simsearch calibrate` anew")
        try:
            return parse_settings(cls, table, where=str(path))
        except ConfigError as error:
            raise WeightsError(str(error)) from None
        except (ValueError, OverflowError) as error:
            raise WeightsError(f"{path}: {error}") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")
