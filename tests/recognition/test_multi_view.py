"""Several photos of one package as one piece of evidence."""

from __future__ import annotations

import math

import pytest

from simsearch.recognition.multi_view import MOST_GAIN, combined, lead, log_odds, probability


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
