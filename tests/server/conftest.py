"""A real server on loopback, in a thread of this process: uvicorn with the same protocol, application and settings."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

import httpx
import uvicorn
from fastapi import FastAPI

from simsearch import App, open_app
from simsearch.client import Client
from simsearch.core.config import ServerSettings
from simsearch.server.factory import create_app
from simsearch.server.state import ServerState
from simsearch.server.worker import listening

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

JPEG = {"Content-Type": "image/jpeg"}


@dataclass
class Served:
    """A server that answers."""

    app: App
    made: FastAPI
    port: int
    shop: Shop
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.address, timeout=60)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> ServerState:
        found: ServerState = self.made.state.server
        return found

    def client(self, token: str | None = None, **more: Any) -> Client:
        return Client(self.address, token, **more)

    def photo(self, number: int = 0) -> bytes:
        """A catalog picture of a product that is filed once: the answer is a match."""
        return self.shop.photo(self.shop.single[number].sku).read_bytes()

    def ask(self, data: bytes | None = None, **more: Any) -> httpx.Response:
        headers = {**JPEG, **more.pop("headers", {})}
        content = self.photo() if data is None else data
        return self.http.post("/v1/queries", content=content, headers=headers, **more)

    @contextmanager
    def raw(self, timeout_s: float = 20.0) -> Iterator[socket.socket]:
        """A connection of its own, to send whatever."""
        with socket.create_connection(("127.0.0.1", self.port), timeout_s) as connection:
            yield connection


class _Server(uvicorn.Server):
    """Without the signal handlers, which are the test runner's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def serving(app: App, shop: Shop, settings: ServerSettings) -> Iterator[Served]:
    """A server on `app` with these settings, on a free port."""
    made = create_app(app, settings)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        server = _Server(listening(made, settings))
        thread = Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        served = Served(app, made, listener.getsockname()[1], shop)
        until = time.monotonic() + 60
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        try:
            yield served
        finally:
            served.http.close()
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def open_home(indexed: Path, kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """A warm application on a home of the server tests' own."""
    folder = Path(shutil.copytree(indexed, tmp_path_factory.mktemp("served") / "home"))
    with open_app(folder, kit.config) as app:
        app.prepare()
        yield app


@pytest.fixture(scope="session")
def settings() -> ServerSettings:
    """Loopback, and no rate."""
    return ServerSettings(port=0, rate_per_s=0.0, threads=1, queue=4, workers=1)


@pytest.fixture(scope="session")
def served(open_home: App, shop: Shop, settings: ServerSettings) -> Iterator[Served]:
    """The server that most tests ask. Nobody need say who they are."""
    with serving(open_home, shop, settings) as found:
        yield found


Starting = Callable[..., AbstractContextManager[Served]]


@pytest.fixture
def starting(open_home: App, shop: Shop, settings: ServerSettings) -> Starting:
    """A server of a test's own: the settings that differ, as keywords."""

    @contextmanager
    def start(**different: Any) -> Iterator[Served]:
        with serving(open_home, shop, replace(settings, **different)) as found:
            yield found

    return start


@pytest.fixture
def token(open_home: App) -> Iterator[Callable[[str], str]]:
    """Makes tokens of a role; they are revoked at the end."""
    from simsearch.server.tokens import Tokens

    tokens = Tokens(open_home.home)
    made: list[str] = []

    def make(role: str) -> str:
        name = f"{role}-{len(made)}"
        made.append(name)
        return tokens.add(name, role)

    yield make
    for name in made:
        tokens.revoke(name)
    tokens.path.unlink(missing_ok=True)
