"""What `simsearch train` says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch.training.trainer import TrainResult
from simsearch.views import json as shapes
from simsearch.views.text.training import trained

if TYPE_CHECKING:
    pass


def test_training_that_measured_nothing_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = TrainResult(Path("run/best.safetensors"), 4, float("nan"), (), {})
    assert shapes.trained(result) == {"weights": "run/best.safetensors", "steps": 4, "best_r1": None}
    trained(result)
    assert "no product was held out" in capsys.readouterr().out
