"""From verified candidates to an answer: several photos as one piece of evidence, rivals, and the words of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Candidate, Outcome, PrintAlone, PrintComparison, PrintedFact, Verification
from simsearch.features.pills.looks import LOOK
from simsearch.recognition.decision import Conclusion, Thresholds, Verified, contenders, contenders_together, decide
from simsearch.recognition.pill_fit import SeenPills

PLACE = ((0.1, 0.1), (0.3, 0.1), (0.3, 0.2), (0.1, 0.2))


def looks(p: float, inliers: int = 20) -> Verification:
    return Verification(p, 0.8, p, inliers, 0.9, (0.0, 0.8, 3.0, 0.9), support=inliers)


def facts(
    sku: str, name: str = "", strength: str = "", form: str = "", manufacturer: str = "", **more: Any
) -> ImageFacts:
    return ImageFacts(
        sum(map(ord, sku)), f"{sku}.jpg", f"/{sku}.jpg", "front", sku, sku, name, strength, form, manufacturer, more
    )


def verified(sku: str, p: float) -> Verified:
    return Verified(facts(sku, f"Name {sku}"), looks(p), Candidate(1, {}))


def said(faces: list[list[list[Verified]]]) -> tuple[Outcome, tuple[str, ...]]:
    found = contenders_together(faces)
    answer = decide(found, thresholds=Thresholds(0.9, 0.9), margin=0.15)
    return answer.outcome, answer.named


def test_where_nothing_matches_probability_and_lookup_rank_what_is_listed() -> None:
    def one(sku: str, p: float, score: float) -> Verified:
        return verified(sku, p)._replace(candidate=Candidate(1, {}, {}, score))

    # By probability a b c d e, by lookup e b d a c: e stands first there and last here, b near the front in both.
    photos = [one("a", 0.5, 0.01), one("b", 0.4, 0.08), one("c", 0.3, 0.005), one("d", 0.2, 0.03), one("e", 0.1, 0.09)]

    def listed(threshold: float) -> list[str]:
        answer = decide(contenders(photos), thresholds=Thresholds(threshold, threshold), margin=0.4)
        return [hit.sku for hit in answer.hits]

    assert listed(0.9) == ["a", "b", "e", "d", "c"]
    assert listed(0.45) == ["a", "b", "c", "d", "e"], "an answer stands on probability alone"


def test_loose_pills_are_listed_by_their_lane_and_what_would_tell_them_is_said() -> None:
    def one(sku: str, p: float, pills: float | None) -> Verified:
        lanes = {} if pills is None else {"pills": pills}
        return Verified(facts(sku), looks(p), Candidate(1, lanes))

    photos = [one("a", 0.5, None), one("b", 0.4, -9.0), one("b", 0.2, -3.0), one("c", 0.3, -3.5), one("d", 0.2, -8.0)]
    answer = decide(contenders(photos, pills=SeenPills(np.zeros(1, LOOK))), thresholds=Thresholds(0.9, 0.9), margin=0.4)
    assert [hit.sku for hit in answer.hits] == ["b", "c", "d", "a"]
    assert answer.reason.endswith("1 more looks about as much like it: turn it over, the imprint decides")
    several = decide(contenders(photos), thresholds=Thresholds(0.9, 0.9), margin=0.4)
    assert several.hits[0].sku == "a"
    alone = decide(
        contenders([photos[2], photos[4]], pills=SeenPills(np.zeros(1, LOOK))),
        thresholds=Thresholds(0.9, 0.9),
        margin=0.4,
    )
    assert "turn it over" not in alone.reason


def test_two_faces_that_agree_are_a_match_where_neither_is() -> None:
    front, back = [verified("a", 0.85), verified("b", 0.1)], [verified("a", 0.85), verified("b", 0.1)]
    assert decide(contenders(front), thresholds=Thresholds(0.9, 0.9), margin=0.15).outcome is Outcome.UNKNOWN
    assert said([[front], [back]]) == (Outcome.MATCH, ("a",))
    assert said([[front, back]]) == (Outcome.UNKNOWN, ())  # two photos of one face are one look at it


def test_faces_that_name_different_products_are_ambiguous() -> None:
    front, back = [verified("a", 0.99), verified("b", 0.05)], [verified("a", 0.05), verified("b", 0.99)]
    assert said([[front], [back]]) == (Outcome.AMBIGUOUS, ("a", "b"))


def test_photos_of_one_face_that_name_different_products_are_ambiguous() -> None:
    one, other = [verified("a", 0.99), verified("b", 0.05)], [verified("a", 0.05), verified("b", 0.99)]
    assert said([[one, other]]) == (Outcome.AMBIGUOUS, ("a", "b"))


def test_a_face_that_the_catalog_lacks_does_not_spoil_the_answer() -> None:
    front, side = [verified("a", 0.99), verified("b", 0.05)], [verified("a", 0.01), verified("b", 0.01)]
    assert said([[front], [side]]) == (Outcome.MATCH, ("a",))


def test_look_alikes_stay_ambiguous_however_many_faces_they_share() -> None:
    face = [verified("ten", 0.97), verified("twenty", 0.93)]
    assert said([[face]] * 4) == (Outcome.AMBIGUOUS, ("ten", "twenty"))


# -- the threshold ---------------------------------------------------------------------------------------------------


def test_a_product_at_the_threshold_is_not_lost_behind_one_that_rounds_to_the_same() -> None:
    """Both round to 0.9 by six digits; the one with more support stands first, and lies below the threshold."""
    below = verified("below", 0.8999998)._replace(verification=looks(0.8999998, 90))
    above = verified("above", 0.9000002)._replace(verification=looks(0.9000002, 10))
    answer = decide(contenders([above, below]), thresholds=Thresholds(0.9, 0.9), margin=0.15)
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("below", "above"))


def test_a_twin_that_no_lane_returned_has_no_ranks() -> None:
    first = verified("first", 0.99)._replace(candidate=Candidate(1, {"votes": 9.0}, {"votes": 1}, 0.1))
    twin = first.facts.__class__(**{**first.facts.__dict__, "id": 77, "sku": "twin"})
    answer = decide(contenders([first]), thresholds=Thresholds(0.9, 0.9), margin=0.15, twins=[first.facts, twin])
    assert answer.named == ("first", "twin")
    assert [dict(hit.ranks) for hit in answer.hits] == [{"votes": 1}, {}]
    assert answer.hits[1].image_id == 77


# -- print -----------------------------------------------------------------------------------------------------------


def fact(kind: str, photo: str, catalog: str = "", confidence: float = 1.0, **more: Any) -> PrintedFact:
    return PrintedFact(kind, photo, catalog or photo, confidence=confidence, **more)


NAME, STRENGTH = fact("name", "HEMIPAN"), fact("strength", "500 mg")
PACK_AGREES, PACK_DIFFERS = fact("pack", "24 tablets"), fact("pack", "24 tablets", "48")


def read(
    sku: str,
    p: float,
    *facts_: PrintedFact,
    against: tuple[PrintedFact, ...] = (),
    doubts: tuple[PrintedFact, ...] = (),
    image: int = 1,
    **more: Any,
) -> Verified:
    """A product called Hemipan; `facts_` agree."""
    known = facts(sku, "Hemipan", **{"strength": "500 mg", **more})
    seen = replace(looks(p), printed=PrintComparison(facts_, against, 0.9, doubts=doubts))
    return Verified(replace(known, id=image), seen, Candidate(image, {}))


def answered(*verified_: Verified, twins: tuple[ImageFacts, ...] = ()) -> Conclusion:
    return decide(contenders(verified_), thresholds=Thresholds(0.9, 0.9), margin=0.15, twins=twins)


def test_another_pack_is_no_match_however_much_it_looks_alike() -> None:
    answer = answered(read("P48", 0.9999, NAME, STRENGTH, against=(PACK_DIFFERS,)), verified("other", 0.02))
    assert (answer.outcome, answer.named) == (Outcome.UNKNOWN, ())
    says = "reads HEMIPAN 500 mg, 24 tablets; the catalog's Hemipan (P48) has 48: not the same pack"
    assert answer.reason == (
        f"what looks nearest is another product: {says}; of the others the nearest reaches 2.0%, a match needs 90.0%"
    )
    [alike] = answer.look_alikes
    assert (alike.sku, alike.kind, alike.differences, alike.warning) == (
        "P48", "pack", (("pack", "24 tablets", "48"),), says,
    )  # fmt: skip
    assert answer.against is not None
    assert (answer.against.sku, [hit.sku for hit in answer.hits]) == ("P48", ["P48", "other"])


def test_where_nothing_else_was_found_the_reason_says_so() -> None:
    answer = answered(read("P48", 0.99, against=(PACK_DIFFERS,)))
    assert answer.reason.endswith("not the same pack; nothing else was found")
    unlike = answered(read("X", 0.01, against=(fact("name", "OTHER", "Hemipan"),)))
    assert unlike.outcome is Outcome.UNKNOWN


def test_a_contradicted_sibling_is_a_look_alike_and_no_rival() -> None:
    answer = answered(
        read("P24", 0.97, NAME, STRENGTH, PACK_AGREES), read("P48", 0.98, NAME, STRENGTH, against=(PACK_DIFFERS,))
    )
    assert (answer.outcome, answer.named, answer.against) == (Outcome.MATCH, ("P24",), None)
    assert answer.reason == (
        "97.0% sure: 20 matching points, similarity 0.80; print agrees in name, strength and pack; "
        "reads HEMIPAN 500 mg, 24 tablets"
    )
    assert [(a.sku, a.kind) for a in answer.look_alikes] == [("P48", "pack")]
    assert [hit.sku for hit in answer.hits] == ["P24", "P48"], "behind a comparable one, but listed"


def test_a_contradicted_product_stays_before_what_is_not_comparable() -> None:
    answer = answered(read("P48", 0.999, against=(PACK_DIFFERS,)), verified("far", 0.3), verified("near", 0.95))
    assert [hit.sku for hit in answer.hits] == ["near", "P48", "far"]


def test_a_contradicted_product_that_does_not_look_alike_is_no_look_alike() -> None:
    one = read("A", 0.99, NAME, STRENGTH, PACK_AGREES)
    other = read("Z", 0.05, against=(fact("name", "HEMIPAN", "Zyrtec"),), strength="")
    named = replace(other.facts, name="Zyrtec")
    unlike = other._replace(facts=named, verification=replace(other.verification, support=3.0, inliers=3))
    assert answered(one, unlike).look_alikes == ()


@pytest.mark.parametrize(
    ("facts_", "outcome", "says"),
    [
        ((), Outcome.AMBIGUOUS, "strengths are not read, and B may be the same drug in another one"),
        ((STRENGTH,), Outcome.MATCH, "reads 500 mg"),
        ((fact("line", "Hemipan 500mg tablets"),), Outcome.MATCH, "print agrees in 1 line"),
        ((fact("line", "Made in Egypt"),), Outcome.AMBIGUOUS, "strengths are not read"),
    ],
)  # fmt: skip
def test_a_sibling_of_another_strength_needs_no_margin_where_the_strength_was_read(
    facts_: tuple[PrintedFact, ...], outcome: Outcome, says: str
) -> None:
    answer = answered(read("A", 0.99, *facts_), read("B", 0.6, strength="250 mg", image=2))
    assert (answer.outcome, says in answer.reason) == (outcome, True), answer.reason
    assert ("strengths are not read" in answer.reason) is (outcome is Outcome.AMBIGUOUS)


def test_where_no_strength_was_read_the_caution_stays() -> None:
    assert answered(read("A", 0.99, NAME)).reason.endswith("strengths are not read: check that the package says 500 mg")


@pytest.mark.parametrize("filed", ["A", "B"])
def test_a_twin_that_print_rules_out_is_no_question(filed: str) -> None:
    """One file under two products, and the table of one of them says another strength than the photo."""
    a = read("A", 0.99, STRENGTH)
    table = fact("strength", "500 mg", "250 mg", from_table=True)
    b = read("B", 0.99, against=(table,), strength="250 mg", image=2)
    answer = answered(a, b, twins=(a.facts, b.facts))
    assert (answer.outcome, answer.named) == (Outcome.MATCH, ("A",))
    assert "has 250 mg by its table" in answer.look_alikes[0].warning


# -- print of several images and photos ------------------------------------------------------------------------------


def test_a_contradiction_by_any_image_of_a_product_counts() -> None:
    front = read("P48", 0.99, NAME, STRENGTH)
    side = read("P48", 0.5, against=(replace(PACK_DIFFERS, photo_place=PLACE, catalog_place=PLACE),), image=2)
    answer = answered(front, side)
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.against is not None
    [told] = answer.against.verification.printed.contradictions  # type: ignore[union-attr]
    assert (answer.against.image_id, told.photo_place, told.catalog_place) == (1, PLACE, None)


def test_a_contradiction_by_any_face_counts_and_agreement_of_another_does_not_heal_it() -> None:
    front = [read("P48", 0.99, NAME, STRENGTH, PACK_AGREES)]
    side = [read("P48", 0.99, against=(PACK_DIFFERS,))]
    assert said([[front], [side]]) == (Outcome.UNKNOWN, ())
    assert said([[front, side]]) == (Outcome.UNKNOWN, ())


def test_a_more_confident_reading_of_the_same_kind_is_believed() -> None:
    blurred = fact("pack", "60 tablets", "50 Tablats", confidence=0.95)
    sharp = fact("pack", "60 tablets", confidence=0.99)
    one, other = read("A", 0.99, STRENGTH, against=(blurred,)), read("A", 0.9, sharp, image=2)
    assert answered(one, other).outcome is Outcome.MATCH
    assert said([[[one]], [[other]]]) == (Outcome.MATCH, ("A",))
    unsure = read("A", 0.9, replace(sharp, confidence=0.9), image=2)
    assert answered(one, unsure).outcome is Outcome.UNKNOWN
    other_kind = read("A", 0.9, fact("strength", "500 mg", confidence=0.99), image=2)
    assert answered(one, other_kind).outcome is Outcome.UNKNOWN


def test_two_lines_may_both_be_right() -> None:
    differs, agrees = fact("line", "for children", "for adults", confidence=0.8), fact("line", "Egypt", confidence=1.0)
    answer = answered(read("A", 0.99, against=(differs,)), read("A", 0.9, agrees, image=2))
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.look_alikes[0].kind == "print"
    assert 'reads "for children"; the catalog\'s Hemipan (A) says "for adults"' in answer.reason


# -- codes -----------------------------------------------------------------------------------------------------------

CODE = fact("code", "00078000003864")


def test_a_code_against_print_and_picture_decides_nothing_alone() -> None:
    other = read("B", 0.01, CODE, against=(fact("name", "HEMIPAN", "Zyrtec"),), strength="")
    other = other._replace(verification=replace(other.verification, support=0.0))
    answer = answered(read("A", 0.99, NAME, STRENGTH), other)
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("A", "B"))
    assert (
        "A fits best (99.0%: 20 matching points, similarity 0.80; print agrees in name and strength)" in answer.reason
    )
    assert "the code 00078000003864 is that of B, but picture and print say otherwise: reads HEMIPAN;" in answer.reason
    assert answer.against is not None
    assert answer.against.sku == "B"


def test_an_equal_code_that_print_contradicts_is_ambiguous_alone() -> None:
    answer = answered(read("A", 0.99, CODE, against=(PACK_DIFFERS,)))
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("A",))
    assert "but print says otherwise: reads 24 tablets" in answer.reason


def test_another_code_against_print_and_picture_is_ambiguous() -> None:
    apart = fact("code", "00078000003864", "08964000233108")
    answer = answered(read("A", 0.99, NAME, STRENGTH, against=(apart,)))
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("A",))
    assert answer.reason == (
        "A looks alike and print agrees in name and strength, but the code says otherwise: reads HEMIPAN 500 mg, "
        "code 00078000003864; the catalog's Hemipan (A) has the code 08964000233108: not the same code"
    )
    silent = answered(read("A", 0.99, NAME, against=(apart,)))
    assert (silent.outcome, silent.look_alikes[0].kind) == (Outcome.UNKNOWN, "code"), "an equal name says too little"


def test_a_code_that_is_found_settles_what_another_code_means() -> None:
    apart = fact("code", "00078000003864", "08964000233108")
    answer = answered(read("A", 0.99, CODE, STRENGTH), read("B", 0.99, STRENGTH, against=(apart,), image=2))
    assert (answer.outcome, answer.named) == (Outcome.MATCH, ("A",))
    assert "print agrees in strength and the code agrees" in answer.reason


def test_a_contested_code_is_ambiguous_both_ways() -> None:
    """`PrintComparison.contested`: the comparison itself found that the code stands alone."""

    def contest(v: Verified, why: str) -> Verified:
        assert v.verification.printed is not None
        printed = replace(v.verification.printed, contested=why)
        return v._replace(verification=replace(v.verification, printed=printed))

    against = contest(read("A", 0.99, NAME, PACK_AGREES), "the codes differ: 1 and 2")
    answer = answered(against)
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("A",))
    assert answer.reason == (
        "of A the codes differ: 1 and 2, but picture and print say otherwise: 20 matching points, similarity 0.80; "
        "print agrees in name and pack"
    )
    assert answered(contest(read("A", 0.2, NAME, PACK_AGREES), "the codes differ")).outcome is Outcome.UNKNOWN
    unlike = read("B", 0.01, against=(fact("name", "HEMIPAN", "Zyrtec"),), strength="")
    answer = answered(read("A", 0.99, NAME, STRENGTH), contest(unlike, "both have the code 1"))
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("A", "B"))
    assert "; of B both have the code 1, but picture and print say otherwise: reads HEMIPAN; the" in answer.reason


# -- by print alone ----------------------------------------------------------------------------------------------------


def by_print(sku: str, p: float, *kinds: str, named: bool = True) -> Verified:
    agreements = tuple(PrintedFact(kind, "500 mg", "500 mg") for kind in kinds)
    printed = PrintComparison(agreements, features=(0.0,), alone=PrintAlone((0.5,), ("hemipan", "xantheon"), named))
    return verified(sku, p)._replace(verification=replace(looks(p, 0), printed=printed))


def by_itself(*found: Verified) -> Conclusion:
    return decide(contenders(found), thresholds=Thresholds(0.9, 0.9, 0.95), margin=0.15)


def test_a_face_that_the_catalog_lacks_is_matched_by_its_print() -> None:
    answer = by_itself(by_print("a", 0.99, "strength", "form"), verified("b", 0.3))
    assert (answer.outcome, answer.named) == (Outcome.MATCH, ("a",))
    assert "by its print (hemipan, xantheon); no picture of this face is known; print agrees in strength" in (
        answer.reason
    )


@pytest.mark.parametrize(
    ("kinds", "named", "unread"),
    [
        (("pack",), True, "strength"),
        (("strength", "volume"), False, "name"),
        (("form",), False, "name or strength"),
        (("strength",), True, "form"),
        ((), False, "name, strength or form"),
    ],
)
def test_print_alone_without_name_and_strength_is_no_match(kinds: tuple[str, ...], named: bool, unread: str) -> None:
    answer = by_itself(by_print("a", 0.99, *kinds, named=named), verified("b", 0.3))
    assert (answer.outcome, answer.hits[0].sku) == (Outcome.UNKNOWN, "a")
    assert answer.reason.endswith(f"a match by print alone needs its {unread} read, too")


def test_print_alone_below_its_threshold_is_listed_first() -> None:
    answer = by_itself(by_print("a", 0.93, "strength"), verified("b", 0.3))
    assert (answer.outcome, answer.hits[0].sku) == (Outcome.UNKNOWN, "a")
    assert "reaches 93.0% by its print (hemipan, xantheon); no picture of this face is known" in answer.reason
    assert answer.reason.endswith("a match needs 95.0%")


def test_two_products_that_say_the_same_are_ambiguous() -> None:
    answer = by_itself(by_print("a", 0.99, "strength", "pack"), by_print("b", 0.985, "strength", "pack"))
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("a", "b"))


def test_what_print_contradicts_is_not_matched_by_print_alone() -> None:
    ruled = by_print("a", 0.999, "strength")
    assert ruled.verification.printed is not None
    printed = replace(ruled.verification.printed, contradictions=(PrintedFact("pack", "10", "20"),))
    answer = by_itself(ruled._replace(verification=replace(ruled.verification, printed=printed)), verified("b", 0.3))
    assert answer.outcome is Outcome.UNKNOWN


# -- doubts ----------------------------------------------------------------------------------------------------------

UNREAD, SEEMS = fact("strength", "", "500 mg"), fact("strength", "490 mg", "400 mg", 0.9)


def test_an_amount_in_view_that_was_not_read_bars_a_match() -> None:
    answer = answered(read("A", 0.99, NAME, doubts=(UNREAD,)), verified("other", 0.02))
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("A",))
    assert answer.reason.endswith("; its strength could not be read, where the catalog's photo says 500 mg")
    answer = answered(read("A", 0.99, NAME, doubts=(SEEMS, fact("volume", "5", "15 ml", from_table=True))))
    assert answer.reason.endswith(
        '; its strength seems to say "490 mg", where the catalog\'s photo says 400 mg '
        'and its content seems to say "5", where the catalog says 15 ml'
    )


def test_below_the_threshold_a_doubt_is_told_of_what_looks_alike() -> None:
    answer = answered(read("A", 0.5, doubts=(SEEMS,)))
    assert answer.outcome is Outcome.UNKNOWN
    assert answer.reason.endswith(
        'a match needs 90.0%; its strength seems to say "490 mg", where the catalog\'s photo says 400 mg'
    )


def test_a_doubt_of_another_product_bars_no_match() -> None:
    answer = answered(read("A", 0.99, NAME, STRENGTH), read("B", 0.2, doubts=(UNREAD,), strength="250 mg"))
    assert (answer.outcome, answer.named) == (Outcome.MATCH, ("A",))


def test_another_image_of_the_product_settles_a_doubt() -> None:
    first = read("A", 0.99, NAME, doubts=(UNREAD,))
    assert answered(first, read("A", 0.4, STRENGTH, image=2)).outcome is Outcome.MATCH
    assert answered(first, read("A", 0.4, NAME, image=2)).outcome is Outcome.AMBIGUOUS
    assert answered(read("A", 0.99, NAME, STRENGTH), read("A", 0.4, doubts=(UNREAD,), image=2)).outcome is Outcome.MATCH
