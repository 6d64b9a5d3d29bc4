"""The speed table: what counts as reached, and what as worse than before."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def suite() -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "scripts/bench/suite.py"
    spec = importlib.util.spec_from_file_location("bench_suite", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_ratio_of_one_is_the_target(suite: ModuleType) -> None:
    assert suite.row("rate", 200.0, 100.0, "/s")["ratio"] == 2.0
    assert suite.row("time", 5.0, 2.5, "s", less=True)["ratio"] == 0.5


def test_what_fell_clearly_is_a_regression(suite: ModuleType) -> None:
    old = {"rows": [{"name": "a", "ratio": 1.0}, {"name": "b", "ratio": 1.0}]}
    new = {"rows": [{"name": "a", "ratio": 0.9}, {"name": "b", "ratio": 0.8}, {"name": "new", "ratio": 0.1}]}
    assert suite.regressions(old, new) == ["worse: b: ratio 0.8, was 1.0"]
