"""The query engine on stand-in methods whose descriptors say what is to be found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.types import Decision, Outcome
from simsearch.recognition.product_filter import parse
from simsearch.recognition.snapshot import NO_GENERATION
from simsearch.testing.world import SETTINGS, World, described, photo


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def skus(decision: Decision) -> list[str]:
    return [hit.sku for hit in decision.hits]


# -- lookup ----------------------------------------------------------------------------------------------------------


def test_candidates_of_both_lanes_are_merged(world: World) -> None:
    world.engine = world.open(replace(SETTINGS, candidates=1, hash_candidates=1))
    [near] = world.add("near", "1/8/0.5/0")
    [alike] = world.add("alike", "90/1/0.5/0")
    [both] = world.add("both", "2/2/0.5/0")
    world.build()
    found = {c.image_id: dict(c.lanes) for c in world.engine.candidates(described("0/0/0/0"))}
    assert set(found) == {near, alike}
    assert set(found[near]) == {"siamese"}
    assert set(found[alike]) == {"phash"}
    assert found[near]["siamese"] == pytest.approx(np.cos(np.deg2rad(1)))
    assert found[alike]["phash"] == pytest.approx(63 / 64)

    world.engine = world.open(replace(SETTINGS, candidates=3, hash_candidates=3))
    candidates = world.engine.candidates(described("0/0/0/0"))
    assert {c.image_id for c in candidates} == {near, alike, both}
    assert all(set(c.lanes) == {"siamese", "phash"} for c in candidates)
    assert all(set(c.ranks) == set(c.lanes) for c in candidates)
    assert {c.image_id: dict(c.ranks) for c in candidates}[both] == {"siamese": 2, "phash": 2}
    scores = [c.score for c in candidates]
    assert scores == sorted(scores, reverse=True)


def test_a_lane_can_be_left_out(world: World) -> None:
    world.engine = world.open(replace(SETTINGS, hash_candidates=0))
    world.add("near", "0/64/0.95/0")
    world.build()
    assert world.ask().sku == "near"
    assert all(set(c.lanes) == {"siamese"} for c in world.engine.candidates(described("0/0/0/0")))


def test_an_empty_catalog_is_unknown(world: World) -> None:
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.name, decision.hits) == (Outcome.UNKNOWN, None, None, ())
    assert (decision.probability, decision.generation) == (0.0, NO_GENERATION)
    assert "nothing to compare with" in decision.reason
    world.build()
    assert world.ask().outcome is Outcome.UNKNOWN


def test_before_the_first_generation_the_delta_answers(world: World) -> None:
    world.add("a", "0/0/0.95/30")
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.generation) == (Outcome.MATCH, "a", NO_GENERATION)


def test_what_was_indexed_after_the_build_is_found_at_once(world: World) -> None:
    world.add("old", "40/20/0.1/0")
    built = world.build()
    assert world.ask().outcome is Outcome.UNKNOWN
    world.add("new", "0/0/0.95/30")
    decision = world.ask()
    assert (decision.sku, decision.generation) == ("new", built)
    assert skus(decision) == ["new", "old"]


def test_a_retired_image_vanishes_at_once(world: World) -> None:
    [gone] = world.add("gone", "0/0/0.99/30")
    world.add("left", "30/10/0.2/0")
    [late] = world.add("late", "1/1/0.98/30")
    world.build()
    assert world.ask().sku == "gone"
    world.catalog.images.apply(retire=[gone])
    assert skus(world.ask()) == ["late", "left"]
    world.catalog.images.apply(retire=[late])
    decision = world.ask()
    assert (decision.outcome, skus(decision)) == (Outcome.UNKNOWN, ["left"])


def test_a_retired_image_of_the_delta_vanishes_too(world: World) -> None:
    world.add("old", "30/10/0.2/0")
    world.build()
    [gone] = world.add("gone", "0/0/0.99/30")
    assert world.ask().sku == "gone"
    world.catalog.images.apply(retire=[gone])
    assert skus(world.ask()) == ["old"]


@pytest.mark.parametrize("nearer", [12, 80])
def test_many_retired_images_do_not_hide_what_lies_behind_them(world: World, nearer: int) -> None:
    gone = world.add("gone", *["0/0/0.99/30"] * nearer)
    left = world.add("left", *(f"{5 + i}/{5 + i}/0.95/30" for i in range(6)))
    world.build()
    world.catalog.images.apply(retire=gone)
    decision = world.ask()
    assert (decision.outcome, decision.sku) == (Outcome.MATCH, "left")
    found = {c.image_id: c.lanes for c in world.engine.candidates(described("0/0/0/0"))}
    assert [i for i, lanes in found.items() if "siamese" in lanes] == left[:5]
    assert [i for i, lanes in found.items() if "phash" in lanes] == left[:2]


def test_images_without_all_descriptors_are_left_out(world: World) -> None:
    world.add("whole", "3/3/0.95/30")
    world.add("half", "0/0/0.99/30", methods={k: v for k, v in world.methods.items() if k != "orb"})
    assert skus(world.ask()) == ["whole"]


def test_a_further_method_adds_a_lane_and_hides_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, extra=True)
    world.add("a", "0/0/0.95/30")
    world.build()
    world.add("b", "90/1/0.3/0")
    decision = world.ask()
    assert (decision.outcome, skus(decision)) == (Outcome.MATCH, ["a", "b"])
    lanes = {c.image_id: set(c.lanes) for c in world.engine.candidates(described("0/0/0/0"))}
    assert {"phash", "dhash", "siamese"} in lanes.values()
    world.close()


def test_the_engine_follows_builds_and_rollback_without_reopening(world: World) -> None:
    world.add("a", "0/0/0.95/30")
    assert world.ask().generation == NO_GENERATION
    first = world.build()
    assert world.ask().generation == first
    world.add("b", "20/10/0.3/0")
    second = world.build()
    decision = world.ask()
    assert (decision.generation, skus(decision)) == (second, ["a", "b"])
    assert world.generations.rollback() == first
    decision = world.ask()
    assert (decision.generation, skus(decision)) == (first, ["a", "b"])  # what came after it is in the delta again


# -- ranking ---------------------------------------------------------------------------------------------------------


def test_a_product_is_one_hit_by_its_best_image(world: World) -> None:
    _, best, _ = world.add("a", "0/0/0.4/5", "9/9/0.95/40", "5/5/0.6/9")
    world.add("b", "2/2/0.5/9", "3/3/0.3/8")
    world.build()
    decision = world.ask()
    assert skus(decision) == ["a", "b"]
    assert (decision.hits[0].image_id, decision.hits[0].verification.probability) == (best, 0.95)
    assert decision.hits[1].verification.probability == 0.5
    assert (decision.name, decision.probability) == ("Product a", 0.95)


def test_k_limits_the_products_and_not_the_decision(world: World) -> None:
    for i in range(4):
        world.add(f"p{i}", f"{i}/{i}/{0.99 - i / 100}/9")
    assert skus(world.ask(k=2)) == ["p0", "p1"]
    assert len(world.ask().hits) == 4
    alone = world.ask(k=1)
    assert (skus(alone), alone.outcome) == (["p0"], Outcome.AMBIGUOUS)
    world.engine = world.open(replace(SETTINGS, k=3))
    assert len(world.ask().hits) == 3


def test_where_probabilities_saturate_geometry_and_then_similarity_decide(world: World) -> None:
    world.add("similar", "1/1/0.9999999/50")
    world.add("same", "0/0/0.9999998/50")
    world.add("fitting", "20/3/0.9999997/90")
    world.add("less", "2/4/0.9999/300")
    assert skus(world.ask()) == ["fitting", "same", "similar", "less"]


def test_full_ties_go_by_age(world: World) -> None:
    world.add("b", "1/1/0.95/9")
    world.add("a", "1/1/0.95/9")
    assert skus(world.ask()) == ["b", "a"]


# -- decision --------------------------------------------------------------------------------------------------------


def test_a_match_says_what_it_rests_on(world: World) -> None:
    world.add("a", "0/0/0.97/42")
    world.add("b", "9/9/0.3/0")
    decision = world.ask()
    assert (decision.outcome, decision.sku) == (Outcome.MATCH, "a")
    assert decision.reason == "97.0% sure: 42 matching points, similarity 1.00"
    world.add("c", "0/0/0.98/0")
    assert world.ask().outcome is Outcome.AMBIGUOUS


def test_a_match_by_appearance_alone_says_so_and_is_never_quite_sure(world: World) -> None:
    world.add("a", "0/0/0.99999999/0")
    assert world.ask().reason == "over 99.999% sure: by appearance alone, similarity 1.00"


@pytest.mark.parametrize(("rival", "outcome"), [(0.975, Outcome.AMBIGUOUS), (0.97, Outcome.MATCH)])
def test_a_rival_within_the_margin_makes_it_ambiguous(world: World, rival: float, outcome: Outcome) -> None:
    # Odds of 199 against 37.5 leave the rival 16 %, of 32.3 only 14 %.
    world.add("a", "0/0/0.995/40")
    world.add("b", f"1/1/{rival}/30")
    decision = world.ask()
    assert (decision.outcome, decision.sku, skus(decision)) == (outcome, "a", ["a", "b"])
    if outcome is Outcome.AMBIGUOUS:
        assert decision.reason.startswith("a and b fit about equally well (99.5%: 40 matching points")


def test_another_photo_of_the_same_product_is_no_rival(world: World) -> None:
    world.add("a", "0/0/0.99/40", "1/1/0.99/40")
    assert world.ask().outcome is Outcome.MATCH


def test_the_same_photo_under_another_sku_is_named(world: World) -> None:
    world.add("first", "0/0/0.99/200", content="one file")
    world.add("second", "0/0/0.99/200", content="one file")
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.named) == (Outcome.AMBIGUOUS, "first", ("first", "second"))
    assert decision.reason.startswith("first and second fit about equally well (99.0%:")
    assert decision.reason.endswith("; the catalog files the same photo under first and second")
    world.add("third", "0/0/0.99/200")
    assert world.ask().reason.startswith("first, second and third fit")
    world.add("fourth", "0/0/0.99/200")
    world.add("fifth", "0/0/0.99/200")
    assert world.ask().reason.startswith("first, second, third and 2 more fit")


def test_below_the_threshold_nothing_is_named(world: World) -> None:
    world.add("a", "0/0/0.899/40")
    world.add("b", "0/0/0.898/40")
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.name) == (Outcome.UNKNOWN, None, None)
    assert (decision.probability, skus(decision)) == (0.899, ["a", "b"])  # for information
    assert decision.reason == "the nearest product reaches 89.9%, a match needs 90.0%"


def test_a_probability_that_rounds_to_the_threshold_is_said_to_miss_it(world: World) -> None:
    world.add("a", "0/0/0.89999/40")
    assert world.ask().reason == "the nearest product reaches not quite 90.0%, a match needs 90.0%"


def test_the_threshold_itself_is_enough(world: World) -> None:
    world.add("a", "0/0/0.5/40")
    world.engine = world.open(threshold=0.5)
    assert world.ask().outcome is Outcome.MATCH
    world.engine = world.open(threshold=0.5000001)
    assert world.ask().outcome is Outcome.UNKNOWN


def test_time_is_told_and_answers_repeat(world: World) -> None:
    for i in range(6):
        world.add(f"p{i}", f"{i}/{i}/{0.5 + i / 20}/{i}")
    world.build()
    first, second = world.ask(), world.ask()
    assert first.took_ms > 0
    assert replace(first, took_ms=0) == replace(second, took_ms=0)
    reopened = world.open().answer([photo()])[0]
    assert replace(reopened, took_ms=0) == replace(first, took_ms=0)


def test_a_batch_answers_as_one_by_one(world: World) -> None:
    world.add("a", "0/0/0.95/30")
    world.add("b", "50/40/0.99/30")
    world.build()
    photos = [photo("0/0/0/0"), photo("50/40/0/0"), photo("25/20/0/0")]
    together = world.engine.answer(photos)
    alone = [world.engine.answer([p])[0] for p in photos]
    assert [replace(d, took_ms=0) for d in together] == [replace(d, took_ms=0) for d in alone]
    assert [d.query for d in together] == [p.name for p in photos]
    assert world.engine.answer([]) == []


# -- the same photo, look-alikes -------------------------------------------------------------------------------------


def test_a_photo_filed_elsewhere_too_is_ambiguous_even_where_the_lookup_misses_the_other(world: World) -> None:
    world.engine = world.open(replace(SETTINGS, candidates=1, hash_candidates=1))
    world.add("first", "0/0/0.99/200", content="placeholder")
    assert world.ask().outcome is Outcome.MATCH
    world.add("hidden", "80/40/0.01/0", content="placeholder")
    decision = world.ask()
    assert (decision.outcome, decision.named) == (Outcome.AMBIGUOUS, ("first", "hidden"))
    assert "the same photo under first and hidden" in decision.reason
    assert skus(decision) == ["first", "hidden"]


def test_the_same_photo_twice_under_one_sku_is_no_conflict(world: World) -> None:
    world.add("first", "0/0/0.99/200", content="one file")
    world.add("first", "0/0/0.99/200", content="one file")
    assert world.ask().outcome is Outcome.MATCH


def test_another_strength_behind_a_match_is_warned_of(world: World) -> None:
    world.add("ten", "0/0/0.99/200", name="Examplin", strength="10 mg", form="tablet")
    world.add("twenty", "1/1/0.4/9", name="Examplin", strength="20 mg", form="tablet")
    world.add("other", "2/2/0.3/0", name="Zabinex", strength="5 mg", form="tablet")
    decision = world.ask()
    assert (decision.outcome, decision.named) == (Outcome.MATCH, ("ten",))
    [alike] = decision.look_alikes
    assert world.ask().reason.endswith("; strengths are not read: check that the package says 10 mg")
    assert (alike.sku, alike.kind, alike.differences) == ("twenty", "strength", (("strength", "10 mg", "20 mg"),))
    assert alike.warning == "twenty Examplin 20 mg has the same name in another strength: strength 20 mg, not 10 mg"


def test_another_strength_stays_in_question_longer_than_another_drug(world: World) -> None:
    world.add("ten", "0/0/0.99/200", name="Examplin", strength="10 mg")
    world.add("other", "1/1/0.8/20", name="Zabinex", strength="20 mg")
    assert world.ask().outcome is Outcome.MATCH
    world.add("twenty", "1/1/0.8/20", name="Examplin", strength="20 mg")
    decision = world.ask()
    assert (decision.outcome, decision.named) == (Outcome.AMBIGUOUS, ("ten", "twenty"))
    assert decision.reason.startswith("ten fits best (")
    assert decision.reason.endswith("); strengths are not read, and twenty may be the same drug in another one")


def test_an_unknown_warns_of_nothing(world: World) -> None:
    world.add("ten", "0/0/0.5/20", name="Examplin", strength="10 mg")
    world.add("twenty", "0/0/0.5/20", name="Examplin", strength="20 mg")
    decision = world.ask()
    assert (decision.outcome, decision.look_alikes, decision.named) == (Outcome.UNKNOWN, (), ())


# -- filters ---------------------------------------------------------------------------------------------------------


def test_a_filter_finds_what_stands_behind_everything_else(world: World) -> None:
    world.add("crowd", *(f"{i / 10}/1/0.99/90" for i in range(60)), form="capsule")
    [wanted] = world.add("wanted", "70/30/0.95/40", form="Tablet")
    world.build()
    assert world.ask().sku == "crowd"
    [decision] = world.engine.answer([photo("0/0/0/0")], where=parse(["form=tablet"]))
    assert (decision.outcome, skus(decision), decision.hits[0].image_id) == (Outcome.MATCH, ["wanted"], wanted)
    assert decision.generation == "g000001"
    assert world.ask().sku == "crowd"  # the filter is not kept


def test_a_filter_follows_the_catalog(world: World) -> None:
    where = parse(["form=tablet"])
    [first] = world.add("first", "10/3/0.95/40", form="tablet")
    assert skus(world.engine.answer([photo()], where=where)[0]) == ["first"]
    world.add("second", "0/0/0.99/90", form="tablet")
    assert skus(world.engine.answer([photo()], where=where)[0]) == ["second", "first"]
    world.catalog.images.apply(retire=[first])
    assert skus(world.engine.answer([photo()], where=where)[0]) == ["second"]


def test_a_filter_that_lets_nothing_through_says_so(world: World) -> None:
    world.add("first", "0/0/0.99/40", form="tablet")
    [decision] = world.engine.answer([photo()], where=parse(["form=syrup"]))
    assert (decision.outcome, decision.hits) == (Outcome.UNKNOWN, ())
    assert decision.reason == "no photo of the catalog passes the filter"


def test_a_twin_outside_the_filter_is_no_rival(world: World) -> None:
    world.add("first", "0/0/0.99/200", content="one", form="tablet")
    world.add("second", "0/0/0.99/200", content="one", form="syrup")
    assert world.ask().outcome is Outcome.AMBIGUOUS
    [decision] = world.engine.answer([photo()], where=parse(["form=tablet"]))
    assert (decision.outcome, decision.named) == (Outcome.MATCH, ("first",))


# -- several photos of one package -----------------------------------------------------------------------------------


def test_one_photo_together_is_that_photo(world: World) -> None:
    world.add("a", "0/0/0.97/42")
    alone, together = world.ask(), world.engine.answer_together([photo()])
    assert replace(together, took_ms=0) == replace(alone, took_ms=0)


def test_photos_of_one_face_do_not_add_up(world: World) -> None:
    # The stand-ins know no surfaces: all photos show one face.
    world.add("a", "0/0/0.85/42")
    decision = world.engine.answer_together([photo(), photo(), photo()])
    assert decision.outcome is Outcome.UNKNOWN
    assert decision.probability == pytest.approx(0.85)
    assert decision.reason.startswith("3 photos together, 1 face (unknown): the nearest product reaches 85.0%")
    assert len(decision.photos) == 3
