"""The logistic function at its ends, and shares that never move."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.numbers import sigmoid, stable_hash, stable_share


def test_sigmoid_keeps_precision_and_neither_end_overflows() -> None:
    single = sigmoid(np.array([-1e4, 0.0, np.log(3.0), 1e4], np.float32))
    assert single.dtype == np.float32
    assert single.tolist() == pytest.approx([0.0, 0.5, 0.75, 1.0], abs=1e-6)
    double = sigmoid(np.array([-700.0, 40.0]))
    assert double.dtype == np.float64
    assert double[0] == pytest.approx(np.exp(-700.0), rel=1e-12)
    assert double[1] <= 1.0


def test_a_share_is_fixed_and_a_larger_one_only_adds() -> None:
    keys = [f"sku-{i}" for i in range(4000)]
    apart = [stable_share(key, 0.15) for key in keys]
    assert abs(np.mean(apart) - 0.15) < 0.02
    assert not any(stable_share(key, 0.0) for key in keys)
    assert all(stable_share(key, 1.0) for key in keys)
    assert all(stable_share(key, 0.4) for key in np.array(keys)[apart])
    assert stable_hash("Ibuprofen 400") == 3006646028
