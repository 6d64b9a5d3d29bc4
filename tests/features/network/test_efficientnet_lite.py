"""EfficientNet-Lite: the published shapes, and a published state dict read in its order."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from simsearch.core.errors import WeightsError
from simsearch.features.network.inverted_residual import built
from simsearch.features.network.network import Inference, Network
from simsearch.features.network.plans import PLANS
from simsearch.features.network.weights_file import Architecture
from tests.features.network.networks import photos


def narrow(features: nn.Sequential) -> list[int]:
    """Channels behind the stem, each block and the head."""
    found = []
    for layer in features:
        convolutions = [m for m in layer.modules() if isinstance(m, nn.Conv2d)]
        found.append(convolutions[-1].out_channels)
    return found


def test_lite0_has_the_published_stages() -> None:
    stages = [16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320]
    assert narrow(built(PLANS["efficientnet_lite0"])) == [32, *stages, 1280]


def test_lite2_is_wider_and_deeper_between_its_first_and_last_stage() -> None:
    stages = [16, *[24] * 3, *[48] * 3, *[88] * 4, *[120] * 4, *[208] * 5, 352]
    assert narrow(built(PLANS["efficientnet_lite2"])) == [32, *stages, 1280]


@pytest.mark.parametrize(("height", "width"), [(224, 224), (160, 320), (64, 96)])
def test_any_frame_of_whole_steps_passes(height: int, width: int) -> None:
    features = built(PLANS["efficientnet_lite0"]).eval()
    with torch.inference_mode():
        assert features(torch.zeros(1, 3, height, width)).shape == (1, 1280, height // 32, width // 32)


def test_a_published_state_dict_is_read_in_its_order(tmp_path: Path) -> None:
    torch.manual_seed(3)
    published = Network(Architecture("efficientnet_lite0"))
    state = published.backbone.state_dict()
    renamed = {f"_blocks.{i}.weight": value for i, value in enumerate(state.values())}
    torch.save({**renamed, "_fc.weight": torch.zeros(1000, 1280)}, tmp_path / "lite0.pth")
    network = Network(Architecture("efficientnet_lite0"))
    network.load_start(tmp_path / "lite0.pth")
    for name, value in network.backbone.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_a_state_dict_of_another_width_is_refused(tmp_path: Path) -> None:
    state = Network(Architecture("efficientnet_lite2")).backbone.state_dict()
    torch.save(dict(state), tmp_path / "lite2.pth")
    with pytest.raises(WeightsError, match="holds no efficientnet_lite0"):
        Network(Architecture("efficientnet_lite0")).load_start(tmp_path / "lite2.pth")


def test_folded_and_fused_it_answers_the_same() -> None:
    torch.manual_seed(3)
    network = Network(Architecture("efficientnet_lite0")).eval()
    with torch.inference_mode():
        network.backbone.to(torch.bfloat16).to(torch.float32)
        wanted = network(photos(2))[0]
        network.backbone.float()
    ready = Inference(network, precision="float32", device="cpu")
    with torch.inference_mode():
        found = ready.network(photos(2))[0]
    assert torch.nn.functional.cosine_similarity(wanted, found).min() > 0.995
