"""Complete linkage, and what people's reviews mean for it."""

from __future__ import annotations

from datetime import datetime

from simsearch.catalog.reviews import Review, ReviewVerdict, Side
from simsearch.duplicates.linkage import CopySet, ReviewIndex, complete_linkage, copy_sets


def review(a: Side, b: Side, said: ReviewVerdict) -> Review:
    return Review(a, b, said, "", datetime(2026, 1, 1))


def members(pairs: list[str], same: set[str], largest: int = 100) -> list[str]:
    """Groups of one-letter files; `same` holds the pairs that may share a group."""
    sets = {mark: CopySet(ord(mark), (Side(mark, mark),)) for pair in pairs for mark in pair}
    listed = [(sets[pair[0]], sets[pair[1]]) for pair in pairs]
    groups = complete_linkage(
        listed, lambda x, y: "".join(sorted(chr(x.file) + chr(y.file))) in same, largest=largest
    )  # fmt: skip
    return sorted("".join(sorted(chr(copies.file) for copies in group)) for group in groups)


def test_two_groups_join_only_if_every_pair_across_them_holds() -> None:
    pairs = ["ab", "cd", "ac"]
    assert members(pairs, {"ab", "cd", "ac", "ad", "bc", "bd"}) == ["abcd"]
    assert members(pairs, {"ab", "cd", "ac", "ad", "bc"}) == ["ab", "cd"]
    assert members(["ab", "bc"], {"ab", "bc"}) == ["ab"]
    assert members(["bc", "ab"], {"ab", "bc"}) == ["bc"]  # the strongest pair stands first
    assert members([], set()) == []


def test_a_group_has_no_more_files_than_the_largest() -> None:
    every = {x + y for x in "abcd" for y in "abcd" if x < y}
    assert members(["ab", "ac", "ad"], every, largest=3) == ["abc"]


def test_a_review_of_photos_precedes_one_of_their_skus() -> None:
    a, b, other = Side("one", "a" * 64), Side("two", "b" * 64), Side("one", "c" * 64)
    reviews = ReviewIndex(
        [review(Side("one"), Side("two"), ReviewVerdict.DISMISSED), review(a, b, ReviewVerdict.CONFIRMED)]
    )
    assert reviews.said(a, b) is reviews.said(b, a) is ReviewVerdict.CONFIRMED
    assert reviews.said(other, b) is ReviewVerdict.DISMISSED
    assert reviews.said(a, Side("three", "d" * 64)) is None
    assert reviews.confirmed([other, a], [b])
    assert not reviews.confirmed([other], [b])
    assert reviews.dismissed([a, other], [b])
    assert not reviews.dismissed([a], [b])
    assert ReviewIndex([]).said(a, b) is None


def test_copies_of_a_file_are_in_one_set_unless_dismissed() -> None:
    one, two, three = (Side(sku, "f" * 64) for sku in ("one", "two", "three"))
    assert copy_sets(7, [one, two, three], ReviewIndex([])) == [CopySet(7, (one, two, three))]
    reviews = ReviewIndex([review(one, two, ReviewVerdict.DISMISSED)])
    assert copy_sets(7, [one, two, three], reviews) == [CopySet(7, (one, three)), CopySet(7, (two,))]
    assert copy_sets(7, [], reviews) == []
