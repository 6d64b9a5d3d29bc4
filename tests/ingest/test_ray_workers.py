"""Describing by Ray actors: the same rows as with threads, whatever happens to the actors.

Each test runs on a stand-in for Ray; those of the cluster run on a real one where scripts/scale/up started it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsearch.core import ray_cluster
from simsearch.core.config import Config, IndexingSettings
from simsearch.core.errors import ConfigError, EngineError, SourceError, WeightsError
from simsearch.ingest.ray_workers import RayWorkers
from simsearch.ingest.workers import open_workers
from tests.fake_ray import FakeRay, installed
from tests.ingest import shops
from tests.ingest.mortal import MortalRecipe
from tests.ingest.shops import recipe, run
from tests.ray_actors import kill_all

pytestmark = pytest.mark.xdist_group("ray")  # one cluster, of which tests kill actors

WHERE = "ray://127.0.0.1:10001"
REAL, CLIENT = os.environ.get("SIMSEARCH_SCALE_RAY", ""), os.environ.get("SIMSEARCH_SCALE_RAY_CLIENT", "")

shop = pytest.fixture(shops.photos)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    return installed(FakeRay({"CPU": 2.0}), monkeypatch)


@pytest.fixture(params=["fake", "real"])
def where(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a cluster."""
    if request.param == "fake":
        request.getfixturevalue("fake")
        yield WHERE
        return
    if not REAL:
        pytest.skip("no Ray cluster (make test-scale)")
    yield REAL  # the connection is kept for the next test: to make one takes seconds


@pytest.mark.parametrize("send", [True, False])
def test_the_rows_are_those_of_threads(shop: Path, where: str, send: bool) -> None:
    wanted, rows = run(shop, None)
    report, found = run(shop, RayWorkers(where, 60, send=send))
    assert found == rows
    assert (report.added, report.refused, report.refusals) == (20, 1, wanted.refusals)
    again, _ = run(shop, RayWorkers(where, 60, send=send))
    assert again.added == 20


def test_a_worker_with_other_weights_is_refused(shop: Path, where: str) -> None:
    with pytest.raises(WeightsError, match=r"a worker has the phash phash-.*, and other is asked for"):
        run(shop, RayWorkers(where, 60), recipe(fingerprint="other"))


def test_a_photo_that_ends_its_actor_is_refused_and_no_other(shop: Path, where: str) -> None:
    (shop / "sku1" / "01.png").rename(shop / "sku1" / "kill.png")
    report, rows = run(shop, RayWorkers(where, 60), recipe(MortalRecipe if where == REAL else type(recipe())))
    assert report.added == 19
    assert {Path(r.where).name: r.code for r in report.refusals} == {
        "broken.png": "not_an_image", "kill.png": "unexpected",
    }  # fmt: skip
    assert len({row["path"] for row in rows}) == len(rows) == 21


@pytest.mark.skipif(not REAL, reason="no Ray cluster (make test-scale)")
def test_killed_actors_cost_nothing_but_time(shop: Path) -> None:
    _, rows = run(shop, None)
    killed: list[int] = []

    def kill(done: int, total: int, note: str = "") -> None:
        if done in (1, 13):
            killed.extend(kill_all())

    report, found = run(shop, RayWorkers(REAL, 60), progress=kill)
    assert len(set(killed)) >= 2
    assert found == rows
    assert report.added == 20


@pytest.mark.skipif(not CLIENT, reason="no Ray cluster (make test-scale)")
def test_a_machine_that_is_no_part_of_the_cluster_uses_it(shop: Path) -> None:
    ray_cluster.disconnect()
    _, rows = run(shop, None)
    assert run(shop, RayWorkers(CLIENT, 60))[1] == rows
    ray_cluster.disconnect()


# -- with the stand-in -----------------------------------------------------------------------------------------------


def test_lost_chunks_go_out_again(shop: Path, fake: FakeRay) -> None:
    _, rows = run(shop, None)
    fake.lost = 3
    report, found = run(shop, RayWorkers(WHERE, 60))
    assert found == rows
    assert len(fake.started) == 2 + 3
    assert not any(handle.alive for handle in fake.started)
    assert report.added == 20


def test_as_many_actors_as_the_cluster_has_room_for(fake: FakeRay) -> None:
    fake.resources = {"CPU": 16.0, "GPU": 2.0}
    assert RayWorkers(WHERE, 60).count() == 16
    assert RayWorkers(WHERE, 60, gpus=0.25).count() == 8
    assert fake.options == {"num_cpus": 1, "num_gpus": 0.25, "max_restarts": 0}
    assert RayWorkers(WHERE, 60, gpus=2).count() == 1
    fake.resources = {"CPU": 16.0}
    with pytest.raises(EngineError, match=r"no machine has a core and 0\.25 of a GPU \(indexing\.worker_gpus\)"):
        RayWorkers(WHERE, 60, gpus=0.25).count()


def test_a_cluster_that_does_not_answer_is_named(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(FakeRay({}, answers=False), monkeypatch)
    with pytest.raises(
        EngineError, match=rf"^{WHERE}: Ray does not answer, or refuses \(ray client connection timeout"
    ):
        run(shop, RayWorkers(WHERE, 60))


def test_a_server_of_its_client_that_does_not_start_is_asked_for_again(shop: Path, fake: FakeRay) -> None:
    fake.failed_starts = 2
    assert run(shop, RayWorkers(WHERE, 60))[0].added == 20
    fake.address, fake.failed_starts = None, 3
    with pytest.raises(EngineError, match=r"Initialization failure"):
        RayWorkers(WHERE, 60).count()


def test_without_ray_it_says_what_to_install(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'simsearch\[ray\]'"):
        run(shop, RayWorkers("ray", 60))


def test_one_process_has_one_cluster(fake: FakeRay) -> None:
    RayWorkers(WHERE, 60).count()
    with pytest.raises(ConfigError, match=r"ray: this process is connected to ray://127\.0\.0\.1:10001"):
        RayWorkers("ray", 60).count()
    ray_cluster.disconnect()
    assert RayWorkers("ray", 60).count() == 2


def test_workers_that_never_begin_end_the_run(shop: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "dying", lambda name, given: name == "begin")
    with pytest.raises(EngineError, match="12 workers in a row ended before they were ready"):
        run(shop, RayWorkers(WHERE, 60))


def test_a_photo_that_only_this_machine_has_stops_the_run(
    shop: Path, fake: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:

    from simsearch.core import images
    from simsearch.core.errors import ImageError

    def unseen(path: Path, settings: object) -> bytes:
        raise ImageError("missing", f"{path}: cannot be read")

    monkeypatch.setattr(images, "read", unseen)
    with pytest.raises(SourceError, match=r"or set indexing\.send_photos = true"):
        run(shop, RayWorkers(WHERE, 60, send=False))


def test_the_settings_reach_the_workers() -> None:
    made = open_workers(Config(indexing=IndexingSettings(describe_on="ray", worker_gpus=0.5, send_photos=False)))
    assert isinstance(made, RayWorkers)
    assert (made.where, made.gpus, made.send) == ("ray", 0.5, False)
