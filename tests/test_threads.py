"""Libraries compute on one thread within, and on as many as before afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import cv2
import pytest
import torch

from simsearch.threads import SingleThreaded


@pytest.fixture(autouse=True)
def _three_threads() -> object:
    before = cv2.getNumThreads(), torch.get_num_threads()
    cv2.setNumThreads(3)
    torch.set_num_threads(3)
    yield
    cv2.setNumThreads(before[0])
    torch.set_num_threads(before[1])


def test_one_thread_within_and_as_many_as_before_afterwards() -> None:
    def asked(_: int) -> tuple[int, int]:
        single.torch()
        return cv2.getNumThreads(), torch.get_num_threads()

    with SingleThreaded() as single, ThreadPoolExecutor(2) as pool:
        assert set(pool.map(asked, range(8))) == {(1, 1)}
    assert (cv2.getNumThreads(), torch.get_num_threads()) == (3, 3)


def test_without_torch_torch_is_left_alone() -> None:
    with SingleThreaded():
        assert torch.get_num_threads() == 3
    assert (cv2.getNumThreads(), torch.get_num_threads()) == (3, 3)


def test_an_error_ends_it_too() -> None:
    single = SingleThreaded()
    with suppress(RuntimeError), single:
        single.torch()
        raise RuntimeError
    assert (cv2.getNumThreads(), torch.get_num_threads()) == (3, 3)
