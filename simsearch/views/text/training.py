"""What `simsearch train` and `simsearch calibrate` print."""

from __future__ import annotations

import math

from simsearch.training.calibrate import CalibrateResult
from simsearch.training.trainer import TrainResult
from simsearch.views.text.output import left_out, say


def trained(r: TrainResult) -> None:
    """What training reached."""
    measured = not math.isnan(r.best_r1)
    reached = f"R@1 {r.best_r1:.3f} on held-out products" if measured else "no product was held out to measure it"
    left_out(r.refusals)
    if r.not_calibrated:
        say(f"not calibrated: {r.not_calibrated}")
    lacking = "; too few held-out products to calibrate: run `simsearch calibrate` before a query"
    say(f"{r.weights}: {r.steps} steps, {reached}{lacking if r.calibration is None else ''}")


def calibrated(r: CalibrateResult) -> None:
    """Where a calibration was written, and what it could not use."""
    left_out(r.refusals)
    say(f"{r.path}: written")
