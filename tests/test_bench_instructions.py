"""The guard that counts instructions: what counts as a change, and what stands in its figures."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts/bench/instructions.py"


@pytest.fixture(scope="module")
def guard() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_instructions", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_more_and_fewer_instructions_are_told_from_a_twentieth_on(guard: ModuleType) -> None:
    old = {"query": 1000, "describe": 1000, "gone": 5}
    assert guard.changed(old, {"query": 1049, "describe": 951, "new": 7}) == []
    assert guard.changed(old, {"query": 1100, "describe": 900}) == [
        "query: 1,100 instructions, 1,000 are written: +10.0%",
        "describe: 900 instructions, 1,000 are written: -10.0%",
    ]
