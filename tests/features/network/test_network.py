"""The network: what its parts compute, how it starts, and what folding and lower precision leave of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from simsearch.core.errors import UsageError, WeightsError
from simsearch.features.network import weights_file as weightfile
from simsearch.features.network.backbones import BACKBONES
from simsearch.features.network.network import (
    Inference,
    Network,
    bfloat16_pays,
    fold,
    normalise,
    pick_device,
    restore,
    save,
    to_input,
)
from simsearch.features.network.weights_file import SURFACES, Architecture, open_weights
from simsearch.synthetic import make_products, studio_photo, surfaces
from tests.features.network.networks import SMALL, cosines, embeddings, settled, squares


def calm(network: Network) -> None:
    """Make what a MobileNetV2 adds to its shortcuts small: drawn weights amplify rounding, trained ones do not."""
    for name, value in network.backbone.named_parameters():
        if name.endswith("conv.3.weight"):
            torch.nn.init.constant_(value, 0.2)


def test_embeddings_have_length_1_and_differ(network: Network) -> None:
    e = embeddings(network)
    assert e.shape == (6, 32)
    assert np.linalg.norm(e, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert (e @ e.T)[np.triu_indices(6, 1)].max() < 0.999


@pytest.mark.parametrize("backbone", BACKBONES)
def test_folding_changes_nothing(backbone: str) -> None:
    net = settled(Architecture(backbone, 16, 64, 8))
    before = embeddings(net, 3)
    folded = fold(net.backbone)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert embeddings(net, 3) == pytest.approx(before, abs=1e-4)


def test_bfloat16_agrees(tmp_path: Path) -> None:
    net = settled(Architecture("mobilenet_v2", 64, 64, 16))
    calm(net)
    save(net, tmp_path / "w.safetensors", {})
    weights = open_weights(tmp_path / "w.safetensors")
    pictures = squares(8)
    full, full_surfaces = Inference(restore(weights), precision="float32", device="cpu").describe(pictures)
    half, half_surfaces = Inference(restore(weights), precision="bfloat16", device="cpu").describe(pictures)
    assert (full != half).any()
    assert full.dtype == half.dtype == np.float32
    assert cosines(full, half).min() >= 0.9995
    assert full_surfaces.shape == (8, len(SURFACES))
    assert full_surfaces.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    assert half_surfaces == pytest.approx(full_surfaces, abs=0.05)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_rounded_in_every_precision(precision: str, file: Path) -> None:
    # With trained weights it is this rounding that moves embeddings, to a cosine of 0.99.
    values = (
        Inference(restore(open_weights(file)), precision=precision, device="cpu").network.backbone.state_dict().values()
    )
    assert len(values) > 50
    assert all((value.float() == value.bfloat16().float()).all() for value in values)


def test_bfloat16_agrees_for_the_weights_in_the_package() -> None:
    path = weightfile.BUILT_IN / "siamese.safetensors"
    if not path.exists():
        pytest.skip("there are no weights in this checkout")
    weights = open_weights(path)
    products = make_products(4, seed=3)
    pictures = [studio_photo(p, surfaces(p)[0], np.random.default_rng(i)) for i, p in enumerate(products)]
    full, _ = Inference(restore(weights), precision="float32", device="cpu").describe(pictures)
    half, _ = Inference(restore(weights), precision="bfloat16", device="cpu").describe(pictures)
    assert cosines(full, half).min() >= 0.9995


def test_one_photo_is_described_as_in_a_batch(file: Path) -> None:
    inference = Inference(restore(open_weights(file)), precision="float32", device="cpu")
    together, _ = inference.describe(squares(5))
    alone, _ = inference.describe(squares(5)[2:3])
    assert alone[0] == pytest.approx(together[2], abs=1e-5)


def test_start_from_own_weights(network: Network, file: Path) -> None:
    torch.manual_seed(5)
    fresh = Network(Architecture("mobilenet_v3_small", embedding=64, input_size=64, pair_hidden=16))
    fresh.load_start(file)
    for name, value in fresh.backbone.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, network.backbone.state_dict()[name], atol=1e-2, rtol=1e-2)
    assert fresh.embed.weight.shape == (64, 576)  # a head of another size starts anew
    with pytest.raises(WeightsError, match="holds mobilenet_v3_small, not resnet18"):
        Network(Architecture("resnet18", 32, 64, 16)).load_start(file)


@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "resnet18"])
def test_start_from_a_torchvision_state_dict(backbone: str, tmp_path: Path) -> None:
    from torchvision import models

    classifier = getattr(models, backbone)(weights=None).eval()
    torch.save(classifier.state_dict(), tmp_path / "classifier.pth")
    net = Network(Architecture(backbone, 32, 64, 16)).eval()
    net.load_start(tmp_path / "classifier.pth")
    x = to_input(squares(2))
    with torch.inference_mode():
        if backbone == "resnet18":
            trunk = torch.nn.Sequential(*list(classifier.children())[:-2])
        else:
            trunk = classifier.features
        assert torch.allclose(net.backbone(x), trunk(x), atol=1e-4)


def test_an_embedding_starts_from_principal_components(network: Network) -> None:
    torch.manual_seed(6)
    directions = torch.randn(4, 576)
    pooled = torch.randn(200, 4) * torch.tensor([9.0, 4.0, 2.0, 1.0]) @ directions + 3.0
    fresh = Network(Architecture("mobilenet_v3_small", embedding=32, input_size=64, pair_hidden=16))
    fresh.start_embedding(pooled)
    with torch.inference_mode():
        found = fresh.embed(pooled)
    assert found.mean(dim=0).abs().max() < 1e-4
    apart = torch.cov(found.T)
    assert (apart - apart.diag().diag()).abs().max() < 1e-3 * apart.diag().max()
    assert fresh.embed.weight.square().mean().rsqrt().item() == pytest.approx(576**0.5, rel=1e-3)
    before = network.embed.weight.clone()
    network.start_embedding(pooled[:32])
    assert torch.equal(network.embed.weight, before), "too few photos say nothing"


def test_starts_that_are_none(tmp_path: Path) -> None:
    net = Network(SMALL)
    with pytest.raises(WeightsError, match="no such file"):
        net.load_start(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("weights")
    with pytest.raises(WeightsError, match=r"text\.pth"):
        net.load_start(tmp_path / "text.pth")
    torch.save({"features.0.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="holds no mobilenet_v3_small"):
        net.load_start(tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"list\.pth"):
        net.load_start(tmp_path / "list.pth")


def test_unknown_backbone() -> None:
    with pytest.raises(WeightsError, match="no backbone 'vgg16'; there are mobilenet_v2"):
        Network(Architecture("vgg16"))


def test_pick_device() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda")
    for wanted in ("gpu", "", "mps", "meta", "cuda:99"):
        with pytest.raises(UsageError, match="use auto"):
            pick_device(wanted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="PyTorch sees no GPU"):
        pick_device("cuda")


def test_normalise() -> None:
    x = normalise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    assert x[0, :, 0, 0].tolist() == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_gem_lies_between_average_and_maximum() -> None:
    from simsearch.features.network.network import GeM

    x = torch.rand(2, 5, 4, 4)
    assert torch.allclose(GeM(1.0)(x), x.mean(dim=(2, 3)), atol=1e-5)
    cubic = GeM(3.0)(x)
    assert (cubic >= x.mean(dim=(2, 3))).all()
    assert (cubic <= x.amax(dim=(2, 3))).all()
    assert torch.allclose(cubic, (x**3).mean(dim=(2, 3)) ** (1 / 3), atol=1e-5)


def test_a_pytorch_that_cannot_say_what_a_cpu_multiplies_gets_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert bfloat16_pays(cpu)
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name)
    assert not bfloat16_pays(cpu)
