"""The state of a run: its log goes back to the last checkpoint, which belongs to its settings and photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from simsearch.core.errors import TrainingError
from simsearch.features.network.weights_file import Architecture
from simsearch.training.loop import Loop
from simsearch.training.settings import LossSettings, TrainSettings

SETTINGS = TrainSettings(
    network=Architecture("mobilenet_v3_small", embedding=16, input_size=64, pair_hidden=8),
    loss=LossSettings(doubtful=1.1),
)


def loop(data: str = "photos") -> Loop:
    return Loop(SETTINGS, torch.device("cpu"), data=data, unsure=np.ones(3, bool))


def test_a_checkpoint_restores_everything(tmp_path: Path) -> None:
    one, two = loop(), loop()
    one.step, one.best, one.neighbours = 7, 0.5, np.array([[1], [0], [-1]], np.int32)
    one.checkpoint(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]
    two.resume(tmp_path)
    assert (two.step, two.best) == (7, 0.5)
    assert two.neighbours is not None
    assert two.neighbours.tolist() == [[1], [0], [-1]]
    for name, value in one.network.state_dict().items():
        assert torch.equal(two.network.state_dict()[name], value)
    with pytest.raises(TrainingError, match="belongs to other photos"):
        loop("other photos").resume(tmp_path)


def test_the_log_forgets_what_is_trained_again(tmp_path: Path) -> None:
    one = loop()
    for step in (1, 2, 3):
        one.log(tmp_path, {"step": step, "total": 1.5})
    one.step = 2
    one.checkpoint(tmp_path)
    loop().resume(tmp_path)
    assert (tmp_path / "metrics.csv").read_text().splitlines() == ["step,total", "1,1.5", "2,1.5"]
    (tmp_path / "checkpoint.pt").unlink()
    loop().resume(tmp_path)
    assert not (tmp_path / "metrics.csv").exists()


def test_labels_that_are_sure_have_no_limit() -> None:
    one = Loop(SETTINGS, torch.device("cpu"), data="", unsure=np.array([True, False, False]))
    limits = one._limits(torch.tensor([0, 1]), torch.tensor([1, 2]))
    doubtful = SETTINGS.loss.doubtful
    assert limits.numpy() == pytest.approx(np.array([[doubtful, doubtful], [2.0, 2.0]]))
