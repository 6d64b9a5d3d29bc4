"""Weights of the network of pills: what is written is read, and what does not fit is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import WeightsError
from simsearch.features.pills.network import PillNetwork, restore
from simsearch.features.pills.weights import BUILT_IN, open_pill_weights, write_pill_weights


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tensors = {name: value.numpy() for name, value in PillNetwork().state_dict().items()}
    for name in ("a", "b"):
        write_pill_weights(tmp_path / name, tensors, {"why": "test"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = open_pill_weights(tmp_path / "a")
    assert found.card == {"why": "test"}
    for name, value in restore(found).state_dict().items():
        np.testing.assert_allclose(value.numpy(), tensors[name], rtol=1e-3, atol=1e-4)


def test_what_ships_fits_the_network() -> None:
    restore(open_pill_weights())
    assert BUILT_IN.stat().st_size < 10_000_000


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        open_pill_weights(path)
    path.write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"x\.safetensors"):
        open_pill_weights(path)
    write_pill_weights(path, {"w": np.zeros(2, np.float32)}, {})
    with pytest.raises(WeightsError, match="does not fit"):
        restore(open_pill_weights(path))
    with pytest.raises(WeightsError, match="half precision"):
        write_pill_weights(path, {"w": np.array([1e9], np.float32)}, {})
