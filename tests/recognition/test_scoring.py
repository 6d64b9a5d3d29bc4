"""The calibration in force follows its file."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch.core.errors import WeightsError
from simsearch.features import create
from simsearch.features.base import Method
from simsearch.recognition.calibration import NOTHING, Calibration
from simsearch.recognition.print_alone import ALONE_FEATURES
from simsearch.recognition.score_fusion import Fusion
from simsearch.recognition.scoring import CurrentScoring

if TYPE_CHECKING:
    from tests.conftest import Kit


@pytest.fixture(scope="module")
def methods(kit: Kit) -> dict[str, Method]:
    return {"phash": create("phash"), "orb": create("orb"), "siamese": create("siamese", {"weights": str(kit.weights)})}


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "calibration.json"


def write(kit: Kit, own: Path, threshold: float) -> None:
    found = Calibration.load(kit.calibration)
    replace(found, thresholds={**found.thresholds, "match": threshold}).save(own)


def test_a_new_calibration_is_in_force_at_once(kit: Kit, methods: dict[str, Method], own: Path) -> None:
    scoring = CurrentScoring(methods, own)
    beside = scoring.current()
    assert (beside.thresholds.match, scoring.current()) == (0.9, beside)
    write(kit, own, 0.8)
    first = scoring.current()
    assert (first.thresholds.match, first.verifier.calibration) == (0.8, first.calibration)
    assert first.digest != beside.digest
    write(kit, own, 0.7)
    assert scoring.current().thresholds.match == 0.7
    assert first.thresholds.match == 0.8  # what an answer under way goes by
    own.unlink()
    assert scoring.current().digest == beside.digest


def test_without_a_fit_of_print_alone_nothing_is_matched_by_it(kit: Kit, methods: dict[str, Method], own: Path) -> None:
    write(kit, own, 0.8)
    scoring = CurrentScoring(methods, own)
    assert scoring.current().thresholds.match_alone == NOTHING
    found, ones = Calibration.load(own), (1.0,) * len(ALONE_FEATURES)
    fused = Fusion(ALONE_FEATURES, ones, ones, ones, 0.0)
    replace(found, alone=fused, thresholds={**found.thresholds, "match_alone": 0.7}).save(own)
    now = scoring.current()
    assert (now.thresholds.match_alone, now.calibration.alone) == (0.7, fused)
    assert now.digest != found.digest()


def test_pills_are_judged_as_packages_where_a_calibration_knows_no_kinds(
    kit: Kit, methods: dict[str, Method], own: Path
) -> None:
    write(kit, own, 0.8)
    scoring = CurrentScoring(methods, own)
    assert scoring.current().thresholds.match_pills == 0.8
    found = Calibration.load(own)
    replace(found, thresholds={**found.thresholds, "match_pills": 0.97}).save(own)
    assert (scoring.current().thresholds.match, scoring.current().thresholds.match_pills) == (0.8, 0.97)


def test_the_setting_goes_over_the_calibration(kit: Kit, methods: dict[str, Method], own: Path) -> None:
    write(kit, own, 0.8)
    assert CurrentScoring(methods, own, 0.95).current().thresholds.match == 0.95


def test_a_later_calibration_that_cannot_be_used_is_warned_of_once(
    kit: Kit, methods: dict[str, Method], own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(kit, own, 0.8)
    scoring = CurrentScoring(methods, own)
    assert scoring.current().thresholds.match == 0.8
    own.write_text("{", encoding="utf-8")
    assert [scoring.current().thresholds.match for _ in range(3)] == [0.8] * 3
    [said] = [r.message for r in caplog.records]
    assert said.startswith(f"{own}: ")
    assert said.endswith("until then the calibration from before stays in force")
    write(kit, own, 0.6)
    assert scoring.current().thresholds.match == 0.6
    own.write_text("{", encoding="utf-8")
    with pytest.raises(WeightsError, match=str(own)):
        CurrentScoring(methods, own).current()


def test_threads_share_one_scoring(
    kit: Kit, methods: dict[str, Method], own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(kit, own, 0.8)
    read: list[Any] = []
    real = Calibration.load

    def noting(path: Path) -> Calibration:
        read.append(path)
        return real(path)

    monkeypatch.setattr(Calibration, "load", noting)
    scoring = CurrentScoring(methods, own)
    with ThreadPoolExecutor(8) as pool:
        found = {id(one) for one in pool.map(lambda _: scoring.current(), range(64))}
    assert (len(found), len(read)) == (1, 1)


def test_a_file_put_in_its_place_with_the_same_size_and_time_is_noticed(
    kit: Kit, methods: dict[str, Method], own: Path, tmp_path: Path
) -> None:
    write(kit, own, 0.8)
    scoring = CurrentScoring(methods, own)
    scoring.current()
    stat = own.stat()
    write(kit, tmp_path / "other.json", 0.7)
    os.utime(tmp_path / "other.json", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(tmp_path / "other.json", own)
    assert own.stat().st_size == stat.st_size
    assert scoring.current().thresholds.match == 0.7
