"""What both clients have in common: requests, the reading of responses, and when a request is sent again."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx

from simsearch.views.types import ProblemBody

T = TypeVar("T")
Photo = str | os.PathLike[str] | bytes
"""A path, or the content of an image file."""
LOST = (httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""The connection broke. A request that may be repeated is."""
_LONGEST_PAUSE_S = 30.0


class ServerProblem(Exception):  # noqa: N818 - RFC 9457's word
    """The server answered with a problem."""

    def __init__(self, status: int, body: ProblemBody) -> None:
        super().__init__(f"{body['title']}: {body['detail']} ({status}, request {body['request_id']})")
        self.status, self.body = status, body
        self.name = body["type"].rpartition("/")[2]
        """For instance "too-large"; docs/server.md has all."""


@dataclass(frozen=True)
class Tagged(Generic[T]):
    """A state with its ETag, to be given back with a change of it."""

    value: T
    etag: str


@dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    files: Sequence[tuple[str, tuple[str, bytes, str]]] = ()
    json: Any = None
    repeatable: bool = False
    """Whether sending it twice does no more than once."""

    def built(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """For httpx."""
        params = {key: value for key, value in self.params.items() if value is not None}
        more: dict[str, Any] = {}
        if self.content is not None:
            more["content"] = self.content
        if self.files:
            more["files"] = list(self.files)
        if self.json is not None:
            more["json"] = self.json
        return client.build_request(self.method, self.path, params=params, headers=dict(self.headers), **more)


def pause_s(response: httpx.Response | None, attempt: int) -> float:
    """Seconds to wait before attempt number `attempt` (from 1): what the server says, or else a growing random time."""
    told = str(response.headers.get("retry-after", "")) if response is not None else ""
    if told.isdecimal():
        return min(float(told), _LONGEST_PAUSE_S) * random.uniform(1.0, 1.25)
    return min(0.1 * 2.0**attempt, _LONGEST_PAUSE_S) * random.uniform(0.5, 1.0)


def again(response: httpx.Response, call: Call) -> bool:
    """Whether the server asks to be asked again."""
    if response.status_code in (429, 503):
        return "retry-after" in response.headers
    return response.status_code == 409 and call.repeatable and _name(response) == "in-progress"


def checked(response: httpx.Response) -> httpx.Response:
    """The response, where it is no problem.

    Raises:
        ServerProblem: it is one.
    """
    if response.status_code < 400:
        return response
    try:
        body = response.json()
        raise ServerProblem(response.status_code, body)
    except (ValueError, KeyError, TypeError):
        text = response.text[:200]
        unknown: ProblemBody = {
            "type": "/problems/unknown", "title": "No answer of simsearch", "status": response.status_code,
            "detail": text, "instance": response.request.url.path, "request_id": "",
        }  # fmt: skip
        raise ServerProblem(response.status_code, unknown) from None


def _name(response: httpx.Response) -> str:
    try:
        return str(response.json().get("type", "")).rpartition("/")[2]
    except (ValueError, AttributeError):
        return ""


def content(photo: Photo) -> tuple[str, bytes]:
    """(name, bytes) of a photo."""
    if isinstance(photo, bytes):
        return "photo", photo
    return os.path.basename(os.fspath(photo)), Path(photo).read_bytes()


# -- requests ----------------------------------------------------------------------------------------------------------


def query(photo: Photo, wish: Mapping[str, Any], key: str | None) -> Call:
    name, data = content(photo)
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": key or uuid4().hex}
    return Call("POST", "/v1/queries", {"name": name, **wish}, headers, data, repeatable=True)


def together(photos: Sequence[Photo], wish: Mapping[str, Any], key: str | None) -> Call:
    files = [("photo", (*content(photo), "application/octet-stream")) for photo in photos]
    headers = {"Idempotency-Key": key or uuid4().hex}
    return Call("POST", "/v1/queries/together", wish, headers, files=files, repeatable=True)


def verify(a: Photo | int, b: Photo | int) -> Call:
    if isinstance(a, int) and isinstance(b, int):
        return Call("POST", "/v1/verifications", json={"a": a, "b": b}, repeatable=True)
    if isinstance(a, int) or isinstance(b, int):
        raise TypeError("give two photos, or the numbers of two images")
    files = [(field, (*content(photo), "application/octet-stream")) for field, photo in (("a", a), ("b", b))]
    return Call("POST", "/v1/verifications", files=files, repeatable=True)


def get(path: str, **params: Any) -> Call:
    return Call("GET", path, params, repeatable=True)


def put(path: str, body: Any, etag: str | None) -> Call:
    return Call("PUT", path, headers=_match(etag), json=body)


def delete(path: str, etag: str | None) -> Call:
    return Call("DELETE", path, headers=_match(etag))


def pair_path(a: str, b: str) -> str:
    return f"/v1/duplicates/reviews/{quote(a, safe='')}/{quote(b, safe='')}"


def product_path(sku: str) -> str:
    return f"/v1/products/{quote(sku, safe='')}"


def wish(where: Sequence[str], k: int | None, explain: bool, record: bool) -> dict[str, Any]:
    flags = {"explain": "true" if explain else None, "record": None if record else "false"}
    return {"where": list(where) or None, "k": k, **flags}


def _match(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}
