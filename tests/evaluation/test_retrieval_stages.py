"""Where the right product stands in the lanes, fused, and fused without one of them."""

from __future__ import annotations

from math import inf

from simsearch.evaluation.retrieval_stages import lanes_of, lookup_ranks
from simsearch.recognition.rank_fusion import LaneHits as Found
from simsearch.recognition.rank_fusion import reciprocal_rank_fusion as fuse

LANES: dict[str, Found] = {
    "siamese": [(1, 0.9), (2, 0.8), (3, 0.7)],
    "phash": [],
    "votes": [(4, 50.0), (3, 40.0), (2, 40.0)],
}
SKUS = {1: "a", 2: "b", 3: "c", 4: "d"}


def ranks(right: str, lanes: dict[str, Found] = LANES, skus: dict[int, str] = SKUS) -> dict[str, float]:
    return lookup_ranks(fuse(lanes), list(lanes), skus, frozenset((right,)))


def test_what_the_lanes_returned_comes_back_from_the_candidates() -> None:
    assert lanes_of(fuse(LANES), LANES) == LANES


def test_each_lane_alone_all_fused_and_all_but_one() -> None:
    assert ranks("c") == {
        "siamese": 3, "phash": inf,
        "votes": 3,  # as many votes as b: ties count against it, whatever the order of the lane
        "without_siamese": 2, "without_phash": 2, "without_votes": 3,
        "fused": 2,  # 1/13 + 1/12, behind 1/12 + 1/13 of b, which as a tie counts against it
    }  # fmt: skip
    assert ranks("d")["siamese"] == ranks("d")["without_votes"] == inf
    assert ranks("d")["fused"] == 4  # first in one lane, as a is, and behind the two that both lanes have


def test_a_lane_left_out_is_as_if_it_had_not_been_asked() -> None:
    for name in LANES:
        rest = {other: found for other, found in LANES.items() if other != name}
        for right in "abcd":
            assert ranks(right)[f"without_{name}"] == ranks(right, rest)["fused"]


def test_of_two_lanes_one_left_out_is_the_other_and_not_told_twice() -> None:
    two = {name: LANES[name] for name in ("siamese", "votes")}
    assert list(ranks("a", two)) == ["siamese", "votes", "fused"]


def test_products_are_counted_not_images_and_doubtful_images_are_passed_over() -> None:
    lanes: dict[str, Found] = {"siamese": [(1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6)]}
    assert ranks("c", lanes, {1: "a", 2: "a", 3: "c", 4: "d"})["fused"] == 2
    assert ranks("c", lanes, {1: "a", 2: "a", 4: "d"})["fused"] == inf
    assert ranks("d", lanes, {4: "d"})["fused"] == 1
    assert ranks("d", lanes, {}) == {"siamese": inf, "fused": inf}
    both = lookup_ranks(fuse(lanes), lanes, SKUS, frozenset("bd"))
    assert both["siamese"] == 2  # either is the right product
