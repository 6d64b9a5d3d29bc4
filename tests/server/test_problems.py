"""Every kind of error that the server knows is provoked once, and is what its table says."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simsearch import open_app
from simsearch.catalog.reviews import Side
from simsearch.core.errors import EngineError, GenerationError, WeightsError
from simsearch.server import problems
from simsearch.server.duplicate_runs import DuplicateRuns
from simsearch.server.idempotency import Asked
from simsearch.server.problems import KINDS, MEDIA_TYPE

if TYPE_CHECKING:
    from tests.conftest import Kit
    from tests.server.conftest import Served, Starting

ROOT = Path(__file__).resolve().parents[2]
CASES: dict[str, Callable[[Case], httpx.Response]] = {}


@dataclass
class Case:
    """What a case may use."""

    served: Served
    starting: Starting
    token: Callable[[str], str]
    patch: pytest.MonkeyPatch
    folder: Path
    kit: Kit

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.served.http.get(path, **more)

    def put(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return self.served.http.put(path, json=body, **more)

    def asked(self, number: int = 0) -> str:
        """The address of a recorded answer, a match."""
        return f"/v1/decisions/{self.served.ask(self.served.photo(number)).json()['id']}"

    def failing(self, error: Exception) -> httpx.Response:
        """The answer where the engine raises `error`."""

        def fails(*args: Any, **more: Any) -> Any:
            raise error

        self.patch.setattr(self.served.app, "query", fails)
        return self.served.ask()


def case(name: str) -> Callable[[Callable[[Case], httpx.Response]], None]:
    def noted(make: Callable[[Case], httpx.Response]) -> None:
        CASES[name] = make

    return noted


@pytest.fixture
def prepared(
    served: Served,
    starting: Starting,
    token: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kit: Kit,
) -> Iterator[Case]:
    with monkeypatch.context() as patch:
        yield Case(served, starting, token, patch, tmp_path, kit)


def parsed(raw: bytes) -> httpx.Response:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)


def whole(connection: Any) -> bytes:
    found = b""
    while part := connection.recv(65536):
        found += part
    return found


@case("bad-request")
def _(c: Case) -> httpx.Response:
    with c.served.raw() as connection:
        connection.sendall(b"this is no HTTP\r\n\r\n")
        return parsed(whole(connection))


@case("bad-filter")
def _(c: Case) -> httpx.Response:
    return c.served.ask(params={"where": "colour is red"})


@case("bad-cursor")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/decisions", params={"cursor": "nonsense"})


@case("bad-time")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/decisions", params={"since": "yesterday"})


@case("no-token")
def _(c: Case) -> httpx.Response:
    c.token("read")
    return c.get("/v1/status")


@case("not-allowed")
def _(c: Case) -> httpx.Response:
    headers = {"Authorization": f"Bearer {c.token('read')}"}
    return c.put("/v1/decisions/1/review", {"verdict": "confirmed"}, headers=headers)


@case("cross-site")
def _(c: Case) -> httpx.Response:
    return c.served.ask(headers={"Sec-Fetch-Site": "cross-site"})


@case("not-found")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/nothing")


@case("no-decision")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/decisions/99999999")


@case("no-product")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/products/nothing%2Fhere")


@case("no-image")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/images/99999999/thumbnail")


@case("no-photo")
def _(c: Case) -> httpx.Response:
    return c.get(f"{c.asked()}/photo")


@case("no-review")
def _(c: Case) -> httpx.Response:
    return c.served.http.delete(f"{c.asked()}/review")


@case("no-name")
def _(c: Case) -> httpx.Response:
    return c.put(f"/v1/duplicates/reviews/{c.served.shop.single[0].sku}/nothing", {"said": "dismissed"})


@case("never-run")
def _(c: Case) -> httpx.Response:
    shutil.rmtree(c.served.app.home / "server" / "duplicates", ignore_errors=True)
    return c.get("/v1/duplicates")


@case("no-run")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/duplicates/runs/20260101T000000000000Z")


@case("no-such-method")
def _(c: Case) -> httpx.Response:
    found = c.served.http.patch("/v1/queries")
    assert found.headers["allow"] == "POST"
    return found


@case("body-timeout")
def _(c: Case) -> httpx.Response:
    with c.starting(body_timeout_s=0.3) as served, served.raw() as connection:
        connection.sendall(b"POST /v1/queries HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n")
        connection.sendall(b"Content-Length: 5000\r\n\r\nand then nothing")
        return parsed(whole(connection))


@case("unknown-sku")
def _(c: Case) -> httpx.Response:
    return c.put(f"{c.asked()}/review", {"verdict": "corrected", "sku": "nothing"})


@case("contradiction")
def _(c: Case) -> httpx.Response:
    return c.put(f"{c.asked()}/review", {"verdict": "confirmed", "sku": c.served.shop.single[1].sku})


@case("ambiguous-name")
def _(c: Case) -> httpx.Response:
    one, two = (product.sku for product in c.served.shop.single[:2])
    sides = {"front.jpg": [Side(one, "1"), Side(two, "2")], one: [Side(one)]}
    c.patch.setattr(c.served.app.catalog.reviews, "sides", lambda name: sides[name])
    return c.put(f"/v1/duplicates/reviews/{one}/front.jpg", {"said": "dismissed"})


@case("in-progress")
def _(c: Case) -> httpx.Response:
    headers = {"Idempotency-Key": "in-progress"}
    begun: list[Asked] = []
    begin = c.served.state.answers.begin

    def noted(asked: Asked) -> bytes | None:
        begun.append(asked)
        return begin(asked)

    c.patch.setattr(c.served.state.answers, "begin", noted)
    c.patch.setattr(c.served.state.answers, "finish", lambda asked, body: None)  # as though it went on
    c.served.ask(headers=headers)
    found = c.served.ask(headers=headers)
    c.served.state.answers.abandon(begun[0])
    return found


@case("running")
def _(c: Case) -> httpx.Response:
    with DuplicateRuns(c.served.app.home).running() as run:
        found = c.served.http.post("/v1/duplicates/runs")
        assert found.headers["location"] == f"/v1/duplicates/runs/{run.run.id}"
    return found


@case("file-gone")
def _(c: Case) -> httpx.Response:
    sku = c.served.shop.single[2].sku
    image = c.get(f"/v1/products/{sku}").json()["images"][0]
    path = c.served.shop.photo(sku)
    moved = path.rename(path.with_name("moved.jpg"))
    try:
        return c.get(f"/v1/images/{image['id']}/thumbnail")
    finally:
        moved.rename(path)


@case("somebody-was-faster")
def _(c: Case) -> httpx.Response:
    return c.put(f"{c.asked()}/review", {"verdict": "confirmed"}, headers={"If-Match": '"what I saw"'})


@case("too-large")
def _(c: Case) -> httpx.Response:
    with c.starting(max_body_bytes=2000) as served:
        return served.ask()


@case("not-an-image")
def _(c: Case) -> httpx.Response:
    return c.served.ask(b"no photo")


@case("wrong-host")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/status", headers={"Host": "attacker.example"})


@case("invalid")
def _(c: Case) -> httpx.Response:
    return c.get("/v1/decisions", params={"limit": 0})


@case("unreadable-image")
def _(c: Case) -> httpx.Response:
    found = c.served.ask(c.served.photo()[:5000])
    assert found.json()["code"] == "truncated"
    return found


@case("key-reused")
def _(c: Case) -> httpx.Response:
    for number in (0, 1):
        found = c.served.ask(c.served.photo(number), headers={"Idempotency-Key": "key-reused"})
    return found


@case("too-many-requests")
def _(c: Case) -> httpx.Response:
    with c.starting(rate_per_s=0.1, burst=1) as served:
        assert served.ask().status_code == 200
        found = served.ask()
        assert 1 <= int(found.headers["retry-after"]) <= 10
        assert served.http.get("/v1/status").status_code == 200  # looking is free
    return found


@case("headers-too-large")
def _(c: Case) -> httpx.Response:
    with c.served.raw() as connection:
        # All at once: the server hangs up when it has read too much, and would break a pipe that is still written to.
        connection.sendall(b"GET /v1/status HTTP/1.1\r\nHost: localhost\r\n" + (b"X: " + b"x" * 1000 + b"\r\n") * 70)
        return parsed(whole(connection))


@case("defect")
def _(c: Case) -> httpx.Response:
    found = c.failing(ValueError("a secret"))
    assert "secret" not in found.text
    return found


@case("busy")
def _(c: Case) -> httpx.Response:
    with c.starting(queue=0) as served:
        served.state.jobs.taken = 1
        return served.ask()


@case("too-slow")
def _(c: Case) -> httpx.Response:
    with c.starting(answer_timeout_s=0.001) as served:
        return served.ask()


@case("no-catalog")
def _(c: Case) -> httpx.Response:
    from tests.server.conftest import serving

    with (
        open_app(c.folder / "none", c.kit.config) as app,
        serving(app, c.served.shop, c.served.state.settings) as served,
    ):
        ready = served.http.get("/health/ready")
        assert (ready.status_code, ready.json()["reasons"][0]["type"]) == (503, "no-catalog")
        found = served.ask()
    assert not (c.folder / "none").exists()
    return found


@case("rebuilding")
def _(c: Case) -> httpx.Response:
    return c.failing(GenerationError("/a/path of the server: is damaged"))


@case("no-engine")
def _(c: Case) -> httpx.Response:
    return c.failing(EngineError("http://milvus.example: does not answer at /a/path"))


@case("out-of-order")
def _(c: Case) -> httpx.Response:
    return c.failing(WeightsError("/a/path of the server: is damaged"))


@pytest.mark.parametrize("name", KINDS)
def test_a_problem_is_what_the_table_says(name: str, prepared: Case) -> None:
    found = CASES[name](prepared)
    kind, body = KINDS[name], found.json()
    assert found.status_code == kind.status
    assert found.headers["content-type"] == MEDIA_TYPE
    assert {"type", "title", "status", "detail", "instance", "request_id"} <= set(body)
    assert (body["type"], body["title"], body["status"]) == (f"/problems/{name}", kind.title, kind.status)
    assert body["detail"]
    assert "/a/path" not in found.text
    assert found.headers["x-content-type-options"] == "nosniff"
    assert ("retry-after" in found.headers) is (kind.status in (429, 503) or name == "in-progress")
    assert ("www-authenticate" in found.headers) is (kind.status == 401)


def test_every_case_is_a_kind() -> None:
    assert set(CASES) == set(KINDS)


def test_a_type_of_problem_can_be_looked_up(served: Served) -> None:
    assert served.http.get("/problems/busy").json()["status"] == 503
    assert served.http.get("/problems/none").status_code == 404


def test_the_table_of_the_docs_is_generated() -> None:
    page = (ROOT / "docs/server.md").read_text(encoding="utf-8")
    assert problems.table() in page


def test_every_problem_that_is_raised_is_known() -> None:
    raised = {
        name
        for path in (ROOT / "simsearch/server").rglob("*.py")
        for name in re.findall(r"Problem\(\s*\"([a-z-]+)\"", path.read_text(encoding="utf-8"))
    }
    assert raised <= set(KINDS)
    assert len(raised) > 30
