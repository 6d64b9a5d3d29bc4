"""The log: one line a request that people and programs can read, and nothing in it that is nobody's business."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from simsearch.server import logs

if TYPE_CHECKING:
    from tests.server.conftest import Served


@pytest.fixture
def lines() -> Callable[[list[logging.LogRecord]], list[dict[str, object]]]:
    """Log records as JSON."""
    formatter = logs._Json()
    return lambda records: [json.loads(formatter.format(record)) for record in records]


def test_a_line_says_what_was_asked_and_no_secret(
    served: Served,
    token: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
    lines: Callable[[list[logging.LogRecord]], list[dict[str, object]]],
) -> None:
    secret = token("read")
    with caplog.at_level(logging.INFO, "simsearch.server"):
        given = {"where": "name!=Morphine", "name": "patient Miller.jpg"}
        headers = {
            "Authorization": f"Bearer {secret}",
            "X-Request-ID": "from-the-proxy.1",
            "Idempotency-Key": "k-of-log",
        }
        done = served.ask(params=given, headers=headers)
        served.http.get("/v1/status", headers={"Authorization": f"Bearer {secret}x"})
    found = [line for line in lines(caplog.records) if line["message"] == "request"]
    asked = found[0]
    assert done.headers["x-request-id"] == asked["request_id"] == "from-the-proxy.1"
    assert (asked["route"], asked["method"], asked["status"]) == ("/v1/queries", "POST", 200)
    assert (asked["client"], asked["outcome"], asked["decision"]) == ("read-0", "match", done.json()["id"])
    assert asked["bytes_in"] == len(served.photo())
    assert (found[1]["status"], found[1]["problem"]) == (401, "no-token")
    text = json.dumps(found)
    for private in (secret, "Morphine", "Miller", "k-of-log"):
        assert private not in text


def test_an_id_that_is_none_is_replaced(served: Served) -> None:
    for given in ("a b", "x" * 65, "", "ü", '"; drop'):
        found = served.http.get("/health/live", headers={b"X-Request-ID": given.encode()}).headers["x-request-id"]
        assert found != given
        assert len(found) == 32


def test_lines_are_one_line_each() -> None:
    record = logging.makeLogRecord({
        "msg": "two\nlines", "levelname": "INFO", "name": "simsearch.server", "route": "/v1", "client": None,
    })  # fmt: skip
    assert json.loads(logs._Json().format(record))["message"] == "two\nlines"
    assert "\n" not in logs._Json().format(record)
    text = logs._Text().format(record)
    assert text.endswith("info two lines route=/v1")
