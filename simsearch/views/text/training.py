"""What `simsearch train` prints."""

from __future__ import annotations

import math

from simsearch.training.trainer import TrainResult
from simsearch.views.text.output import say


def trained(r: TrainResult) -> None:
    """What training reached."""
    measured = not math.isnan(r.best_r1)
    reached = f"R@1 {r.best_r1:.3f} on held-out products" if measured else "no product was held out to measure it"
    calibrated = r.weights.with_name(f"{r.weights.stem}.calibration.json").is_file()
    lacking = "" if calibrated else "; too few held-out products to calibrate: run `simsearch calibrate` before a query"
    say(f"{r.weights}: {r.steps} steps, {reached}{lacking}")
