"""`simsearch serve` as a process with two workers: reloaded, killed and ended while it is asked."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from simsearch.client import Client
from simsearch.core.config import ServerSettings
from simsearch.server import sockets, supervisor

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

ROOT = Path(__file__).resolve().parents[2]
START = """
import os, sys
if os.environ.get("HANDED"):
    os.dup2(int(os.environ.pop("HANDED")), 3)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
from simsearch.cli.main import main
main()
"""


@dataclass
class Process:
    """A server of its own."""

    process: subprocess.Popen[bytes]
    log: Path
    home: Path
    address: str = ""

    def lines(self) -> list[dict[str, Any]]:
        """The log so far."""
        found = []
        for line in self.log.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found

    def await_line(self, message: str, count: int = 1, timeout_s: float = 900.0) -> dict[str, Any]:
        """The line number `count` with this message."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            found = [line for line in self.lines() if line["message"].startswith(message)]
            if len(found) >= count:
                return found[count - 1]
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            time.sleep(0.1)
        raise AssertionError(f"{message!r} was not logged:\n{self.log.read_text(encoding='utf-8')}")

    def workers(self) -> list[int]:
        """Their process ids."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text(encoding="ascii")
        names = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children.split()}
        return sorted(pid for pid, name in names.items() if b"resource_tracker" not in name)


@pytest.fixture(scope="module")
def process(indexed: Path, kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Started by socket activation, as systemd does it."""
    import shutil

    folder = tmp_path_factory.mktemp("supervised")
    home = Path(shutil.copytree(indexed, folder / "home"))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SIMSEARCH_", "LISTEN_"))}
    with socket.socket() as listener, (folder / "log").open("wb") as log:
        listener.bind(("127.0.0.1", 0))
        environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HANDED": str(listener.fileno())}
        command = [sys.executable, "-c", START, "--config", str(kit.config), "--home", str(home), "serve"]
        started = subprocess.Popen(command, env=environment, stderr=log, pass_fds=[listener.fileno()], cwd=folder)
        found = Process(started, folder / "log", home)
        try:
            found.address = found.await_line("serving")["address"]
            assert found.address.endswith(f":{listener.getsockname()[1]}")
            yield found
        finally:
            if started.poll() is None:
                started.terminate()
                started.wait(60)


class Asking:
    """Clients that ask all the time; every answer is compared with the first."""

    def __init__(self, address: str, photo: bytes, clients: int = 2) -> None:
        self.address, self.photo, self.stop = address, photo, Event()
        with Client(address) as client:
            self.sku = client.query(photo, record=False)["sku"]
        self.answers, self.wrong, self.failed = 0, list[Any](), list[str]()
        self.pool = ThreadPoolExecutor(clients)
        self.futures = [self.pool.submit(self._ask) for _ in range(clients)]

    def _ask(self) -> None:
        while not self.stop.is_set():
            try:
                with Client(self.address) as client:
                    for _ in range(5):  # one connection is kept alive, and a new one is made now and then
                        sku = client.query(self.photo, record=False)["sku"]
                        self.answers += 1
                        time.sleep(0.05)  # the new workers need the processor, too
                        if sku != self.sku:
                            self.wrong.append(sku)
            except Exception as error:
                self.failed.append(f"{type(error).__name__}: {error}")

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        until = time.monotonic() + 60  # what was done beside them may have taken less than ten answers
        while self.answers <= 10 and not self.failed and time.monotonic() < until:
            time.sleep(0.05)
        self.stop.set()
        self.pool.shutdown(wait=True)
        assert (self.wrong, self.failed) == ([], [])
        assert self.answers > 10


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_workers_are_renewed_and_replaced_while_they_are_asked(process: Process, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku).read_bytes()
    first = process.workers()
    assert len(first) == 2
    with Asking(process.address, photo):
        process.process.send_signal(signal.SIGHUP)
        process.await_line("renewed")
    second = process.workers()
    assert len(second) == 2
    assert not set(first) & set(second)

    with Asking(process.address, photo):
        os.kill(second[0], signal.SIGKILL)
        process.await_line("a worker died")
        process.await_line("ready", count=5)  # two at first, two renewed, one in place of the dead
        time.sleep(1.0)
    third = process.workers()
    assert len(third) == 2
    assert second[0] not in third

    with Client(process.address) as client:
        text = client.http.get("/metrics").text
    answered = next(line for line in text.splitlines() if line.startswith("simsearch_answers_total"))
    assert float(answered.rpartition(" ")[2]) > 20  # of dead workers, too


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_others_do_to_the_home_takes_effect_at_once(process: Process, shop: Shop, kit: Kit) -> None:
    """New photos, a new generation and another calibration, while clients ask."""
    from simsearch import open_app
    from simsearch.recognition.calibration import Calibration

    photo = shop.photo(shop.single[0].sku).read_bytes()
    new = process.home.parent / "new" / "NEW-1"
    new.mkdir(parents=True)
    turned = Image.open(shop.photo(shop.single[4].sku)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned.save(new / "front.png")
    asked = (new / "front.png").read_bytes()
    with Client(process.address) as client, open_app(process.home, kit.config) as app:
        with Asking(process.address, photo):
            assert client.query(asked, record=False)["sku"] != "NEW-1"
            app.index([new.parent], rebuild=False)
            assert client.query(asked, record=False)["sku"] == "NEW-1"
            before = client.status()
            assert before["outside"] == 1
            name = app.rebuild()
            assert client.query(asked, record=False)["generation"] == name != before["generation"]
            assert client.status()["outside"] == 0
        calibration = Calibration.load(kit.calibration)
        assert client.query(photo, record=False)["decision"] == "match"
        doubtful = replace(calibration, fusion=replace(calibration.fusion, bias=-1000.0))
        doubtful.save(process.home / "calibration.json")
        assert client.query(photo, record=False)["decision"] == "unknown"
        (process.home / "calibration.json").unlink()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_what_was_begun_is_finished_at_the_end(process: Process, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku).read_bytes()
    started = Event()

    def ask() -> int:
        with Client(process.address, retries=0) as client:
            request = client.http.build_request(
                "POST", "/v1/queries", params={"record": "false"}, headers={"Content-Type": "image/jpeg"},
                content=slowly(photo, started),
            )  # fmt: skip
            return client.http.send(request).status_code

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        started.wait(20)
        time.sleep(0.3)
        process.process.send_signal(signal.SIGTERM)
        assert [one.result() for one in asked] == [200] * 4
    assert process.process.wait(60) == 0
    levels = {line["level"] for line in process.lines()}
    assert levels <= {"info", "error"}
    assert {line["message"] for line in process.lines() if line["level"] == "error"} <= {"a worker died"}


def slowly(photo: bytes, started: Event) -> Iterator[bytes]:
    """A body that takes a second."""
    half = len(photo) // 2
    yield photo[:half]
    started.set()
    time.sleep(1.0)
    yield photo[half:]


# -- without a process -------------------------------------------------------------------------------------------------


def test_only_sockets_for_this_process_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert sockets.activated() == []
    assert "LISTEN_FDS" not in os.environ


def test_a_port_in_use_is_named() -> None:
    from simsearch.core.errors import ConfigError

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = ServerSettings(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="cannot be listened on"), sockets.listening(settings):
            pass


def test_systemd_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        supervisor.notify("READY=1")
        assert told.recv(100) == b"READY=1"
    supervisor.notify("STOPPING=1")  # nobody listens any more
