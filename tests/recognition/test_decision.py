"""From verified candidates to an answer: several photos as one piece of evidence, rivals, and the words of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.core.types import Candidate, Outcome, Verification
from simsearch.recognition.decision import Verified, contenders, contenders_together, decide
from simsearch.recognition.multi_view import MOST_GAIN, combined, lead, log_odds, probability


def looks(p: float, inliers: int = 20) -> Verification:
    return Verification(p, 0.8, p, inliers, 0.9, (0.0, 0.8, 3.0, 0.9), support=inliers)


def facts(
    sku: str, name: str = "", strength: str = "", form: str = "", manufacturer: str = "", **more: Any
) -> ImageFacts:
    return ImageFacts(
        sum(map(ord, sku)), f"{sku}.jpg", f"/{sku}.jpg", "front", sku, sku, name, strength, form, manufacturer, more
    )


# -- several photos --------------------------------------------------------------------------------------------------


def test_evidence_of_several_faces() -> None:
    assert combined([3.0]) == 3.0
    assert combined([-3.0]) == -3.0
    assert combined([3.0, 2.0]) == pytest.approx(5.0 - math.log(2))
    assert combined([3.0, -9.0]) == pytest.approx(3.0 - math.log(2))  # the catalog need not hold that face
    assert combined([9.0, 50.0]) == pytest.approx(50.0 + math.log(MOST_GAIN) - math.log(2))
    assert probability(log_odds(0.3)) == pytest.approx(0.3)
    assert probability(-1000.0) == 0.0


def test_products_are_told_apart_by_a_face_that_does_so_itself() -> None:
    assert lead([5.0], [4.0]) == 1.0
    assert lead([5.0, 5.0, 5.0], [4.0, 4.0, 4.0]) == 1.0  # alike on every face: not three times as distinct
    assert lead([5.0, 5.0], [4.0, -5.0]) == 10.0
    assert lead([5.0, -5.0], [-5.0, 5.0]) == 0.0  # the faces contradict each other


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
