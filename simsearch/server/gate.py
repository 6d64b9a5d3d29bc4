"""What every request passes, as plain ASGI: id, host, origin, headers of the answer, last resort, log and metrics."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simsearch.server import metrics, names
from simsearch.server.access import Door, Peer
from simsearch.server.problems import Problem

LOG = logging.getLogger("simsearch.server")
SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # without a referrer at all, a browser hides the origin of our own forms, too
    "Permissions-Policy": "camera=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer that does not set them itself."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_DRAIN_S, _DRAIN_BYTES, _SMALL = 3.0, 32_000_000, 1_000_000
"""What is still taken of a body that was refused, so that the client gets to read why."""
_WAITED_MS = 20.0
"""More than the time between two threads' turns; less than an answer takes."""


class Gate:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, door: Door, hosts: frozenset[str]) -> None:
        """`hosts`: names of this server, without ports, in lower case."""
        self.app, self.door, self.hosts = app, door, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        await _Passage(self, scope, receive, send).pass_through()


class _Passage:
    """One request."""

    def __init__(self, gate: Gate, scope: Scope, receive: Receive, send: Send) -> None:
        self.gate, self.scope, self._receive, self._send = gate, scope, receive, send
        self.headers = Headers(scope=scope)
        given = self.headers.get("x-request-id", "")
        self.id = given if _ID.fullmatch(given) else uuid4().hex
        address = (scope.get("client") or ("", 0))[0]
        self.peer = gate.door.peer(address, scope.get("scheme", "http"), self.headers.get)
        self.started = time.perf_counter()
        self.status, self.received = 0, 0
        self.note: dict[str, object] = {}
        """What routes want the log to say."""
        length, chunked = self.headers.get("content-length", "0"), "transfer-encoding" in self.headers
        self.declared = int(length) if length.isdecimal() and not chunked else None
        self.body_left = chunked or bool(self.declared)

    async def pass_through(self) -> None:
        """Answer it."""
        if b"%2f" in self.scope.get("raw_path", b"").lower():
            self.scope["path"] = names.path(self.scope["raw_path"].partition(b"?")[0])
        state = self.scope.setdefault("state", {})
        state.update(request_id=self.id, peer=self.peer, note=self.note)
        try:
            try:
                self._check()
            except Problem as problem:
                await self.refuse(problem)
                return
            await self.gate.app(self.scope, self.receive, self.send)
        except ClientDisconnect:
            self.note["left"] = True  # before its body had come, or while its photo waited: nobody reads an answer
        except Exception:
            LOG.exception("a defect", extra={"request_id": self.id, "path": self.scope["path"]})
            if not self.status:
                await self.refuse(Problem("defect", "something failed that should not; the log has it"))
        finally:
            self._tell(state)

    async def refuse(self, problem: Problem) -> None:
        """Answer with `problem`."""
        metrics.REFUSED.labels(problem.name).inc()
        await problem.response(self.scope["path"], self.id)(self.scope, self.receive, self.send)

    def _check(self) -> None:
        """Refuse what a page of another site makes a browser send.

        Raises:
            Problem: wrong-host, against DNS rebinding; cross-site, against forged changes.
        """
        path, host = self.scope["path"], self.headers.get("host", "")
        if len(self.headers.getlist("host")) > 1:
            raise Problem("bad-request", "there are several Host headers")
        name = host_name(host)
        if name not in self.gate.hosts and not path.startswith("/health/"):
            text = f"{host[:100]!r} is no name of this server"
            raise Problem("wrong-host", f"{text}; add it to server.hosts if it is")
        if self.scope["method"] in SAFE:
            return
        site, origin = self.headers.get("sec-fetch-site"), self.headers.get("origin")
        if site is not None and site not in ("same-origin", "none"):
            raise Problem("cross-site", "a page of another site asked for this change")
        if origin is not None and not _same(origin, host, self.peer):
            raise Problem("cross-site", f"a page of {origin[:100]!r} asked for this change")

    # -- both directions -----------------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """What the client sends, counted."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            self.body_left = bool(message.get("more_body", False))
        return message

    async def send(self, message: Message) -> None:
        """What is answered, with the headers of every answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers["X-Request-ID"] = self.id
            if timing := server_timing(self.note):
                headers["Server-Timing"] = timing
            if self._unread() or self._waited():
                headers["Connection"] = "close"
        if message["type"] == "http.response.body" and not message.get("more_body") and self._unread():
            await self._send({**message, "more_body": True})
            await self._drain()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    def _waited(self) -> bool:
        """Whether a photo waited for a thread. A connection stays with the worker that accepted it, and some workers
        have more of them: closed, its next request may reach one that has less to do."""
        waited = self.note.get("wait_ms")
        return isinstance(waited, int | float) and waited > _WAITED_MS

    def _unread(self) -> bool:
        """Whether the client still sends a body that nobody reads. A small one is left to the protocol."""
        return self.body_left and (self.declared is None or self.declared - self.received > _SMALL)

    async def _drain(self) -> None:
        """Take what is still sent for a while: a client that finds the connection closed never reads the answer."""
        if "expect" in self.headers:
            return  # it waits for leave to send
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_S):
                most = self.received + _DRAIN_BYTES
                while self.body_left and self.received < most:
                    if (await self.receive())["type"] == "http.disconnect":
                        return

    # -- log and metrics -----------------------------------------------------------------------------------------------

    def _tell(self, state: Mapping[str, object]) -> None:
        route = self.scope.get("route")
        name = getattr(route, "path", "") or "none"
        took, method = time.perf_counter() - self.started, self.scope["method"]
        method = method if method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH") else "other"
        metrics.REQUESTS.labels(name, method, str(self.status or 499)).inc()
        metrics.REQUEST_SECONDS.labels(name).observe(took)
        principal = state.get("principal")
        LOG.log(
            logging.DEBUG if name.startswith("/health/") else logging.INFO,
            "request",
            extra={
                "request_id": self.id, "method": method, "route": name, "status": self.status or 499,
                "ms": round(took * 1e3, 1), "client": getattr(principal, "name", None), "address": self.peer.address,
                "bytes_in": self.received, **self.note,
            },
        )  # fmt: skip


def server_timing(note: Mapping[str, object]) -> str:
    """The header of that name: milliseconds of waiting for a thread, and of each stage; "" where nothing was asked."""
    stages = note.get("stages_ms")
    if not isinstance(stages, Mapping):
        return ""
    return ", ".join(f"{stage};dur={ms:.1f}" for stage, ms in {"wait": note.get("wait_ms", 0.0), **stages}.items())


def host_name(host: str) -> str:
    """The name in a Host header, without its port, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.rpartition(":")[0] if ":" in name else name


def _same(origin: str, host: str, peer: Peer) -> bool:
    """Whether `origin` is a page of this server. Behind a proxy that ends TLS the scheme is the proxy's."""
    try:
        found = urlsplit(origin)
    except ValueError:
        return False
    return found.netloc.lower() == host.strip().lower() and found.scheme in ("http", "https")
