"""Bodies of requests: counted while they come in, with a time by which they must be there, and never put on a disk."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from simsearch.core.config import ServerSettings
from simsearch.server.problems import Problem

M = TypeVar("M", bound=BaseModel)
_LONGEST_NAME = 200
_JSON_BYTES = 20_000
_FIELD_BYTES = 20_000
"""Of all fields of a form that are no photos."""


@dataclass(frozen=True)
class Body:
    """A body that is one photo."""

    data: bytes
    sha256: str


@dataclass(frozen=True)
class Part:
    """A part of a multipart body."""

    field: str
    filename: str | None
    """As the client says; None where it names no file."""
    data: bytes

    @property
    def text(self) -> str:
        """Of a field that is no file."""
        return self.data.decode("utf-8", "replace")


@dataclass(frozen=True)
class Form:
    """A multipart body."""

    parts: tuple[Part, ...]
    sha256: str
    """Of the names and contents of all parts, whatever boundary parts them."""

    def files(self, field: str) -> list[Part]:
        """Those that carry a file under this name. What a browser sends for an empty choice is none."""
        return [p for p in self.parts if p.field == field and p.filename is not None and (p.filename or p.data)]

    def value(self, field: str, default: str = "") -> str:
        """The last field of that name that is no file."""
        return next((p.text for p in reversed(self.parts) if p.field == field and p.filename is None), default)

    def values(self, field: str) -> list[str]:
        """All fields of that name that are no files."""
        return [p.text for p in self.parts if p.field == field and p.filename is None]


async def photo(request: Request, settings: ServerSettings) -> Body:
    """The body, which is one photo.

    Raises:
        Problem: not-an-image by its type; too-large; body-timeout.
    """
    kind = media_type(request)
    if not (kind.startswith("image/") or kind == "application/octet-stream"):
        text = f"Content-Type is {kind[:60]!r}" if kind else "there is no Content-Type"
        raise Problem("not-an-image", f"{text}; send the photo itself, as image/jpeg, image/png, image/webp …")
    _no_encoding(request)
    digest, data = hashlib.sha256(), bytearray()
    async for chunk in _incoming(request, settings):
        digest.update(chunk)
        data += chunk
    return Body(bytes(data), digest.hexdigest())


async def form(request: Request, settings: ServerSettings, *, most_files: int) -> Form:
    """The multipart body, with at most `most_files` files.

    Raises:
        Problem: not-an-image by its type; bad-request; too-large; body-timeout.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Problem("not-an-image", "send multipart/form-data, with a part for each photo")
    _no_encoding(request)
    collected = _Parts(options[b"boundary"], most_files)
    async for chunk in _incoming(request, settings):
        collected.feed(chunk)
    return Form(collected.finished(), collected.digest.hexdigest())


async def told(request: Request, settings: ServerSettings, model: type[M]) -> M:
    """The body, which is JSON of the shape of `model`.

    Raises:
        Problem: not-an-image by its type; bad-request; invalid; too-large; body-timeout.
    """
    if media_type(request) != "application/json":
        raise Problem("not-an-image", "send application/json")
    _no_encoding(request)
    data = b"".join([chunk async for chunk in _incoming(request, replace(settings, max_body_bytes=_JSON_BYTES))])
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        if any(one["type"] == "json_invalid" for one in found):
            raise Problem("bad-request", "the body is no JSON") from None
        errors = [{"where": ".".join(map(str, one["loc"])) or "body", "message": one["msg"]} for one in found]
        text = "; ".join(f"{one['where']}: {one['message']}" for one in errors)
        raise Problem("invalid", text, errors=errors) from None


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """For FastAPI's `openapi_extra`: the body is JSON of the shape of `model`."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


def media_type(request: Request) -> str:
    """Of the body, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def photo_name(given: str | None, default: str) -> str:
    """A name for a photo, as a client gives it: on one line, of bounded length."""
    name = " ".join("".join(c if c.isprintable() else " " for c in given or "").split())
    return name[:_LONGEST_NAME] or default


def _no_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Problem("not-an-image", f"Content-Encoding {encoding[:40]!r} is not taken; photos are compressed already")


async def _incoming(request: Request, settings: ServerSettings) -> AsyncIterator[bytes]:
    limit = settings.max_body_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    received = 0
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                received += len(chunk)
                if received > limit:
                    raise _too_large(limit)
                if chunk:
                    yield chunk
    except TimeoutError:
        text = f"{received} bytes came within {settings.body_timeout_s:g} seconds"
        raise Problem("body-timeout", f"{text}, and not the whole body", headers={"Connection": "close"}) from None


def _too_large(limit: int) -> Problem:
    return Problem("too-large", f"the body is larger than {limit} bytes", limit=limit)


class _Parts:
    """Collects the parts of a multipart body."""

    def __init__(self, boundary: bytes, most_files: int) -> None:
        self.most_files, self._parts = most_files, list[Part]()
        self._header, self._value, self._headers = bytearray(), bytearray(), dict[bytes, bytes]()
        self._data, self._of_fields, self._ended = bytearray(), 0, False
        self.digest, self._content = hashlib.sha256(), hashlib.sha256()
        calls: dict[str, Callable[..., None]] = {
            "on_part_begin": self._begin, "on_part_data": self._more, "on_part_end": self._end,
            "on_header_field": self._header_field, "on_header_value": self._header_value,
            "on_header_end": self._header_end, "on_end": self._over,
        }  # fmt: skip
        try:
            self._parser = MultipartParser(boundary, calls)  # type: ignore[arg-type]
        except FormParserError as error:
            raise Problem("bad-request", f"the multipart body has an odd boundary ({error})") from None

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Problem("bad-request", f"the multipart body is damaged ({error})") from None

    def finished(self) -> tuple[Part, ...]:
        if not self._ended:
            raise Problem("bad-request", "the multipart body ends before its last part does")
        return tuple(self._parts)

    def _begin(self) -> None:
        self._headers, self._data, self._content = {}, bytearray(), hashlib.sha256()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header, self._value = bytearray(), bytearray()

    def _more(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]
        self._content.update(data[start:end])

    def _end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        named = options.get(b"filename")
        part = Part(_decoded(options.get(b"name", b"")), None if named is None else _decoded(named), bytes(self._data))
        self._parts.append(part)
        self.digest.update(repr((part.field, part.filename, self._content.hexdigest())).encode(errors="replace"))
        if part.filename is None:
            self._of_fields += len(part.data) + 64
        if self._of_fields > _FIELD_BYTES:
            raise Problem("too-large", "the fields beside the photos are too long")
        files = [p for p in self._parts if p.filename is not None and (p.filename or p.data)]
        if len(files) > self.most_files:
            raise Problem("too-large", f"there are more than {self.most_files} photos")

    def _over(self) -> None:
        self._ended = True


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")
