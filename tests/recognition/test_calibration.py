"""Thresholds from a false-accept rate, and the calibration file, whole and damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.recognition import calibration as module
from simsearch.recognition.calibration import NOTHING, Calibration, threshold_for_far
from simsearch.recognition.score_fusion import Fusion, Monotone

NAMES = ("pair_logit", "cosine", "log_inliers")
WEIGHTS, BIAS = np.array([0.8, 3.0, 1.5]), -2.0


def drawn(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features on different scales, and labels drawn from a logistic model of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [2.0, 0.3, 1.0] + [1.0, 0.5, 0.0]
    return x, rng.random(n) < 1 / (1 + np.exp(-(x @ WEIGHTS + BIAS)))


def test_threshold_by_hand() -> None:
    p = np.array([0.9, 0.8, 0.7, 0.7, 0.1, 0.95, 0.75])
    y = np.array([False] * 5 + [True] * 2)
    at = threshold_for_far(p, y, 0.4)
    assert 0.7 < at.threshold < 0.7 + 1e-9
    assert (at.far, at.true_accept_rate, at.negatives, at.positives, at.shown) == (0.4, 1.0, 5, 2, True)
    # One more would be allowed, but the two at 0.7 come together.
    assert threshold_for_far(p, y, 0.6).threshold == at.threshold
    assert threshold_for_far(p, y, 0.8).threshold == pytest.approx(0.1)
    few = threshold_for_far(p, y, 0.01)
    assert 0.9 < few.threshold < 0.9 + 1e-9
    assert (few.far, few.true_accept_rate, few.shown) == (0.0, 0.5, False)


def test_pairs_of_pills_are_judged_by_their_own_fusion(tmp_path: Path) -> None:
    names, zeros, ones = ("cosine", "pills"), (0.0, 0.0), (1.0, 1.0)
    packages, pills = Fusion(names, zeros, ones, (2.0, 0.0), 0.0), Fusion(names, zeros, ones, (1.0, 0.0), -3.0)
    both = Calibration(packages, Monotone(), {"match": 0.9, "match_pills": 0.95}, {}, {}, pills=pills)
    assert both.logits([[1.0, 0.0], [1.0, 1.0]]).tolist() == [2.0, -2.0]
    both.save(tmp_path / "c.json")
    back = Calibration.load(tmp_path / "c.json")
    assert (back.pills, back.digest()) == (pills, both.digest())
    assert both.digest() != replace(both, pills=None).digest()
    with pytest.raises(ValueError, match="other columns"):
        replace(both, pills=replace(pills, names=("pills", "cosine")))


def test_threshold_at_the_ends() -> None:
    certain = threshold_for_far([1.0, 1.0], [False, True], 0.1)
    assert certain.threshold == NOTHING > 1.0
    assert certain.true_accept_rate == 0.0
    assert isnan(threshold_for_far([0.5], [False], 0.1).true_accept_rate)
    for p, y, target in (
        ([0.5], [True], 0.1),
        ([1.5], [False], 0.1),
        ([0.5], [False], 0.0),
        ([0.5], [False, True], 0.1),
    ):
        with pytest.raises(ValueError, match=r"must be|not within"):
            threshold_for_far(p, y, target)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=60).filter(
        lambda r: not all(y for _, y in r)
    ),
    st.integers(1, 99),
)
def test_threshold_is_the_smallest_that_keeps_the_target(rows: list[tuple[int, bool]], percent: int) -> None:
    p, y = np.array([r[0] for r in rows]) / 10, np.array([r[1] for r in rows])
    at = threshold_for_far(p, y, percent / 100)
    negatives = p[~y]
    assert (negatives >= at.threshold).sum() * 100 <= percent * len(negatives)
    below = np.nextafter(at.threshold, 0)
    assert (negatives >= below).sum() * 100 > percent * len(negatives)
    assert at.shown == (len(negatives) * percent >= 100)


def example() -> Calibration:
    x, y = drawn(400)
    fusion = Fusion.fit(x, y, NAMES, nonnegative=("log_inliers",))
    return Calibration(
        fusion,
        Monotone((-4.0, -1.0, 0.5, 3.0), (-3.5, -1.2, 0.4, 2.0)),
        {"match": 0.93, "never": NOTHING},
        {"siamese": "siamese-0123", "orb": "orb-4567"},
        {"date": "2024-05-01", "pairs": 400, "source": "train products"},
    )


def test_file_round_trip(tmp_path: Path) -> None:
    made, path = example(), tmp_path / "calibration.json"
    made.save(path)
    assert Calibration.load(path) == made
    x, _ = drawn(50, seed=9)
    assert (Calibration.load(path).probability(x) == made.probability(x)).all()
    assert [p.name for p in tmp_path.iterdir()] == ["calibration.json"]
    plain = Calibration(made.fusion, Monotone(), {}, {}, {})
    plain.save(path)
    assert Calibration.load(path).probability(x).tolist() == made.fusion.probability(x).tolist()


def test_the_digest_is_of_all_that_decides_and_of_nothing_else() -> None:
    made = example()
    assert len(made.digest()) == 64
    assert replace(made, facts={"date": "another"}).digest() == made.digest()
    for other in (
        replace(made, thresholds={"match": 0.94}),
        replace(made, correction=Monotone()),
        replace(made, fusion=replace(made.fusion, bias=0.0)),
    ):
        assert other.digest() != made.digest()


def test_a_crash_while_it_is_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "calibration.json"
    example().save(path)
    before = path.read_bytes()

    def fails(handle: int) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", fails)  # it is synced before it takes the old one's place
        with pytest.raises(OSError, match="no space"):
            replace(example(), thresholds={}).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["calibration.json"]


def test_facts_that_json_cannot_hold(tmp_path: Path) -> None:
    made = example()
    with pytest.raises(ValueError, match="JSON"):
        Calibration(made.fusion, made.correction, {}, {}, {"far": float("nan")}).save(tmp_path / "c.json")


def test_other_fingerprints_are_refused() -> None:
    made = example()
    made.check({"siamese": "siamese-0123", "orb": "orb-4567", "phash": "phash-1"})
    with pytest.raises(WeightsError, match="fitted for orb orb-4567, but it is orb-9999"):
        made.check({"siamese": "siamese-0123", "orb": "orb-9999"})
    with pytest.raises(WeightsError, match="not in use"):
        made.check({"siamese": "siamese-0123"})


def edits() -> dict[str, tuple[tuple[str, ...], Any]]:
    """Name -> (where in the file, what is put there)."""
    return {
        "other format": (("format",), "simsearch-calibration-0"),
        "no format": (("format",), None),
        "unknown key": (("extra",), 1),
        "fewer weights": (("fusion", "weights"), [0.5, 0.5]),
        "text for a number": (("fusion", "bias"), "0.5"),
        "bool for a number": (("fusion", "bias"), True),
        "huge integer": (("fusion", "bias"), 10**400),
        "scale of zero": (("fusion", "scale"), [1.0, 0.0, 1.0]),
        "twice the same name": (("fusion", "names"), ["a", "a", "b"]),
        "no features": (("fusion",), {"names": [], "mean": [], "scale": [], "weights": [], "bias": 0.0}),
        "falling map": (("correction",), {"x": [0.0, 1.0], "y": [1.0, 0.0]}),
        "map of two lengths": (("correction", "x"), [0.0]),
        "threshold above 1": (("thresholds", "match"), 1.5),
        "thresholds as a list": (("thresholds",), [0.5]),
        "fingerprint as a number": (("fingerprints", "orb"), 5),
    }


@pytest.mark.parametrize("edit", edits())
def test_edited_files_are_refused(edit: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    example().save(path)
    table = json.loads(path.read_text())
    (*parents, key), value = edits()[edit]
    place = table
    for parent in parents:
        place = place[parent]
    place[key] = value
    path.write_text(json.dumps(table))
    with pytest.raises(WeightsError, match=r"calibration\.json"):
        Calibration.load(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff\xfe", b'{"format": ', b"[" * 200_000, b'"' + b"9" * 10, b"9" * 6000, b"null"],
    ids=["empty", "list", "bytes", "cut", "deep", "text", "digits", "null"],
)
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"calibration\.json"):
        Calibration.load(path)


@pytest.mark.parametrize("word", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(word: str, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    example().save(path)
    bias = repr(example().fusion.bias)
    text = path.read_text()
    assert bias in text
    path.write_text(text.replace(bias, word))
    with pytest.raises(WeightsError, match=r"calibration\.json"):
        Calibration.load(path)


def test_a_cut_file_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    example().save(path)
    data = path.read_bytes()
    for end in range(0, len(data) - 2, 37):
        path.write_bytes(data[:end])
        with pytest.raises(WeightsError):
            Calibration.load(path)


def test_missing_large_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        Calibration.load(tmp_path / "none.json")
    with pytest.raises(WeightsError, match="cannot be read"):
        Calibration.load(tmp_path)
    example().save(tmp_path / "c.json")
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    with pytest.raises(WeightsError, match="larger"):
        Calibration.load(tmp_path / "c.json")
