"""Fused convolutions compute what the layers that they replace do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from simsearch.features.network.backbones import BACKBONES
from simsearch.features.network.network import fold
from simsearch.features.network.onednn import FusedConvolution, available, fuse
from tests.features.network.networks import photos, trained


@pytest.mark.parametrize("backbone", BACKBONES)
def test_fusing_changes_nothing(backbone: str) -> None:
    net = fold(trained(BACKBONES[backbone].build())).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        before = {n: net(photos(n)) for n in (1, 3)}
        assert fuse(net) > 10
        assert any(m.name != "none" for m in net.modules() if isinstance(m, FusedConvolution))
        for n in (3, 1, 3):  # a layout for each number of photos, kept for the next time
            assert torch.allclose(net(photos(n)), before[n], rtol=1e-3, atol=1e-4)


def test_only_the_activation_that_follows_in_sequence_is_joined() -> None:
    class Odd(nn.Module):
        """Its children stand beside each other, but its forward says what comes after what."""

        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.activation = nn.Conv2d(3, 4, 3), nn.ReLU6()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.convolution(self.activation(x))
            return found

    net = Odd().eval()
    with torch.inference_mode():
        before = net(photos(2))
        assert fuse(net) == 1
        assert torch.allclose(net(photos(2)), before, atol=1e-4)


def test_what_one_dnn_cannot_do_is_left_as_it_is() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding="same"), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"))
    assert fuse(net.eval()) == 0


def test_a_pytorch_without_the_operators_keeps_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    for operators in (SimpleNamespace(), SimpleNamespace(_convolution_pointwise=None)):
        monkeypatch.setattr(torch.ops, "mkldnn", operators)
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
        assert not available()
        assert fuse(net) == 0
        assert net(photos(1)).shape == (1, 4, 62, 62)


def test_an_operator_with_another_signature_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FusedConvolution, "forward", lambda self: None)
    assert fuse(nn.Sequential(nn.Conv2d(3, 4, 3)).eval()) == 0


def test_an_operator_that_fails_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_convolution_pointwise'")

    monkeypatch.setattr(FusedConvolution, "forward", missing)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    assert fuse(net) == 0
    assert isinstance(net[1], nn.ReLU)
