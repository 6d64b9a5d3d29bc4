"""Denormal numbers are zero in one thread, for a while."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from simsearch.core import denormals

TINY = np.full(64, 1e-39, np.float32)
HALF = np.float32(0.5)


def kept() -> bool:
    return bool((TINY * HALF).any())


@pytest.mark.skipif(denormals._library() is None, reason="another processor or system")
def test_they_are_zero_within_and_kept_outside() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(kept).result()
        with denormals.as_zero():
            assert not kept()
            with denormals.as_zero():
                assert not kept()
            assert not kept()
            assert pool.submit(kept).result()  # of other threads nothing is changed
    assert kept()


def test_an_error_ends_it_too() -> None:
    with pytest.raises(ZeroDivisionError), denormals.as_zero():
        raise ZeroDivisionError
    assert kept()


def test_elsewhere_it_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    denormals._library.cache_clear()
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with denormals.as_zero():
        assert kept()
    denormals._library.cache_clear()
