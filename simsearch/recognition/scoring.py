"""The calibration in force, with what verifies pairs by it. It is read again when its file changes."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

from simsearch.core.errors import WeightsError
from simsearch.features.base import Method, PairNetwork
from simsearch.recognition.calibration import LOGIT, NOTHING, Calibration
from simsearch.recognition.contenders import Thresholds
from simsearch.recognition.print_alone import ALONE_FEATURES
from simsearch.recognition.printed import PRINT_FEATURES
from simsearch.recognition.verification import FEATURES, Verifier

_LOG = logging.getLogger("simsearch")
_Stamp = tuple[str, int, int, int]


@dataclass(frozen=True, eq=False)
class Scoring:
    """How likeness becomes a probability and a decision. Immutable: an answer is made with one of these."""

    verifier: Verifier
    calibration: Calibration
    thresholds: Thresholds
    """Smallest probabilities of a MATCH."""
    digest: str
    """Of everything that a probability and a threshold come from."""


class CurrentScoring:
    """Follows the calibration files. Safe to share between threads."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        own: Path,
        match_threshold: float = 0.0,
        verifier: Callable[[Mapping[str, Method], Calibration], Verifier] = Verifier,
    ) -> None:
        """`own`: the home's calibration, where `simsearch calibrate` made one; else the one beside the weights counts.

        `match_threshold`: the setting of that name; 0: the calibration's. `verifier`: makes what verifies pairs.
        """
        self.methods, self._wanted, self._verifier = methods, match_threshold, verifier
        network = methods["siamese"]
        assert isinstance(network, PairNetwork)
        self._files = own, network.calibration_path
        self._latest: tuple[_Stamp, Scoring] | None = None
        self._lock = Lock()

    def current(self) -> Scoring:
        """The scoring in force.

        Raises:
            WeightsError: the first calibration that was to be read is missing, damaged or of other weights. A later one
                that cannot be used is warned of once, and the one before stays in force.
        """
        stamp = self._stamp()
        latest = self._latest
        if latest is not None and latest[0] == stamp:
            return latest[1]
        with self._lock:
            latest = self._latest
            if latest is not None and latest[0] == stamp:
                return latest[1]
            try:
                scoring = self._read(Path(stamp[0]))
            except WeightsError as error:
                if latest is None:
                    raise
                _LOG.warning("%s; until then the calibration from before stays in force", error)
                scoring = latest[1]
            self._latest = stamp, scoring
            return scoring

    def _stamp(self) -> _Stamp:
        """Path, modification time, size and inode of the file in force; zeros where it is missing."""
        for path in self._files:
            try:
                found = os.stat(path)
            except OSError:
                continue
            return str(path), found.st_mtime_ns, found.st_size, found.st_ino
        return str(self._files[-1]), 0, 0, 0

    def _read(self, path: Path) -> Scoring:
        calibration = Calibration.load(path)
        try:
            calibration.check({name: m.fingerprint for name, m in self.methods.items()})
            # What an earlier version fitted lacks the features that came since.
            pills = calibration.pills.on(FEATURES) if calibration.pills is not None else None
            calibration = replace(calibration, fusion=calibration.fusion.on(FEATURES), pills=pills)
            if calibration.printed is not None:
                calibration = replace(calibration, printed=calibration.printed.on((LOGIT, *PRINT_FEATURES)))
            if calibration.alone is not None:
                calibration = replace(calibration, alone=calibration.alone.on(ALONE_FEATURES))
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from None
        except ValueError as error:
            raise WeightsError(f"{path}: {error}; run `simsearch calibrate`") from None
        verifier = self._verifier(self.methods, calibration)
        return Scoring(verifier, calibration, self._thresholds(calibration), calibration.digest())

    def _thresholds(self, calibration: Calibration) -> Thresholds:
        """Those of the calibration, or the one of the settings for all."""
        if self._wanted:
            return Thresholds(self._wanted, self._wanted, self._wanted, self._wanted)
        chosen = calibration.thresholds
        match = chosen["match"]
        # Without a fit of print, pairs whose print was compared keep the probability of their appearance. Files of
        # earlier versions hold one threshold for packages and for pills.
        return Thresholds(
            match, chosen.get("match_print", match), chosen.get("match_alone", NOTHING),
            chosen.get("match_pills", match),
        )  # fmt: skip
