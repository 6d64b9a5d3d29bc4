"""Calibrating on reviewed answers: thresholds that rise and do not fall, a new fusion, reviews that cannot be used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.database import now
from simsearch.catalog.decisions import DecisionVerdict
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import TrainingError
from simsearch.core.types import Decision, Hit, Outcome, Verification
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.feedback import DecisionDesk
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.recognition.verification import FEATURES
from simsearch.training.calibrate_feedback import LEAST, calibrate_from_decisions

PRINTS = {"siamese": "siamese-1", "orb": "orb-1", "phash": "phash-1"}
SHARED = {"fingerprints": PRINTS, "features": list(FEATURES), "match_threshold": 0.9, "margin": 0.15}


def hit(sku: str, p: float, features: Sequence[float] = (0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0)) -> Hit:
    return Hit(sku, f"Name {sku}", 1, f"{sku}.jpg", Verification(p, 0.5, p, 2, 0.5, tuple(features)))


def decision(outcome: Outcome, *hits: Hit, named: tuple[str, ...] = ()) -> Decision:
    sku = named[0] if named else None
    p = hits[0].verification.probability if hits else 0.0
    return Decision("q.jpg", outcome, sku, sku, p, hits, "g000001", 1.0, "because", considered=hits, named=named)


UNKNOWN = decision(Outcome.UNKNOWN, hit("a", 0.3))


@pytest.fixture
def desk(tmp_path: Path) -> Any:
    catalog = Catalog(tmp_path / "catalog.db", CatalogSettings())
    catalog.selection.has_product = lambda sku: sku in ("a", "b", "c", "d")  # type: ignore[method-assign]
    yield DecisionDesk(catalog)
    catalog.close()


def record(desk: DecisionDesk, *decisions: Decision, prints: Any = PRINTS) -> list[int]:
    digests = [hashlib.sha256(f"{i}-{now()}".encode()).hexdigest() for i in range(len(decisions))]
    shared = {**SHARED, "fingerprints": prints}
    return desk.catalog.decisions.record(list(zip(decisions, digests, strict=True)), shared)


TRUSTS_POINTS = Fusion(FEATURES, (0.0, 0.0, 3.0, 0.5, 0.0, 0.0, 0.0), (1.0,) * 7, (0.0, 0.0, 2.0, *(0.0,) * 4), 0.0)
BASE = Calibration(TRUSTS_POINTS, Monotone(), {"match": 0.9, "pair": 0.5}, PRINTS, {"source": "a table"})


def reviewed(desk: DecisionDesk, count: int, wrong: float, *, right: bool = True, prints: Any = PRINTS) -> None:
    """Answers whose wrong candidate has `wrong` as root_support, and whose right one, if it is there, 6."""
    rng = np.random.default_rng(5)
    for i in range(count):
        noise = rng.normal(0, 0.3, 2)
        hits = [hit(f"wrong{i}", 0.5, (0.0, 0.2, wrong + noise[0], 0.5, 0.0, 0.0, 0.0))]
        if right:
            hits.insert(0, hit("a", 0.9, (1.0, 0.9, 6.0 + noise[1], 0.5, 0.0, 0.0, 0.0)))
        [number] = record(desk, decision(Outcome.UNKNOWN, *hits), prints=prints)
        sku = "a" if right else None
        desk.catalog.decisions.review(number, DecisionVerdict.CORRECTED if right else DecisionVerdict.CONFIRMED, sku)


def test_too_few_reviews_are_refused(desk: DecisionDesk) -> None:
    reviewed(desk, LEAST - 1, 1.0)
    with pytest.raises(TrainingError, match=f"{LEAST} reviewed answers .* there are {LEAST - 1};"):
        calibrate_from_decisions(desk.catalog, BASE, target_far=0.001)


def test_reviews_of_other_methods_do_not_count(desk: DecisionDesk) -> None:
    reviewed(desk, LEAST, 1.0, prints={**PRINTS, "siamese": "siamese-0"})
    with pytest.raises(TrainingError, match=rf"there are 0 \({LEAST} more cannot be used\)"):
        calibrate_from_decisions(desk.catalog, BASE, target_far=0.001)


def test_wrong_candidates_that_would_match_raise_the_threshold(desk: DecisionDesk) -> None:
    reviewed(desk, LEAST, 5.0)
    made = calibrate_from_decisions(desk.catalog, BASE, target_far=0.001).calibration
    assert made.thresholds["match"] > 0.97
    assert made.fusion == BASE.fusion
    assert made.facts["source"] == "reviewed decisions"
    assert (made.facts["decisions"], made.facts["far_shown"], made.facts["threshold_kept"]) == (LEAST, False, False)


def test_few_reviews_cannot_lower_the_threshold(desk: DecisionDesk) -> None:
    reviewed(desk, LEAST, 1.0)
    made = calibrate_from_decisions(desk.catalog, BASE, target_far=0.001).calibration
    assert (made.thresholds["match"], made.facts["threshold_kept"]) == (0.9, True)
    lowered = calibrate_from_decisions(desk.catalog, BASE, target_far=0.1).calibration  # thirty can show one in ten
    assert lowered.thresholds["match"] < 0.5


def test_pills_have_a_threshold_of_their_own(desk: DecisionDesk) -> None:
    pill = (0.0, 0.2, 5.0, 0.5, 0.0, 0.0, 1.0)
    for i in range(LEAST):
        [number] = record(desk, decision(Outcome.UNKNOWN, hit(f"wrong{i}", 0.5, pill)))
        desk.catalog.decisions.review(number, DecisionVerdict.CONFIRMED, None)
    made = calibrate_from_decisions(desk.catalog, BASE, target_far=0.001).calibration
    assert made.thresholds["match"] == 0.9
    assert made.thresholds["match_pills"] > 0.97


def test_what_is_in_no_catalog_teaches_too(desk: DecisionDesk) -> None:
    reviewed(desk, LEAST, 5.0, right=False)
    assert calibrate_from_decisions(desk.catalog, BASE, target_far=0.001).calibration.thresholds["match"] > 0.97


def test_reviews_that_cannot_be_used_are_told_one_by_one(desk: DecisionDesk) -> None:
    reviewed(desk, LEAST, 5.0)
    reviewed(desk, 1, 5.0, prints={**PRINTS, "orb": "orb-0"})
    several = desk.catalog.decisions.record([(UNKNOWN, "e" * 64)], SHARED, [{"photos": [{"query": "a.jpg"}]}])
    twice = [n for _ in range(2) for n in desk.catalog.decisions.record([(UNKNOWN, "f" * 64)], SHARED)]
    for number in (*several, *twice):
        desk.confirm(number)
    result = calibrate_from_decisions(desk.catalog, BASE, target_far=0.001)
    assert [(r.where, r.code) for r in result.refusals] == [
        (f"decision {LEAST + 1}", "other_methods"), (f"decision {several[0]}", "several_photos"),
        (f"decision {twice[1]}", "asked_before"),
    ]  # fmt: skip
    assert result.calibration.facts["decisions_left_out"] == 3


def test_a_photo_that_was_asked_twice_counts_once(desk: DecisionDesk) -> None:
    for _ in range(LEAST):
        [number] = desk.catalog.decisions.record([(UNKNOWN, "f" * 64)], SHARED)
        desk.confirm(number)
    with pytest.raises(TrainingError, match="there are 1 "):
        calibrate_from_decisions(desk.catalog, BASE, target_far=0.001)


def test_many_reviews_fit_the_fusion_anew(desk: DecisionDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simsearch.training.calibrate_feedback.LEAST_FUSION", 60)
    reviewed(desk, 70, 1.0)
    for number in range(70, 140):  # a product of the other half
        hits = [
            hit("c", 0.9, (1.0, 0.9, 5.5 + number % 7 / 10, 0.5, 0.0, 0.0, 0.0)),
            hit("x", 0.5, (0.0, 0.2, 1 + number % 5 / 10, 0.5, 0.0, 0.0, 0.0)),
        ]
        [new] = record(desk, decision(Outcome.UNKNOWN, *hits))
        desk.catalog.decisions.review(new, DecisionVerdict.CORRECTED, "c")
    made = calibrate_from_decisions(desk.catalog, BASE, target_far=0.05).calibration
    assert made.facts["fusion_refitted"]
    assert made.fusion != BASE.fusion
    right, wrong = made.probability([[1.0, 0.9, 6.0, 0.5, 0.0, 0.0, 0.0], [0.0, 0.2, 1.0, 0.5, 0.0, 0.0, 0.0]])
    assert right > 0.95 > 0.05 > wrong
