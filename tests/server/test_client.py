"""The clients: both have the same methods, and ask again where that cannot do harm."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from simsearch.client import AsyncClient, Client, ServerProblem, calls

if TYPE_CHECKING:
    from tests.server.conftest import Served

ANSWER = {"decision": "unknown", "id": 1}
PROBLEM = {
    "type": "/problems/busy", "title": "Busy", "status": 503, "detail": "", "instance": "/", "request_id": "r",
}  # fmt: skip


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "pause_s", lambda response, attempt: 0.0)


def scripted(*steps: httpx.Response | Exception) -> tuple[Client, list[httpx.Request]]:
    """A client of a server that does one of `steps` after the other, and what it was sent."""
    left, sent = list(steps), list[httpx.Request]()

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    return Client("http://test", transport=httpx.MockTransport(handle), retries=2), sent


def busy(status: int = 503, retry_after: bool = True) -> httpx.Response:
    body = {**PROBLEM, "status": status}
    return httpx.Response(status, json=body, headers={"Retry-After": "1"} if retry_after else {})


def test_both_clients_have_the_same_methods() -> None:
    def methods(cls: type) -> dict[str, str]:
        found = {}
        for name, method in vars(cls).items():
            if name.startswith("_") or not inspect.isfunction(method):
                continue
            found[name] = str(inspect.signature(method))
        return found

    assert methods(Client) == methods(AsyncClient)
    assert len(methods(Client)) > 18


def test_a_question_is_asked_again_with_the_same_key() -> None:
    client, sent = scripted(httpx.ReadError("lost"), busy(), httpx.Response(200, json=ANSWER))
    assert client.query(b"photo") == ANSWER
    assert len({request.headers["idempotency-key"] for request in sent}) == 1
    assert [request.content for request in sent] == [b"photo"] * 3


def test_a_form_is_sent_again_as_it_was() -> None:
    client, sent = scripted(httpx.RemoteProtocolError("lost"), httpx.Response(200, json=ANSWER))
    client.query_together([b"one", b"two"])
    assert sent[0].content == sent[1].content


@pytest.mark.parametrize("error", [httpx.ReadError("lost"), httpx.WriteError("lost")])
def test_a_change_that_may_have_been_made_is_not_made_again(error: Exception) -> None:
    client, sent = scripted(error, httpx.Response(200, json=ANSWER, headers={"ETag": '"a"'}))
    with pytest.raises(httpx.TransportError):
        client.review(1, "confirmed")
    assert len(sent) == 1


def test_a_change_that_never_arrived_is_made_again() -> None:
    done = httpx.Response(200, json=ANSWER, headers={"ETag": '"a"'})
    client, sent = scripted(httpx.ConnectError("refused"), busy(), done)
    assert client.review(1, "confirmed").etag == '"a"'
    assert len(sent) == 3


@pytest.mark.parametrize(
    ("response", "asked"), [(busy(), 3), (busy(429), 3), (busy(503, False), 1), (busy(422), 1), (busy(409), 1)]
)
def test_it_gives_up_in_the_end(response: httpx.Response, asked: int) -> None:
    client, sent = scripted(*[response] * 3)
    with pytest.raises(ServerProblem) as caught:
        client.status()
    assert (len(sent), caught.value.status) == (asked, response.status_code)


def test_an_answer_of_something_else_is_a_problem_too() -> None:
    client, _ = scripted(httpx.Response(502, text="<h1>Bad gateway</h1>"))
    with pytest.raises(ServerProblem, match="Bad gateway") as caught:
        client.status()
    assert caught.value.name == "unknown"


def test_a_token_is_sent() -> None:
    sent = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["authorization"])
        return httpx.Response(200, json={})

    Client("http://test", "secret", transport=httpx.MockTransport(handle)).status()
    assert sent == ["Bearer secret"]


def test_pauses_follow_the_server_and_grow_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert 7.0 <= calls.pause_s(busy(), 0) * 7 <= 8.75
    assert calls.pause_s(None, 0) <= 0.1
    assert 0.8 <= calls.pause_s(None, 4) <= 1.6
    assert calls.pause_s(None, 40) <= 30.0


def test_the_other_client_asks_the_server(served: Served) -> None:
    async def ask() -> list[Any]:
        async with AsyncClient(served.address) as client:
            answers = await asyncio.gather(*(client.query(served.photo(n), record=False) for n in range(4)))
            assert (await client.status())["version"]
            with pytest.raises(ServerProblem):
                await client.product("nothing")
            return [answer["sku"] for answer in answers]

    # In a thread of its own: Playwright's loop may still be running in this one.
    with ThreadPoolExecutor(1) as aside:
        found = aside.submit(asyncio.run, ask()).result()
    assert found == [product.sku for product in served.shop.single[:4]]


def test_only_two_photos_or_two_numbers_are_verified() -> None:
    client, _ = scripted()
    with pytest.raises(TypeError, match="two photos"):
        client.verify(1, b"photo")
