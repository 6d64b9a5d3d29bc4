"""HTTP/1.1 as uvicorn speaks it by httptools, with what it leaves open: limits on headers, and problems as answers.

Without a limit one connection could send headers without end, or none at all, and hold memory or a place for ever.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simsearch.server import metrics
from simsearch.server.gate import HEADERS
from simsearch.server.problems import MEDIA_TYPE, Problem

MOST_HEADER_BYTES = 64 * 1024
HEADERS_TIMEOUT_S = 20.0
"""From the first byte of a request, or from the connection, to the end of its headers."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    _in_headers = True
    _header_bytes = 0
    _headers_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._await_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        before = self._in_headers
        super().data_received(data)
        if before and self._in_headers and self._header_bytes > MOST_HEADER_BYTES and not self.transport.is_closing():
            text = f"request line and headers are larger than {MOST_HEADER_BYTES} bytes"
            self._refuse(Problem("headers-too-large", text))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if not self._in_headers:
            self._header_bytes = 0
            self._await_headers()

    def on_headers_complete(self) -> None:
        self._headers_came()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(Problem("bad-request", "this is no HTTP request"))

    def _await_headers(self) -> None:
        self._in_headers = True
        if self._headers_due is None:
            self._headers_due = self.loop.call_later(HEADERS_TIMEOUT_S, self._too_late)

    def _headers_came(self) -> None:
        self._in_headers, self._header_bytes = False, 0
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        metrics.REFUSED.labels(problem.name).inc()
        if self.transport.is_closing():
            return
        body = json.dumps(problem.json("", uuid4().hex)).encode()
        lines = [
            f"HTTP/1.1 {problem.kind.status} {problem.kind.title}", f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}", "connection: close", *(f"{k}: {v}" for k, v in HEADERS.items()),
        ]  # fmt: skip
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        self.transport.close()
