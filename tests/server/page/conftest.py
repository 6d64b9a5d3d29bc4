"""A server whose answers are made by hand, on a home of its own, and a browser that looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

pytest.importorskip("babel", reason="the extra `serve` is not installed")

from simsearch import App, open_app
from simsearch.core.config import ServerSettings
from simsearch.server.state import ServerState
from tests.server.conftest import Served, serving
from tests.server.page.scripted import Scripted, search_for_duplicates

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

    from tests.conftest import Kit, Shop

PAIRS = 32


@dataclass(frozen=True)
class Desk:
    """The server, and the one who makes its answers."""

    served: Served
    scripted: Scripted

    @property
    def app(self) -> App:
        return self.served.app

    @property
    def http(self) -> httpx.Client:
        return self.served.http

    @property
    def state(self) -> ServerState:
        return self.served.state

    @property
    def address(self) -> str:
        return self.served.address


@pytest.fixture(scope="session")
def desk(indexed: Path, kit: Kit, shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The server. It keeps the photos of unclear and unknown answers."""
    folder = Path(shutil.copytree(indexed, tmp_path_factory.mktemp("page") / "home"))
    settings = ServerSettings(port=0, rate_per_s=0.0, threads=1, queue=4, workers=1, keep_photos="review")
    with open_app(folder, kit.config) as app, serving(app, shop, settings) as served:
        scripted = Scripted(app)
        app.query, app.query_together = scripted.query, scripted.query_together  # type: ignore[method-assign,assignment]
        search_for_duplicates(app, PAIRS)
        yield Desk(served, scripted)


@pytest.fixture
def clean(desk: Desk) -> Iterator[Desk]:
    """The server, with nothing said and nothing recorded but by this test."""
    yield desk
    forget(desk)


def forget(desk: Desk) -> None:
    """Nothing was said and nothing was recorded."""
    catalog = desk.app.catalog
    for review in catalog.reviews.all():
        catalog.reviews.forget(review.a, review.b)
    import sqlalchemy as sa

    from simsearch.catalog.tables import DecisionReviewRow, DecisionRow

    with catalog.decisions.database.write() as c:
        c.execute(sa.delete(DecisionReviewRow))
        c.execute(sa.delete(DecisionRow))


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> Callable[[str], Path]:
    """A file of that name; "broken" gives one that is no picture."""
    folder = tmp_path_factory.mktemp("photos")
    data = shop.photo(shop.single[0].sku).read_bytes()

    def make(name: str) -> Path:
        path = folder / name
        path.write_bytes(b"not a picture" if name.startswith("broken") else data)
        return path

    return make


Tab = Callable[..., Any]


@pytest.fixture
def tab(browser: Browser, desk: Desk) -> Iterator[Tab]:
    """Opens pages; at the end of the test none of them may have complained."""
    complaints: list[str] = []
    contexts = []

    def hear(told: ConsoleMessage) -> None:
        if told.type in ("error", "warning"):
            complaints.append(told.text)

    def open_tab(width: int = 1280, **more: Any) -> Page:
        height = 844 if width < 500 else 900
        context = browser.new_context(
            base_url=desk.address, viewport={"width": width, "height": height}, locale=more.pop("locale", "en"),
            reduced_motion=more.pop("reduced_motion", "reduce"), **more,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_tab
    for context in contexts:
        context.close()
    # A browser notes every answer of 400 and more; the states that end so are meant.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


@pytest.fixture(scope="session")
def large_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of more than 4 MB."""
    from PIL import Image

    path = tmp_path_factory.mktemp("large") / "match-large.jpg"
    noise = np.random.default_rng(3).integers(0, 256, (1800, 2400, 3), np.uint8)
    Image.fromarray(noise).save(path, quality=95)
    assert path.stat().st_size > 4_000_000
    return path
