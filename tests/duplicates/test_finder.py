"""Duplicates: which pairs are proposed and checked, and how they become groups without weak links."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from simsearch import open_app
from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.core.config import DuplicateSettings
from simsearch.core.errors import UsageError
from simsearch.duplicates import PairKind
from simsearch.duplicates.feedback import built_at
from tests.duplicates.world import SETTINGS, World, marks

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


def test_pairs_above_the_threshold_are_groups(world: World) -> None:
    world.add("abcd")
    groups, asked = world.find({"ab": 0.95, "cd": 0.9, "bc": 0.8999})
    assert marks(groups) == ["ab", "cd"]
    assert sorted(asked) == ["ab", "ac", "ad", "bc", "bd", "cd"]  # each pair once
    [pair] = groups[0].pairs
    assert pair.verification is not None
    assert (pair.a.image, pair.b.image, pair.verification.probability) == ("a", "b", 0.95)
    assert groups[0].probability == 0.95


def test_loose_pills_have_a_threshold_of_their_own(world: World) -> None:
    world.add("abCDEF")
    found, _ = world.findings({"ab": 0.95, "CD": 0.95, "EF": 0.98}, pills_threshold=0.97)
    assert marks(found.groups) == ["EF", "ab"]
    assert all(alike.reason.startswith("below the threshold of 97.0%") for alike in found.look_alikes)


def test_nothing_chains_through_a_weak_link(world: World) -> None:
    world.add("abc")
    groups, _ = world.find({"ab": 0.97, "bc": 0.95, "ac": 0.2})
    assert marks(groups) == ["ab"]
    groups, _ = world.find({"ab": 0.95, "bc": 0.97, "ac": 0.2})
    assert marks(groups) == ["bc"]
    groups, _ = world.find({"ab": 0.95, "bc": 0.97, "ac": 0.91})
    assert marks(groups) == ["abc"]
    assert groups[0].probability == 0.91
    assert [(p.a.image, p.b.image) for p in groups[0].pairs] == [("a", "b"), ("a", "c"), ("b", "c")]


def test_two_groups_join_only_if_all_their_pairs_hold(world: World) -> None:
    world.add("abcd")
    strong = {"ab": 0.99, "cd": 0.98, "ac": 0.95, "ad": 0.95, "bc": 0.95}
    assert marks(world.find({**strong, "bd": 0.3})[0]) == ["ab", "cd"]
    assert marks(world.find({**strong, "bd": 0.9})[0]) == ["abcd"]


def test_pairs_that_no_lane_suspected_are_verified_before_groups_join(world: World) -> None:
    # a and c are 60 degrees apart, too far for the lane; b lies between them.
    for mark, angle in (("a", 0), ("b", 30), ("c", 60)):
        world.add(mark, angle=angle)
    near = replace(SETTINGS, least_similarity=0.8)
    groups, asked = world.find({"ab": 0.95, "bc": 0.96, "ac": 0.97}, settings=near)
    assert marks(groups) == ["abc"]
    assert sorted(asked) == ["ab", "ac", "bc"]
    groups, _ = world.find({"ab": 0.95, "bc": 0.96}, settings=near)
    assert marks(groups) == ["bc"]


def test_only_neighbours_are_suspected(world: World) -> None:
    world.add("ab", angle=0)
    world.add("c", angle=90)
    groups, asked = world.find({"ab": 0.95, "ac": 0.99})
    assert (marks(groups), asked) == (["ab"], ["ab"])
    world.methods["phash"].dtype = np.dtype(np.uint8)
    groups, asked = world.find({"ac": 0.99}, settings=replace(SETTINGS, least_hash_similarity=0.0))
    assert marks(groups) == ["ac"]  # by the other lane


def test_conflicts_come_first_then_the_surest(world: World) -> None:
    world.add("ab", sku="one")
    world.add("c", sku="two", angle=40)
    world.add("d", sku="three", angle=40)
    world.add("e", sku="four", angle=80)
    world.add("f", sku="five", angle=80)
    groups, _ = world.find({"ab": 0.999, "cd": 0.92, "ef": 0.95})
    assert marks(groups) == ["ef", "cd", "ab"]
    assert [g.conflict for g in groups] == [True, True, False]
    assert [g.skus for g in groups] == [("four", "five"), ("two", "three"), ("one",)]


def test_identical_files_are_told(world: World) -> None:
    world.add("ab", sha="0" * 64)
    world.add("c")
    groups, asked = world.find({"ac": 0.95})
    assert marks(groups) == ["abc"]
    assert [p.identical_file for p in groups[0].pairs] == [True, False]
    assert (groups[0].kind, groups[0].pairs[1].kind, asked) == (PairKind.IDENTICAL, PairKind.SAME_PRODUCT, ["ac"])


def test_retired_and_half_described_images_are_left_out(world: World) -> None:
    world.add("abc")
    world.add("d", lacks="orb")
    every = {"ab": 0.95, "ac": 0.96, "bc": 0.97, "ad": 0.99}
    assert marks(world.find(every)[0]) == ["abc"]
    world.catalog.images.apply(retire=[2])
    assert marks(world.find(every)[0]) == ["ac"]


def test_an_empty_catalog_has_none(world: World) -> None:
    assert world.find({}) == ([], [])
    world.add("a")
    assert world.find({}) == ([], [])


def test_the_same_twice(world: World) -> None:
    letters = "abcdefghijkl"
    world.add(letters)
    random = np.random.default_rng(3)
    every = {x + y: float(random.random()) for i, x in enumerate(letters) for y in letters[i + 1 :]}
    many = DuplicateSettings(vote_keypoints=0, neighbours=11, geometry=11, look_alike=0.0)
    found, _ = world.find(every, many, 0.5)
    assert len(found) > 1
    assert all(every["".join(sorted(p.a.image + p.b.image))] >= 0.5 for g in found for p in g.pairs)
    assert world.find(every, many, 0.5)[0] == found


def test_planted_duplicates_are_found_in_a_rendered_catalog(indexed: Path, kit: Kit, shop: Shop) -> None:
    with open_app(indexed, kit.config) as app:
        groups = app.duplicates()
        again = app.duplicates()
    assert groups == again
    found = {frozenset(g.skus) for g in groups if g.conflict}
    assert {d.kind for d in shop.planted} == {"identical", "reencoded", "resized", "cropped"}
    assert found == {frozenset((d.sku_a, d.sku_b)) for d in shop.planted}  # and no two different products
    kinds = {frozenset(g.skus): g.kind for g in groups}
    for planted in shop.planted:
        expected = PairKind.IDENTICAL if planted.kind == "identical" else PairKind.SAME_PHOTO
        assert kinds[frozenset((planted.sku_a, planted.sku_b))] is expected, planted


# -- kinds -----------------------------------------------------------------------------------------------------------


def test_another_strength_by_the_catalogs_data_is_a_look_alike(world: World) -> None:
    for mark, strength in (("a", "5 mg"), ("b", "10 mg"), ("c", "0.005 g"), ("d", "")):
        world.add(mark, strength=strength)
    found, _ = world.findings(dict.fromkeys(("ab", "ac", "ad", "bc", "bd", "cd"), 0.95))
    assert marks(found.groups) == ["acd"]  # one strength, written in two ways, and one that nothing is said of
    assert {p.a.image + p.b.image for p in found.look_alikes} == {"ab", "bc", "bd"}
    reasons = {p.a.image + p.b.image: p.reason for p in found.look_alikes}
    assert reasons["ab"].startswith("the catalog says 5 mg and 10 mg; 9 matching points")
    assert reasons["bd"].startswith("not alike enough to the others of a group")


def test_what_is_nearly_sure_is_a_look_alike(world: World) -> None:
    world.add("ab", sku="one")
    world.add("cd")
    found, _ = world.findings({"ab": 0.8, "ac": 0.8, "bd": 0.49, "cd": 0.95})
    assert marks(found.groups) == ["cd"]
    [pair] = found.look_alikes  # a and b are one SKU's
    assert (pair.a.image, pair.b.image, pair.kind) == ("a", "c", PairKind.LOOK_ALIKE)
    assert pair.reason.startswith("below the threshold of 90.0%")
    assert found.only([PairKind.LOOK_ALIKE]).groups == ()
    assert found.only([PairKind.SAME_PRODUCT]).look_alikes == ()


def test_one_file_under_a_thousand_skus_is_one_group(world: World) -> None:
    for number in range(300):
        world.add("p", sku=f"sku-{number}", sha="f" * 64)
    found, asked = world.findings({})
    [group] = found.groups
    assert (len(group.images), len(group.pairs), len(group.skus), found.candidate_pairs) == (300, 299, 300, 0)
    assert asked == []


def test_only_promising_pairs_have_their_keypoints_compared(world: World) -> None:
    world.add("abcdefgh")
    every = {x + y: 0.6 for x in "abcdefgh" for y in "abcdefgh" if x < y}
    _, asked = world.findings(every, DuplicateSettings(vote_keypoints=0, neighbours=7, geometry=1))
    assert 4 <= len(asked) <= 8  # each with its nearest
    _, asked = world.findings(every, DuplicateSettings(vote_keypoints=0, neighbours=7, geometry=0))
    assert asked == []


# -- what people said ------------------------------------------------------------------------------------------------


def test_dismissed_and_confirmed_are_not_asked_again(world: World) -> None:
    world.add("abcd")
    sides = {mark: Side(mark, mark * 64) for mark in "abcd"}
    strong = {"ab": 0.95, "cd": 0.97}
    world.catalog.reviews.record(sides["b"], sides["a"], ReviewVerdict.DISMISSED, "two makers")
    found, _ = world.findings(strong)
    assert (marks(found.groups), found.look_alikes, found.settled) == (["cd"], (), 0)
    world.catalog.reviews.record(sides["c"], sides["d"], ReviewVerdict.CONFIRMED)
    found, _ = world.findings(strong)
    assert (found.groups, found.settled) == ((), 1)
    assert world.catalog.reviews.forget(sides["a"], sides["b"])
    assert not world.catalog.reviews.forget(sides["a"], sides["b"])
    assert marks(world.find(strong)[0]) == ["ab"]
    world.add("e")  # a new photo of the confirmed two: the group is a question again
    [group, _] = world.find({**strong, "ce": 0.96, "de": 0.96})[0]
    assert (marks([group]), [p.said for p in group.pairs]) == (["cde"], [ReviewVerdict.CONFIRMED, None, None])


def test_what_is_said_of_skus_holds_for_all_their_photos(world: World) -> None:
    world.add("ab", sku="one")
    world.add("cd", sku="two")
    strong = {"ac": 0.95, "bd": 0.96}
    assert marks(world.find(strong)[0]) == ["bd", "ac"]
    world.catalog.reviews.record(Side("two"), Side("one"), ReviewVerdict.DISMISSED)
    assert world.findings(strong)[0].groups == ()
    world.catalog.reviews.record(Side("one"), Side("two"), ReviewVerdict.CONFIRMED)  # the later word counts
    assert world.findings(strong)[0].settled == 2
    assert len(world.catalog.reviews.all()) == 1


def test_copies_of_a_file_are_kept_apart_where_a_person_said_so(world: World) -> None:
    for sku in ("one", "two", "three"):
        world.add("p", sku=sku, sha="f" * 64)
    one, two = Side("one", "f" * 64), Side("two", "f" * 64)
    world.catalog.reviews.record(one, two, ReviewVerdict.DISMISSED)
    [group] = world.find({})[0]
    assert group.skus == ("one", "three")


def test_a_review_outlives_the_image_but_not_its_content(world: World) -> None:
    world.add("ab")
    world.catalog.reviews.record(Side("a", "a" * 64), Side("b", "b" * 64), ReviewVerdict.DISMISSED)
    world.catalog.images.apply(retire=[1])
    world.add("a")
    assert world.find({"ab": 0.95})[0] == []
    world.catalog.images.apply(retire=[3])
    world.add("a", sha="0" * 64)
    assert marks(world.find({"ab": 0.95})[0]) == ["ba"]


def test_only_what_is_new_since_a_moment(world: World) -> None:
    world.add("abcd")
    world.catalog.builds.record("g000001", 4, "built", {})
    since = built_at(world.catalog, "g000001")
    strong = {"ab": 0.95, "cd": 0.96, "ce": 0.97, "de": 0.98, "fa": 0.7}
    assert world.findings(strong, since=since)[0].groups == ()
    world.add("ef")
    found, _ = world.findings(strong, replace(SETTINGS, neighbours=6, geometry=6), since=since)
    assert marks(found.groups) == ["cde"]
    assert [p.a.image + p.b.image for p in found.look_alikes] == ["af"]
    with pytest.raises(UsageError, match=r"--since g7: is no generation; the latest are: g000001"):
        built_at(world.catalog, "g7")


# -- what is left out ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["siamese", "phash", "orb"])
def test_an_image_with_a_damaged_descriptor_is_left_out_and_named_once(
    world: World, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    world.add("abcd")
    strong = {"ab": 0.95, "bc": 0.96, "ac": 0.97, "ad": 0.98, "cd": 0.99}
    world.damage(3, method)
    found, asked = world.findings(strong)
    assert marks(found.groups) == ["ad"]
    assert not any("c" in pair for pair in asked)
    assert (found.images, found.left_out, found.unread) == (3, 1, 0)
    assert [record.getMessage() for record in caplog.records] == [
        f"image 3: its {method}-of-the-test descriptor is damaged; restore a backup; it is left out of this search"
    ]


def test_damage_that_only_the_linkage_meets_takes_the_file_out_of_its_group(world: World) -> None:
    for mark, angle in (("a", 0), ("b", 30), ("c", 60)):
        world.add(mark, angle=angle)
    world.damage(3, "orb")
    # No keypoints are compared before the linkage, which asks for those of b and c first.
    found, _ = world.findings({"ab": 0.95, "bc": 0.96, "ac": 0.97}, replace(SETTINGS, geometry=0))
    assert (marks(found.groups), found.left_out) == (["ab"], 1)


@pytest.mark.parametrize("retired", [1, 2])
def test_an_image_retired_while_the_search_runs_is_left_out(world: World, retired: int) -> None:
    world.add("ab", sha="0" * 64)
    world.add("cd")
    strong = {"ac": 0.95, "cd": 0.96, "ad": 0.97}
    found, _ = world.findings(strong, on_compare=lambda: world.catalog.images.apply(retire=[retired]))
    left = "b" if retired == 1 else "a"
    assert (marks(found.groups), found.images, found.left_out) == ([f"{left}cd"], 3, 1)


def test_a_file_all_of_whose_images_are_retired_while_the_search_runs_is_left_out(world: World) -> None:
    world.add("abc")
    strong = {"ab": 0.95, "bc": 0.96, "ac": 0.97}
    found, _ = world.findings(strong, on_compare=lambda: world.catalog.images.apply(retire=[2]))
    assert (marks(found.groups), found.look_alikes, found.left_out) == (["ac"], (), 1)
    found, _ = world.findings(strong, on_compare=lambda: world.catalog.images.apply(retire=[1, 3]))
    assert (found.groups, found.look_alikes, found.images, found.left_out) == ((), (), 0, 2)
