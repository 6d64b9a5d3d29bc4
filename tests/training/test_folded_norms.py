"""A backbone with folded norms computes what the backbone does, and trains its parameters."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from simsearch.features.network.backbones import BACKBONES
from simsearch.training.folded_norms import _Scaled, with_folded_norms
from tests.features.network.networks import photos, trained


def gradients(module: nn.Module, through: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """What comes out of `through`, and the gradients of `module`'s parameters."""
    module.zero_grad()
    out = through(x)
    (out * torch.linspace(-1, 1, out.numel()).reshape(out.shape)).sum().backward()
    return out.detach(), {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("size", [64, 75])
def test_it_computes_the_same_and_has_the_same_gradients(backbone: str, size: int) -> None:
    torch.manual_seed(0)
    net = trained(BACKBONES[backbone].build()).double()
    x = photos(3, size).double()
    out, wanted = gradients(net, net, x)
    thin, found = gradients(net, with_folded_norms(net), x)
    assert torch.allclose(thin, out, rtol=1e-9, atol=1e-12)
    assert set(found) == set(wanted) == {n for n, _ in net.named_parameters()}
    for name, gradient in wanted.items():
        assert torch.allclose(found[name], gradient, rtol=1e-7, atol=1e-9 * float(gradient.abs().max())), name


def test_it_holds_nothing_of_its_own() -> None:
    net = BACKBONES["mobilenet_v2"].build()
    thin = with_folded_norms(net)
    assert [id(p) for p in thin.parameters()] == [id(p) for p in net.parameters()]
    assert [id(b) for b in thin.buffers()] == [id(b) for b in net.buffers()]
    assert sum(isinstance(m, _Scaled) for m in thin.modules()) == sum(isinstance(m, nn.Conv2d) for m in net.modules())
    assert not any(isinstance(m, _Scaled) for m in net.modules())


@pytest.mark.parametrize(("backbone", "layers"), [("mobilenet_v2", 4), ("efficientnet_lite0", 11)])
def test_strided_layers_and_those_with_large_kernels_take_the_fast_way(backbone: str, layers: int) -> None:
    thin = with_folded_norms(BACKBONES[backbone].build())
    assert sum(m.slow_gradient for m in thin.modules() if isinstance(m, _Scaled)) == layers


def test_a_stride_without_the_padding_that_keeps_the_size_is_left_to_pytorch() -> None:
    for convolution in (
        nn.Conv2d(8, 8, 3, stride=2, padding=0, groups=8),
        nn.Conv2d(8, 8, 2, stride=2, padding=0, groups=8),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
    ):
        net = trained(nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels))).double()
        thin = with_folded_norms(net)
        assert not any(m.slow_gradient for m in thin.modules() if isinstance(m, _Scaled))
        x = torch.randn(2, 8, 9, 9, dtype=torch.float64)
        assert torch.allclose(thin(x), net(x), rtol=1e-9)


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "efficientnet_lite0"])
def test_mixed_precision_is_near(backbone: str) -> None:
    net = trained(BACKBONES[backbone].build())
    thin = with_folded_norms(net)
    with torch.autocast("cpu", torch.bfloat16):
        out, wanted = gradients(net, thin, photos(2))
    assert out.dtype is torch.bfloat16
    exact, exactly = gradients(net, net, photos(2))
    assert torch.nn.functional.cosine_similarity(out.float().flatten(), exact.flatten(), dim=0) > 0.99
    first = next(iter(wanted))
    assert torch.nn.functional.cosine_similarity(wanted[first].flatten(), exactly[first].flatten(), dim=0) > 0.9


def test_training_it_trains_the_backbone() -> None:
    net = trained(BACKBONES["mobilenet_v2"].build()).double()
    before = copy.deepcopy(net.state_dict())
    thin = with_folded_norms(net)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.01)
    thin(photos(2).double()).square().mean().backward()
    optimiser.step()
    moved = [n for n, v in net.state_dict().items() if not torch.equal(v, before[n])]
    assert set(moved) == {n for n, _ in net.named_parameters()}  # the statistics stay
