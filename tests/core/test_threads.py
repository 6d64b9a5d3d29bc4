"""Libraries compute on one thread within, and on as many as before afterwards."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from simsearch.core import threads
from simsearch.core.threads import SingleThreaded, cores, in_threads, stay_on_this_thread, threads_here


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


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({"cpu.max": "150000 100000\n"}, 2),  # 1.5 processors
        ({"cpu.max": "400000 100000"}, 4),
        ({"cpu.max": "1000 100000"}, 1),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": ""}, None),
        ({"cpu.max": "0 100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "250000"}, None),
        ({"cpu.max": "max 100000", "cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ({}, None),
    ],
)
def test_the_quota_of_a_container(files: dict[str, str], wanted: int | None, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert threads._quota(str(tmp_path)) == (threads._NO_LIMIT if wanted is None else wanted)


@pytest.mark.parametrize(("quota", "wanted"), [(1, 1), (3, 3), (8, 6)])
def test_cores_are_limited_by_affinity_and_quota(quota: int, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(6)), raising=False)
    monkeypatch.setattr(threads, "_quota", lambda: quota)
    assert cores() == wanted


def test_without_torch_torch_is_left_alone() -> None:
    with SingleThreaded():
        assert torch.get_num_threads() == 3
    assert (cv2.getNumThreads(), torch.get_num_threads()) == (3, 3)


def blas_threads() -> set[int]:
    return {library["num_threads"] for library in ThreadpoolController().info() if library["user_api"] == "blas"}


def test_blas_has_one_thread_within() -> None:
    with threadpool_limits(2, user_api="blas"):
        with SingleThreaded():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_the_last_to_leave_restores() -> None:
    first, second = SingleThreaded(), SingleThreaded()
    with threadpool_limits(2, user_api="blas"):
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert cv2.getNumThreads() == 1
        assert blas_threads() == {1}
        with SingleThreaded():
            pass
        assert cv2.getNumThreads() == 1
        second.__exit__(None, None, None)
        assert cv2.getNumThreads() == 3
        assert blas_threads() == {2}


def test_an_error_ends_it_too() -> None:
    single = SingleThreaded()
    with suppress(RuntimeError), single:
        single.torch()
        raise RuntimeError
    assert (cv2.getNumThreads(), torch.get_num_threads()) == (3, 3)


def test_work_is_done_in_order_by_several_threads() -> None:
    seen: set[str] = set()

    def slow(number: int) -> int:
        seen.add(threading.current_thread().name)
        time.sleep(0.002)
        return number * number

    assert in_threads(slow, range(30)) == [n * n for n in range(30)]
    assert len(seen) == min(cores(), 30)
    assert in_threads(slow, []) == []


def test_work_within_work_starts_no_further_threads() -> None:
    def outer(number: int) -> list[int]:
        return in_threads(lambda inner: number + inner, range(3))

    assert in_threads(outer, range(8)) == [[n, n + 1, n + 2] for n in range(8)]


def test_a_pool_of_ones_own_keeps_its_work_to_its_threads() -> None:
    def names(_: int) -> set[str]:
        return set(in_threads(lambda _: threading.current_thread().name, range(8)))

    with ThreadPoolExecutor(2, "own", initializer=stay_on_this_thread) as pool:
        for found in pool.map(names, range(8)):
            [name] = found
            assert name.startswith("own")


@pytest.mark.parametrize("place", [0, 5, 9])
def test_an_error_in_a_thread_comes_out(place: int) -> None:
    def odd(number: int) -> None:
        if number == place:
            raise ValueError(number)

    with pytest.raises(ValueError, match=str(place)):
        in_threads(odd, range(10))


def test_a_library_gets_one_thread_where_others_have_work_too() -> None:
    assert threads_here() == cores()
    assert in_threads(lambda _: threads_here(), range(3)) == [1] * 3
    assert in_threads(lambda _: threads_here(), [0]) == [cores()]  # alone
    assert threads_here() == cores()
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda number: 1 // number, range(3))
    assert threads_here() == cores()
