"""From verified candidates to an answer: several photos as one piece of evidence, rivals, and the words of it."""

from __future__ import annotations

from typing import Any

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Candidate, Outcome, Verification
from simsearch.recognition.decision import Verified, contenders, contenders_together, decide


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
    answer = decide(found, threshold=0.9, margin=0.15)
    return answer.outcome, answer.named


def test_where_nothing_matches_probability_and_lookup_rank_what_is_listed() -> None:
    def one(sku: str, p: float, score: float) -> Verified:
        return verified(sku, p)._replace(candidate=Candidate(1, {}, {}, score))

    # By probability a b c d e, by lookup e b d a c: e stands first there and last here, b near the front in both.
    photos = [one("a", 0.5, 0.01), one("b", 0.4, 0.08), one("c", 0.3, 0.005), one("d", 0.2, 0.03), one("e", 0.1, 0.09)]

    def listed(threshold: float) -> list[str]:
        answer = decide(contenders(photos), threshold=threshold, margin=0.4)
        return [hit.sku for hit in answer.hits]

    assert listed(0.9) == ["a", "b", "e", "d", "c"]
    assert listed(0.45) == ["a", "b", "c", "d", "e"], "an answer stands on probability alone"


def test_two_faces_that_agree_are_a_match_where_neither_is() -> None:
    front, back = [verified("a", 0.85), verified("b", 0.1)], [verified("a", 0.85), verified("b", 0.1)]
    assert decide(contenders(front), threshold=0.9, margin=0.15).outcome is Outcome.UNKNOWN
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
    answer = decide(contenders([above, below]), threshold=0.9, margin=0.15)
    assert (answer.outcome, answer.named) == (Outcome.AMBIGUOUS, ("below", "above"))


def test_a_twin_that_no_lane_returned_has_no_ranks() -> None:
    first = verified("first", 0.99)._replace(candidate=Candidate(1, {"votes": 9.0}, {"votes": 1}, 0.1))
    twin = first.facts.__class__(**{**first.facts.__dict__, "id": 77, "sku": "twin"})
    answer = decide(contenders([first]), threshold=0.9, margin=0.15, twins=[first.facts, twin])
    assert answer.named == ("first", "twin")
    assert [dict(hit.ranks) for hit in answer.hits] == [{"votes": 1}, {}]
    assert answer.hits[1].image_id == 77
