"""Fusion, correction, thresholds and the calibration file."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from simsearch.core.errors import WeightsError
from simsearch.evaluation.reliability import reliability
from simsearch.recognition import calibration as module
from simsearch.recognition.calibration import NOTHING, Calibration, threshold_for_far
from simsearch.recognition.score_fusion import Fusion, Monotone, sigmoid

NAMES = ("pair_logit", "cosine", "log_inliers")
WEIGHTS, BIAS = np.array([0.8, 3.0, 1.5]), -2.0


def drawn(n: int, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Features on different scales, and labels drawn from a logistic model of them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)) * [2.0, 0.3, 1.0] + [1.0, 0.5, 0.0]
    return x, rng.random(n) < 1 / (1 + np.exp(-(x @ WEIGHTS + BIAS)))


def raw(fusion: Fusion) -> NDArray[np.float64]:
    """Weights of the features as they are, not standardised."""
    return np.array(fusion.weights) / fusion.scale


def test_recovers_the_coefficients() -> None:
    x, y = drawn(50_000)
    fusion = Fusion.fit(x, y, NAMES)
    assert raw(fusion) == pytest.approx(WEIGHTS, rel=0.05)
    assert fusion.logits(np.zeros((1, 3)))[0] == pytest.approx(BIAS, abs=0.1)


def test_is_calibrated_on_other_draws() -> None:
    fusion = Fusion.fit(*drawn(5000), NAMES)
    x, y = drawn(20_000, seed=1)
    assert reliability(fusion.probability(x), y).expected_error < 0.02


@pytest.mark.parametrize("l2", [0.01, 1.0, 100.0])
def test_agrees_with_scikit_learn(l2: float) -> None:
    x, y = drawn(500)
    fusion = Fusion.fit(x, y, NAMES, l2=l2)
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    other = LogisticRegression(C=1 / l2, tol=1e-10, max_iter=1000).fit(z, y)
    assert np.array(fusion.weights) == pytest.approx(other.coef_[0], abs=1e-5)
    assert fusion.bias == pytest.approx(other.intercept_[0], abs=1e-5)


def test_separable_data_are_held_by_the_penalty() -> None:
    x = np.array([[-2.0, 0.0], [-1.0, 1.0], [1.0, 0.0], [2.0, 1.0]])
    y = np.array([False, False, True, True])
    fusion = Fusion.fit(x, y, ("a", "b"))
    assert np.abs(fusion.weights).max() < 5
    assert ((fusion.probability(x) > 0.5) == y).all()
    weak = Fusion.fit(x, y, ("a", "b"), l2=1e-6)
    assert weak.weights[0] > 3 * fusion.weights[0]
    assert np.isfinite(weak.probability(x * 1e6)).all()


def test_constant_features_do_nothing() -> None:
    x, y = drawn(2000)
    x[:, 1] = 1e6
    fusion = Fusion.fit(x, y, NAMES)
    assert fusion.weights[1] == 0.0


def test_a_nonnegative_weight_never_turns() -> None:
    x, y = drawn(3000)
    x[:, 1] *= -1
    free = Fusion.fit(x, y, NAMES)
    assert free.weights[1] < -0.5
    held = Fusion.fit(x, y, NAMES, nonnegative=("cosine", "pair_logit"))
    assert held.weights[1] == 0.0
    without = Fusion.fit(x[:, [0, 2]], y, ("pair_logit", "log_inliers"))
    assert np.array(held.weights)[[0, 2]] == pytest.approx(without.weights, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_bounded_fit_is_the_minimum(seed: int, columns: int) -> None:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(60, 1))
    x = common + rng.normal(size=(60, columns)) * rng.uniform(0.1, 2.0, columns)  # correlated, so that signs turn
    y = rng.random(60) < sigmoid(x @ rng.normal(size=columns))
    y[:2] = True, False
    names = [str(i) for i in range(columns)]
    z = (x - x.mean(axis=0)) / x.std(axis=0)

    def loss(w: NDArray[np.float64]) -> float:
        logits = z @ w[:-1] + w[-1]
        return float(np.logaddexp(0, np.where(y, -logits, logits)).sum() + (w[:-1] ** 2).sum() / 2)

    fusion = Fusion.fit(x, y, names, nonnegative=names)
    found = loss(np.array([*fusion.weights, fusion.bias]))
    best = minimize(loss, np.zeros(columns + 1), method="L-BFGS-B", bounds=[(0, None)] * columns + [(None, None)])
    assert min(fusion.weights) >= 0
    assert found <= best.fun + 1e-6


def test_the_prior_can_be_stated() -> None:
    x, y = drawn(20_000)
    fusion = Fusion.fit(x, y, NAMES, prior=0.01)
    mean = np.average(fusion.probability(x), weights=np.where(y, 0.01 / y.mean(), 0.99 / (1 - y.mean())))
    assert mean == pytest.approx(0.01, rel=1e-3)
    # The same evidence, another prior: the logit moves by the change of the log-odds.
    odds = np.log(0.01 / 0.99) - np.log(y.mean() / (1 - y.mean()))
    shift = fusion.logits(x) - Fusion.fit(x, y, NAMES).logits(x)
    assert np.median(shift) == pytest.approx(odds, abs=0.5)


def test_platt_mends_an_overconfident_fusion() -> None:
    x, y = drawn(2000)
    sure = Fusion(NAMES, (0.0,) * 3, (1.0,) * 3, tuple(3 * WEIGHTS + 0.0), 3 * BIAS + 1)
    mended = sure.platt(x, y)
    assert raw(mended) == pytest.approx(WEIGHTS, rel=0.15)
    test_x, test_y = drawn(20_000, seed=5)
    assert reliability(sure.probability(test_x), test_y).expected_error > 0.05
    assert reliability(mended.probability(test_x), test_y).expected_error < 0.02
    turned = Fusion(NAMES, (0.0,) * 3, (1.0,) * 3, tuple(-WEIGHTS), 0.0).platt(x, y)
    assert np.ptp(turned.probability(x)) == 0.0  # never a falling map: rather no opinion


@pytest.mark.parametrize(
    ("features", "same", "options"),
    [
        ([[1.0], [2.0]], [True, True], {}),
        ([[1.0], [2.0]], [False, False], {}),
        ([[1.0], [np.nan]], [True, False], {}),
        ([[1.0], [np.inf]], [True, False], {}),
        ([1.0, 2.0], [True, False], {}),
        ([[1.0, 2.0]] * 2, [True, False], {}),
        ([[1.0], [2.0]], [True], {}),
        ([[1.0], [2.0]], [True, False], {"l2": 0.0}),
        ([[1.0], [2.0]], [True, False], {"prior": 1.0}),
        ([[1.0], [2.0]], [True, False], {"nonnegative": ("b",)}),
    ],
)
def test_what_cannot_be_fitted_is_refused(features: Any, same: list[bool], options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        Fusion.fit(features, same, ("a",), **options)


def test_isotonic_mends_a_bent_curve() -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(0, 3, 60_000)
    truth = sigmoid(np.where(z > 0, z / 4, z) - 0.5)
    y = rng.random(60_000) < truth
    half = slice(0, 30_000)
    bent = Monotone.isotonic(z[half], y[half])
    assert 2 <= len(bent.x) <= 8
    held_z, held_y = z[30_000:], y[30_000:]
    assert reliability(sigmoid(held_z), held_y).expected_error > 0.05
    assert reliability(sigmoid(bent(held_z)), held_y).expected_error < 0.02
    assert (np.diff(bent(np.sort(z))) >= 0).all()


def test_isotonic_pools_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(3)
    z = np.round(rng.normal(0, 1, 3000), 2)
    y = rng.random(3000) < sigmoid(2 * z)
    blocks = np.unique(IsotonicRegression().fit(z, y).predict(z))
    ours = Monotone.isotonic(z, y, knots=1000)
    # The same blocks, but for those that drawing in by half a pair has joined.
    assert len(blocks) - 4 <= len(ours.x) <= len(blocks)
    middle = np.array(ours.x)[3:-3]
    assert sigmoid(ours(middle)) == pytest.approx(IsotonicRegression().fit(z, y).predict(middle), abs=0.05)


def test_isotonic_of_separable_and_of_useless_logits() -> None:
    z, y = np.arange(20.0), np.arange(20) >= 10
    apart = Monotone.isotonic(z, y)
    assert len(apart.x) == 2
    assert sigmoid(apart(np.array([0.0])))[0] < 0.05 < 0.95 < sigmoid(apart(np.array([19.0])))[0]
    flat = Monotone.isotonic(-z, y)
    assert len(flat.x) == 1
    assert np.isfinite(flat(np.array([-1e9, 1e9]))).all()
    for bad in ([True] * 20, [False] * 20, [True]):
        with pytest.raises(ValueError, match="both kinds"):
            Monotone.isotonic(z, bad)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=2, max_size=50).filter(
        lambda r: len({y for _, y in r}) == 2
    ),
    st.integers(1, 10),
    st.sampled_from([None, 0.01, 0.5]),
)
def test_isotonic_always_rises(rows: list[tuple[int, bool]], knots: int, prior: float | None) -> None:
    z, y = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    found = Monotone.isotonic(z, y, knots=knots, prior=prior)
    assert 1 <= len(found.x) <= knots
    grid = np.linspace(-20, 20, 400)
    assert (np.diff(found(grid)) >= 0).all()


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
        Monotone.isotonic(fusion.logits(x), y, knots=4),
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


def test_a_fusion_counts_nothing_of_columns_that_it_was_not_fitted_with() -> None:
    fusion = Fusion(("a", "b"), (1.0, 2.0), (1.0, 0.5), (0.5, -2.0), 0.3)
    table = np.random.default_rng(0).normal(size=(9, 2))
    wider = fusion.on(("new", "b", "a"))
    np.testing.assert_allclose(
        wider.logits(np.column_stack([table[:, 0] * 100, table[:, 1], table[:, 0]])), fusion.logits(table), rtol=1e-12
    )
    assert fusion.on(fusion.names) == fusion
    with pytest.raises(ValueError, match="no feature 'b'; there are a, c"):
        fusion.on(("a", "c"))
