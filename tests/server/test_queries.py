"""Photos that are asked over HTTP: the answers of the command line, whole, in time, and once for a key."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from simsearch.client import ServerProblem
from simsearch.core.types import Photo
from simsearch.views import json as shapes

if TYPE_CHECKING:
    from tests.server.conftest import Served

TIMES = {"took_ms", "stages_ms", "id"}


def timeless(value: Any) -> Any:
    """`value` without what differs between two answers to one photo."""
    if isinstance(value, dict):
        return {key: timeless(part) for key, part in value.items() if key not in TIMES}
    return [timeless(part) for part in value] if isinstance(value, list) else value


def test_an_answer_is_that_of_the_command_line(served: Served) -> None:
    photo = Photo("box.jpg", served.photo())
    [found] = served.app.query([photo], record=False)
    done = served.ask(photo.data, params={"name": "box.jpg", "record": "false"})
    assert done.status_code == 200
    assert done.headers["content-type"] == "application/json"
    assert timeless(done.json()) == timeless(json.loads(json.dumps(shapes.answer("box.jpg", found))))
    assert done.json()["id"] is None
    assert done.headers["server-timing"].startswith("wait;dur=")
    assert "describe;dur=" in done.headers["server-timing"]


def test_a_connection_whose_photo_waited_may_go_to_another_worker(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = served.photo()
    assert "connection" not in served.ask(photo, params={"record": "false"}).headers
    monkeypatch.setattr("simsearch.server.gate._WAITED_MS", -1.0)
    waited = served.ask(photo, params={"record": "false"})
    assert (waited.status_code, waited.headers["connection"]) == (200, "close")
    assert "connection" not in served.http.get("/health/live").headers


def test_an_answer_is_recorded_under_its_number(served: Served) -> None:
    with served.client() as client:
        answer = client.query(served.photo(), k=2, explain=True)
        assert answer["decision"] == "match"
        assert len(answer["hits"]) == 2
        assert "stages_ms" in answer["explanation"]
        assert answer["id"] is not None
        recorded = client.decision(answer["id"]).value
    assert (recorded["sku"], recorded["generation"]) == (answer["sku"], answer["generation"])
    assert recorded["photo_kept"] is False


def test_a_filter_narrows_the_answer(served: Served) -> None:
    sku = served.shop.single[0].sku
    with served.client() as client:
        assert client.query(served.photo(), where=[f"sku!={sku}"], record=False)["sku"] != sku
        with pytest.raises(ServerProblem) as caught:
            client.query(served.photo(), where=["colour=red"])
    assert caught.value.name == "bad-filter"
    assert "--where" not in str(caught.value)


def test_several_photos_have_one_answer_and_bad_ones_are_named(served: Served) -> None:
    sku = served.shop.single[1].sku
    faces = [served.shop.photo(sku, number) for number in (0, 1)]
    with served.client() as client:
        answer = client.query_together([*faces, b"no photo"], key="together-1")
        again = client.query_together([*faces, b"no photo"], key="together-1")
        with pytest.raises(ServerProblem) as caught:
            client.query_together([b"one", b"two"])
    assert answer["photos"] == [f"{sku}_0.jpg", f"{sku}_1.jpg", "photo"]
    assert answer["sku"] == sku
    assert [error["code"] for error in answer["errors"]] == ["not_an_image"]
    assert again == answer
    assert caught.value.name == "unreadable-image"


def test_two_photos_or_images_are_verified(served: Served) -> None:
    first, second = (served.shop.photo(served.shop.single[0].sku, number) for number in (0, 1))
    with served.client() as client:
        same = client.verify(first, first)
        assert (same["a"], same["b"], same["same"]) == ("a", "b", True)
        images = client.product(served.shop.single[0].sku)["images"]
        by_number = client.verify(images[0]["id"], images[1]["id"])
        assert by_number["a"] == images[0]["image"]
        assert by_number["probability"] == client.verify(first, second)["probability"]
        with pytest.raises(ServerProblem) as caught:
            client.verify(first, b"no photo")
    assert (caught.value.name, caught.value.body["detail"][:2]) == ("not-an-image", "b:")


def test_a_key_gives_the_same_answer_once(served: Served) -> None:
    headers = {"Idempotency-Key": "a-key-of-a-test"}
    first, again = (served.ask(headers=headers) for _ in range(2))
    assert first.json() == again.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert served.ask(served.photo(1), headers=headers).status_code == 422
    assert served.ask(params={"k": 3}, headers=headers).status_code == 422


def test_many_ask_at_once_and_each_gets_its_own_answer(starting: Any) -> None:
    with starting(threads=2, queue=30) as served, served.client() as client, ThreadPoolExecutor(8) as pool:
        numbers = [n % 6 for n in range(24)]
        answers = list(pool.map(lambda n: client.query(served.photo(n), record=False)["sku"], numbers))
        assert answers == [served.shop.single[n].sku for n in numbers]
        assert served.state.jobs.taken == 0


def test_an_answer_that_takes_too_long_is_given_up(starting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    with starting(answer_timeout_s=0.2, queue=0) as served:
        ask = served.app.query

        def slow(*args: Any, **more: Any) -> Any:
            time.sleep(1.0)
            return ask(*args, **more)

        monkeypatch.setattr(served.app, "query", slow)
        done = served.ask(params={"record": "false"})
        assert (done.status_code, done.json()["type"]) == (503, "/problems/too-slow")
        # What was begun goes on, and keeps its place until it is done.
        busy = served.ask()
        assert (busy.status_code, busy.json()["type"]) == (503, "/problems/busy")
        assert int(busy.headers["retry-after"]) >= 1
        monkeypatch.setattr(served.app, "query", ask)
        time.sleep(1.5)
        served.state.jobs.timeout_s = 30.0
        assert served.ask(params={"record": "false"}).status_code == 200


def test_a_client_that_leaves_takes_its_waiting_photo_along(starting: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time
    from threading import Event

    with starting(queue=3) as served:
        ask, asked, go = served.app.query, [], Event()

        def held(photos: Any, **more: Any) -> Any:
            asked.append(photos[0].name)
            go.wait(20)
            return ask(photos, **more)

        monkeypatch.setattr(served.app, "query", held)
        head = "POST /v1/queries?record=false&name={} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        photo = served.photo()
        with served.raw() as first, served.raw() as second:
            for name, connection in (("stays", first), ("leaves", second)):
                text = head.format(name) + f"Content-Length: {len(photo)}\r\n\r\n"
                connection.sendall(text.encode() + photo)
                time.sleep(0.3)
            assert served.state.jobs.taken == 2
            second.close()
            time.sleep(0.5)
            assert served.state.jobs.taken == 1
            go.set()
            assert first.recv(15).startswith(b"HTTP/1.1 200")
        assert asked == ["stays"]
