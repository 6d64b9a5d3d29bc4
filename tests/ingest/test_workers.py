"""Describing in other processes: the same rows as with threads, whatever happens to the processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from pathlib import Path

import pytest

from simsearch.core.config import Config, IndexingSettings
from simsearch.core.errors import ConfigError, ImageError, WeightsError
from simsearch.ingest import workers
from simsearch.ingest.local_workers import LocalWorkers
from simsearch.ingest.workers import open_workers
from tests.ingest import shops
from tests.ingest.mortal import MortalRecipe
from tests.ingest.shops import recipe, run

shop = pytest.fixture(shops.photos)


def test_the_rows_are_those_of_threads(shop: Path) -> None:
    wanted, rows = run(shop, None)
    report, found = run(shop, LocalWorkers(2, 60))
    assert found == rows
    assert (report.added, report.refused, report.refusals) == (20, 1, wanted.refusals)
    assert len(rows) == 21
    assert not multiprocessing.active_children()


def test_killed_workers_cost_nothing_but_time(shop: Path) -> None:
    _, rows = run(shop, None)
    killed: list[int] = []

    def kill(done: int, total: int, note: str = "") -> None:
        if done in (1, 13):
            for child in multiprocessing.active_children():
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
                killed.append(child.pid)

    report, found = run(shop, LocalWorkers(2, 60), progress=kill)
    assert len(set(killed)) >= 2
    assert found == rows
    assert report.added == 20


@pytest.mark.slow
def test_a_photo_that_kills_its_worker_is_refused_and_no_other(shop: Path) -> None:
    (shop / "sku1" / "01.png").rename(shop / "sku1" / "kill.png")
    (shop / "sku2" / "02.png").rename(shop / "sku2" / "once.png")
    report, rows = run(shop, LocalWorkers(2, 60), recipe(MortalRecipe))
    assert report.added == 19
    refused = {Path(r.where).name: r.code for r in report.refusals}
    assert refused == {"broken.png": "not_an_image", "kill.png": "unexpected"}
    assert len({row["path"] for row in rows}) == len(rows) == 21


@pytest.mark.slow
def test_a_worker_that_hangs_loses_its_lease(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "sku1" / "01.png").rename(shop / "sku1" / "hang.png")
    monkeypatch.setattr(workers, "STARTING_S", 15.0)
    report, _ = run(shop, LocalWorkers(1, 0.5), recipe(MortalRecipe))
    assert report.added == 19
    assert {Path(r.where).name for r in report.refusals} == {"broken.png", "hang.png"}


def test_a_worker_with_other_weights_is_refused(shop: Path) -> None:
    with pytest.raises(WeightsError, match=r"a worker has the phash phash-.*, and other is asked for"):
        run(shop, LocalWorkers(1, 60), recipe(fingerprint="other"))
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("where", ["locale", "local:", "local:0", "local:x", "ray:", "ray://host", "local:257"])
def test_what_names_no_workers_is_refused(where: str) -> None:
    if where == "local:":
        assert open_workers(Config(indexing=IndexingSettings(describe_on=where))) is not None
        return
    with pytest.raises(ConfigError, match=r"indexing\.describe_on"):
        open_workers(Config(indexing=IndexingSettings(describe_on=where)))


def test_a_refusal_passes_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ImageError("truncated", "x: ends too soon")))
    assert (error.code, str(error)) == ("truncated", "x: ends too soon")
