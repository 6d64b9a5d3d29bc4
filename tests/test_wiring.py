"""The parts of an App: made once, whatever number of threads ask first, and gone after close."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import App, CatalogError, Readiness, UsageError, open_app

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

PARTS = ("catalog", "methods", "generations", "rebuilder", "scoring", "engine", "service")


@pytest.mark.parametrize("part", PARTS)
def test_threads_that_ask_first_share_one_part(indexed: Path, kit: Kit, part: str) -> None:
    with open_app(indexed, kit.config) as app, ThreadPoolExecutor(8) as pool:
        made = {id(found) for found in pool.map(lambda _: getattr(app, part), range(32))}
    assert len(made) == 1


def test_prepare_loads_what_a_query_needs_and_says_so(home: Path, kit: Kit, shop: Shop) -> None:
    with open_app(home, kit.config) as app:
        ready = app.prepare()
        assert ready == Readiness("g000001", 36, app.catalog.revision(), ready.seconds)
        assert set(PARTS) - {"rebuilder"} <= set(app._parts)
        again = app.prepare()
        assert again.seconds < ready.seconds
        assert list(app.decisions.listed()) == []  # the picture that warms the network leaves no record


def test_prepare_of_no_home_says_so(tmp_path: Path, kit: Kit) -> None:
    with open_app(tmp_path / "none", kit.config) as app, pytest.raises(CatalogError, match="holds no catalog"):
        app.prepare()
    assert not (tmp_path / "none").exists()


def jobs(photo: Path) -> dict[str, Callable[[App], Any]]:
    return {
        "prepare": lambda app: app.prepare(),
        "query": lambda app: app.query([photo]),
        "query_together": lambda app: app.query_together([photo]),
        "verify": lambda app: app.verify([(str(photo), str(photo))]),
        "index": lambda app: app.index([photo.parent]),
        "duplicates": lambda app: app.duplicates(),
        "rebuild": lambda app: app.rebuild(),
        "rollback": lambda app: app.rollback(),
        "status": lambda app: app.status(),
        "plan": lambda app: app.plan(),
        "refused": lambda app: app.refused(),
        "decisions": lambda app: app.decisions,
        "review": lambda app: app.review_duplicates(),
    }


@pytest.mark.parametrize("job", sorted(jobs(Path())))
@pytest.mark.parametrize("used", [False, True])
def test_a_closed_app_says_so(home: Path, kit: Kit, shop: Shop, job: str, used: bool) -> None:
    photo = shop.photo(shop.single[0].sku)
    app = open_app(home, kit.config)
    if used:
        app.query([photo])
    app.close()
    app.close()
    with pytest.raises(UsageError, match="this App is closed; open another one"):
        jobs(photo)[job](app)


def test_what_is_under_way_when_the_app_is_closed_ends_in_an_answer_or_a_word(
    home: Path, kit: Kit, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    photo = shop.photo(shop.single[0].sku)
    app = open_app(home, kit.config)
    app.prepare()
    with ThreadPoolExecutor(4) as pool, caplog.at_level(logging.ERROR):
        asked = [pool.submit(app.query, [photo]) for _ in range(12)]
        asked[0].result()
        app.close()
        ends = [job.exception() for job in asked]
    assert all(end is None or isinstance(end, UsageError | CatalogError) for end in ends), ends
    assert any(end is None for end in ends)


def test_the_methods_of_print_are_made_with_their_settings(tmp_path: Path) -> None:
    def made(text: str) -> dict[str, str]:
        file = tmp_path / "own.toml"
        file.write_text(text, encoding="utf-8")
        with open_app(tmp_path / "home", file) as app:
            assert list(app.print_methods) == ["reading", "codes"]
            return {name: method.fingerprint for name, method in app.print_methods.items()}

    usual = made("")
    assert made('[reading]\nmode = "never"\n[images]\nmax_bytes = 9999') == usual
    larger = made("[images]\nreading_size = 3000")
    assert all(larger[name] != usual[name] for name in usual)  # another picture is another descriptor
    assert made("[images]\nworking_size = 1000") == usual
    other = made("[methods.codes]\nturns = 3")
    assert (other["reading"] == usual["reading"], other["codes"] == usual["codes"]) == (True, False)
