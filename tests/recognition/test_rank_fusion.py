"""Fusion of lanes by rank."""

from __future__ import annotations

import pytest

from simsearch.recognition.rank_fusion import reciprocal_rank_fusion as fuse


def test_lanes_are_fused_by_rank_alone() -> None:
    found = fuse({"siamese": [(1, 0.9), (2, 0.8), (3, 0.1)], "votes": [(3, 900.0), (2, 5.0)]})
    assert [c.image_id for c in found] == [3, 2, 1]  # 1/13 + 1/11, 2/12, 1/11
    assert dict(found[1].ranks) == {"siamese": 2, "votes": 2}
    assert dict(found[1].lanes) == {"siamese": 0.8, "votes": 5.0}
    assert found[1].score == pytest.approx(2 / 12)
    assert fuse({}) == fuse({"siamese": [], "votes": []}) == []


def test_the_first_of_one_lane_is_before_the_middling_of_two() -> None:
    lanes = {"siamese": [(i, 1.0) for i in range(50)], "votes": [(99, 1.0), *((i, 0.5) for i in range(10, 29))]}
    order = [c.image_id for c in fuse(lanes)]
    assert order.index(99) < order.index(20)  # 1/11 against 1/31 + 1/22
    assert order.index(0) < order.index(20)


def test_equal_scores_go_by_id() -> None:
    assert [c.image_id for c in fuse({"votes": [(7, 3.0)], "siamese": [(4, 0.1)]})] == [4, 7]
