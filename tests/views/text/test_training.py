"""What `simsearch train` and `simsearch calibrate` say."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.core.types import Refusal
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.training.calibrate import CalibrateResult
from simsearch.training.trainer import TrainResult
from simsearch.views import json as shapes
from simsearch.views.text.training import calibrated, trained

LEFT_OUT = tuple(Refusal(f"t.csv line {i}", "bad_row", f"t.csv line {i}: 'sku' is empty") for i in range(2, 14))


def test_training_that_measured_nothing_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = TrainResult(Path("run/best.safetensors"), 4, float("nan"), (), {}, LEFT_OUT, None, "too few products")
    told = shapes.trained(result)
    assert told.pop("refusals")[11] == {"where": "t.csv line 13", "code": "bad_row", "message": LEFT_OUT[11].message}
    assert told == {
        "weights": "run/best.safetensors", "steps": 4, "best_r1": None, "calibration": None,
        "not_calibrated": "too few products",
    }  # fmt: skip
    trained(result)
    said = capsys.readouterr().out
    assert "no product was held out" in said
    assert "not calibrated: too few products\n" in said
    assert said.count("left out  bad_row  t.csv line") == 10
    assert "12 left out in all; --json lists all of them\n" in said


def test_a_calibration_beside_the_weights_is_no_lack(capsys: pytest.CaptureFixture[str]) -> None:
    trained(TrainResult(Path("w.safetensors"), 4, 0.5, (), {}, (), Path("w.calibration.json")))
    assert capsys.readouterr().out == "w.safetensors: 4 steps, R@1 0.500 on held-out products\n"


def test_a_calibration_says_what_it_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    fusion = Fusion(("a",), (0.0,), (1.0,), (1.0,), 0.0)
    result = CalibrateResult(Calibration(fusion, Monotone(), {}, {}, {}), LEFT_OUT[:1], Path("c.json"))
    assert shapes.calibrated(result)["refusals"][0]["code"] == "bad_row"
    calibrated(result)
    said = capsys.readouterr().out
    assert "left out  bad_row  t.csv line 2: 'sku' is empty\n1 left out in all\nc.json: written\n" in said
