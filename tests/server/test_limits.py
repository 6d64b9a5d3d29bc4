"""What is refused, when, and at what cost: before a body is read, while it streams, and without memory."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simsearch.core.config import ServerSettings
from simsearch.server import protocol
from simsearch.server.rates import Rates

if TYPE_CHECKING:
    from tests.server.conftest import Served

HEAD = b"POST /v1/queries?record=false HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"


def status(connection: socket.socket) -> int:
    """Of the response that comes next."""
    found = b""
    while b"\r\n\r\n" not in found and (part := connection.recv(4096)):
        found += part
    return int(found.split()[1]) if found else 0


def test_a_full_queue_refuses_before_the_body_comes(starting: Any) -> None:
    with starting(threads=1, queue=1) as served, ExitStack() as stack:
        for _ in range(2):  # they take the places, and send no photo
            slow = stack.enter_context(served.raw())
            slow.sendall(HEAD + b"Content-Length: 9\r\n\r\n")
        time.sleep(0.3)
        third = stack.enter_context(served.raw())
        started = time.perf_counter()
        third.sendall(HEAD + b"Content-Length: 20000000\r\n\r\n")
        assert status(third) == 503
        assert time.perf_counter() - started < 1.0
        assert served.http.get("/health/live").status_code == 200


def test_leave_to_send_is_given_only_where_there_is_a_place(starting: Any) -> None:
    with starting(queue=0) as served, served.raw() as taken, served.raw() as other:
        taken.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        assert status(taken) == 100
        other.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        assert status(other) == 503


def test_a_body_is_counted_while_it_streams(starting: Any) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 200_000_000:
            sent += 65536
            yield bytes(65536)

    with starting(max_body_bytes=100_000) as served:
        try:
            found = served.http.post("/v1/queries", content=endless(), headers={"Content-Type": "image/jpeg"})
            assert found.status_code == 413
        except httpx.WriteError:  # the connection was closed on a client that does not stop
            pass
        assert sent < 100_000_000
        with served.raw() as connection:
            connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(40):
                connection.sendall(b"%x\r\n" % 5000 + bytes(5000) + b"\r\n")
            assert status(connection) == 413
        assert served.state.jobs.taken == 0


def test_a_refused_body_that_is_small_leaves_the_connection_open(served: Served) -> None:
    for _ in range(2):
        with served.raw() as connection:
            body = bytes(50_000)
            request = HEAD.replace(b"image/jpeg", b"text/plain") + b"Content-Length: 50000\r\n\r\n" + body
            for _ in range(3):
                connection.sendall(request)
                response = b""
                while b"}" not in response:
                    response += connection.recv(65536)
                assert response.startswith(b"HTTP/1.1 415")
                assert b"connection: close" not in response.lower()


def test_a_form_has_limits_of_its_own(starting: Any) -> None:
    with starting(max_body_bytes=300_000) as served:
        post = served.http.post
        nine = [("photo", (f"{n}.jpg", b"x", "image/jpeg")) for n in range(9)]
        assert post("/v1/queries/together", files=nine).status_code == 413
        assert post("/v1/queries/together", files=nine[:1]).status_code == 422
        assert post("/v1/queries/together", files=nine[:2], data={"more": "x" * 30_000}).status_code == 413
        assert post("/v1/queries/together", files=[("photo", ("a", bytes(400_000)))]).status_code == 413
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        for body in (b"", b"--x\r\n", b"--x\r\nA: b\r\n\r\nno end", b"nonsense"):
            assert post("/v1/queries/together", content=body, headers=headers).status_code == 400, body
        assert (
            post("/v1/queries/together", content=b"x", headers={"Content-Type": "multipart/form-data"}).status_code
            == 415
        )


def test_bodies_that_are_packed_are_refused(served: Served) -> None:
    assert served.ask(headers={"Content-Encoding": "gzip"}).status_code == 415
    assert served.ask(headers={"Content-Type": "application/json"}).status_code == 415
    assert served.http.post("/v1/queries", content=b"x").status_code == 415


def test_json_is_bounded(served: Served) -> None:
    address = "/v1/decisions/1/review"
    for body, expected in ((b"{" * 30_000, 413), (b"{", 400), (b"[]", 422), (b'{"verdict": 3}', 422), (b"\xff", 400)):
        found = served.http.put(address, content=body, headers={"Content-Type": "application/json"})
        assert found.status_code == expected, body[:10]
    assert served.http.put(address, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415


def test_a_connection_that_sends_no_headers_is_closed(starting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADERS_TIMEOUT_S", 0.3)
    with starting() as served, served.raw(5) as silent, served.raw(5) as slow:
        slow.sendall(b"GET /health/live HTTP/1.1\r\nHost: local")
        assert silent.recv(10) == b""
        assert slow.recv(10) == b""
        with served.raw(5) as good:  # the time is that of the headers alone
            for _ in range(3):
                good.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert status(good) == 200
                time.sleep(0.2)


# -- rates -------------------------------------------------------------------------------------------------------------


def test_a_rate_lets_a_burst_through_and_then_its_share(tmp_path: Path) -> None:
    rates = Rates(50.0, 5)
    assert [rates.wait_s("one") for _ in range(5)] == [0.0] * 5
    wait = rates.wait_s("one")
    assert 0 < wait <= 1 / 50
    assert rates.wait_s("another") == 0.0
    time.sleep(wait + 0.005)
    assert rates.wait_s("one") == 0.0


def test_processes_share_a_rate(tmp_path: Path) -> None:
    file = tmp_path / "rates"
    Rates.make(file)
    first, second = Rates(0.01, 3, file), Rates(0.01, 3, file)
    assert [rates.wait_s("one") for rates in (first, second, first)] == [0.0] * 3
    assert second.wait_s("one") > 50


def test_no_rate_lets_all_through() -> None:
    rates = Rates(0.0, 1)
    assert [rates.wait_s("one") for _ in range(100)] == [0.0] * 100


def test_settings_say_what_is_in_force() -> None:
    settings = ServerSettings()
    assert settings.keep_photos == "never"
    assert settings.host == "127.0.0.1"
