"""A small network and its weights file."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch.features.network.network import Network, save
from tests.features.network.networks import SMALL, settled


@pytest.fixture(scope="module")
def network() -> Network:
    return settled(SMALL)


@pytest.fixture
def file(network: Network, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save(network, path, {"name": "test", "r1": 0.5})
    return path
