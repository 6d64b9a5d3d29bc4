"""Every error that the server answers with, as RFC 9457 says: `application/problem+json`. docs/server.md lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Kind:
    """One kind of error."""

    status: int
    title: str
    when: str
    """For the table: when it is answered, and the way out."""


KINDS: Mapping[str, Kind] = {
    "bad-request": Kind(400, "Bad request", "what arrives is no HTTP, no JSON, or no multipart body"),
    "bad-filter": Kind(400, "Bad filter", "`where` is no condition, or names a field that no product has"),
    "bad-cursor": Kind(400, "Bad cursor", "`cursor` is none that this list gave; begin without it"),
    "bad-time": Kind(400, "Bad time", "`since` is no time; write a day, a time, or how long ago (12h, 7d, 2w)"),
    "no-token": Kind(401, "Who are you?", "there is no token, or it is unknown or revoked; `simsearch token add`"),
    "not-allowed": Kind(403, "Not allowed", "the role does not reach: reading, review or admin"),
    "cross-site": Kind(403, "Another site asks", "a browser sends a change that a page of another site asked for"),
    "not-found": Kind(404, "Not found", "there is no such address"),
    "no-decision": Kind(404, "No such decision", "no answer is recorded under this number"),
    "no-product": Kind(404, "No such product", "the catalog has no product of this SKU"),
    "no-image": Kind(404, "No such image", "the catalog has no active image of this number"),
    "no-photo": Kind(404, "No photo kept", "the photo of this answer was not kept; see `server.keep_photos`"),
    "no-review": Kind(404, "No such review", "nobody said anything of it"),
    "no-name": Kind(404, "Unknown name", "the name is neither a SKU nor a photo of the catalog"),
    "never-run": Kind(404, "Never run", "duplicates were never searched; POST /v1/duplicates/runs, or run a night"),
    "no-run": Kind(404, "No such run", "there was no search for duplicates of this number"),
    "no-such-method": Kind(405, "Method not allowed", "`Allow` has the methods that the address knows"),
    "body-timeout": Kind(408, "The body is too slow", "the body had not arrived after `server.body_timeout_s`"),
    "unknown-sku": Kind(409, "Unknown SKU", "the catalog has no product of the SKU that a review names"),
    "contradiction": Kind(409, "Contradicts the answer", "the verdict does not fit the answer; `detail` says how"),
    "ambiguous-name": Kind(409, "Ambiguous name", "several photos bear the name; give the SKUs"),
    "in-progress": Kind(409, "In progress", "a request of this Idempotency-Key is being answered"),
    "running": Kind(409, "Running", "a search for duplicates is under way; `Location` has it"),
    "file-gone": Kind(410, "File gone", "the image is known, but its file is missing or holds something else"),
    "somebody-was-faster": Kind(412, "Somebody was faster", "`If-Match` is not the ETag of the present state"),
    "too-large": Kind(413, "Too large", "the body is larger than `server.max_body_bytes`, or has too many parts"),
    "not-an-image": Kind(415, "Not an image", "the content, its type or its encoding is none that is taken here"),
    "wrong-host": Kind(421, "Wrong host", "the Host header is none of this server's; see `server.hosts`"),
    "invalid": Kind(422, "Invalid", "a parameter or field is missing, or not of its kind; `errors` has each"),
    "unreadable-image": Kind(422, "Unreadable image", "the photo cannot be read; `code` is one of docs/errors.md"),
    "key-reused": Kind(422, "Key reused", "the Idempotency-Key was used for another request"),
    "too-many-requests": Kind(429, "Too many requests", "more than `server.rate_per_s` of one client"),
    "headers-too-large": Kind(431, "Headers too large", "the request line and headers are larger than 64 KiB"),
    "defect": Kind(500, "A defect of simsearch", "something that should not happen; the log has it under `request_id`"),
    "busy": Kind(503, "Busy", "as many photos wait as `server.queue` allows; or another process holds the catalog"),
    "too-slow": Kind(503, "Too slow", "no answer within `server.answer_timeout_s`"),
    "no-catalog": Kind(503, "No catalog", "nothing was indexed yet"),
    "rebuilding": Kind(503, "No indexes", "the indexes are missing, or not in step; a rebuild repairs them"),
    "no-engine": Kind(503, "An engine is away", "what holds the vectors or keypoint votes does not answer"),
    "out-of-order": Kind(503, "Out of order", "database, weights or calibration cannot be used; the log says why"),
}  # fmt: skip


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """An error to answer with."""

    def __init__(
        self,
        name: str,
        detail: str,
        *,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """`name`: of :data:`KINDS`. `retry_after`: seconds. `more`: further members of the answer."""
        super().__init__(detail)
        self.name, self.kind, self.detail, self.more = name, KINDS[name], detail, more
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)
        if self.kind.status == 401:
            self.headers.setdefault("WWW-Authenticate", 'Bearer realm="simsearch"')

    def json(self, instance: str, request_id: str) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": f"/problems/{self.name}", "title": self.kind.title, "status": self.kind.status,
            "detail": self.detail, "instance": instance, "request_id": request_id, **self.more,
        }  # fmt: skip

    def response(self, instance: str, request_id: str) -> JSONResponse:
        """The answer. `instance`: the path that was asked."""
        return JSONResponse(
            self.json(instance, request_id), self.kind.status, self.headers, media_type=MEDIA_TYPE
        )  # fmt: skip


class ProblemDetails(BaseModel):
    """RFC 9457, with the id under which the log knows the request."""

    model_config = ConfigDict(extra="allow")
    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str


ALWAYS = ("bad-request", "wrong-host", "headers-too-large", "defect")
"""Any address may answer with these."""
FOR_ROLES = ("no-token", "not-allowed")
FOR_CHANGES = ("cross-site", "too-many-requests")
FROM_CATALOG = ("busy", "no-catalog", "out-of-order")


def documented(*names: str, extra: Iterable[str] = ()) -> dict[int | str, dict[str, Any]]:
    """For FastAPI's `responses`: the kinds `names`, and those that any address may answer with, by status."""
    by_status: dict[int, list[str]] = {}
    for name in dict.fromkeys((*names, *extra, *ALWAYS)):
        by_status.setdefault(KINDS[name].status, []).append(name)
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {
            "description": "; ".join(f"{name}: {KINDS[name].when}" for name in found),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status, found in sorted(by_status.items())
    }


def table() -> str:
    """The table of docs/server.md, as Markdown."""
    rows = [f"| {kind.status} | `{name}` | {kind.when} |" for name, kind in KINDS.items()]
    return "\n".join(["| status | type | when |", "| ---: | --- | --- |", *rows])
