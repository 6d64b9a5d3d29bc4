"""The guard that counts instructions: what counts as a change, and what stands in its figures."""

from __future__ import annotations

from bench import instructions


def test_more_and_fewer_instructions_are_told_from_a_twentieth_on() -> None:
    old = {"query": 1000, "describe": 1000, "gone": 5}
    assert instructions.changed(old, {"query": 1049, "describe": 951, "new": 7}) == []
    assert instructions.changed(old, {"query": 1100, "describe": 900}) == [
        "query: 1,100 instructions, 1,000 are written: +10.0%",
        "describe: 900 instructions, 1,000 are written: -10.0%",
    ]
