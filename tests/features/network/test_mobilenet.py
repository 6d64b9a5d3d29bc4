"""Our own MobileNetV2 is torchvision's."""

from __future__ import annotations

import subprocess
import sys

import torch

from simsearch.features.network.inverted_residual import built
from simsearch.features.network.plans import PLANS
from tests.features.network.networks import photos, trained


def test_mobilenet_is_torchvisions() -> None:
    from torchvision import models

    theirs, ours = trained(models.mobilenet_v2(weights=None).features), built(PLANS["mobilenet_v2"]).eval()
    ours.load_state_dict(theirs.state_dict())  # strict: the same names and shapes
    with torch.inference_mode():
        assert torch.equal(ours(photos(2)), theirs(photos(2)))


def test_the_network_is_made_without_torchvision() -> None:
    code = "import sys; from simsearch.features.network.network import Architecture, Network; Network(Architecture()); "
    code += "assert 'torchvision' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
