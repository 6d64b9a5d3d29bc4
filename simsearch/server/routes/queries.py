"""Which drug is this: POST /v1/queries, /v1/queries/together and /v1/verifications."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from simsearch.core.types import Photo
from simsearch.server import bodies
from simsearch.server.access import Asker
from simsearch.server.asking import Wish, answer_one, answer_together, keyed, packed
from simsearch.server.idempotency import Asked
from simsearch.server.problems import FOR_CHANGES, FOR_ROLES, FROM_CATALOG, Problem, documented
from simsearch.server.state import ServerState, Shared
from simsearch.server.verifying import filed, verdict_on
from simsearch.views.types import Answer, TogetherAnswer, Verdict

router = APIRouter(prefix="/v1", tags=["questions"])

MOST_TOGETHER = 8
_BODY = (
    "body-timeout", "too-large", "not-an-image", "invalid", "unreadable-image", "in-progress", "key-reused",
    "too-slow", "rebuilding", "no-engine",
)  # fmt: skip
_PROBLEMS = (*FOR_ROLES, *FOR_CHANGES, *FROM_CATALOG, *_BODY)
Where = Annotated[list[str], Query(description="Conditions on products, for instance `form=tablet`; all must hold")]
K = Annotated[int | None, Query(ge=1, le=1000, description="Products to list; `query.k` without it")]
Explain = Annotated[bool, Query(description="Whether to say how the answer came about")]
Record = Annotated[bool, Query(description="Whether the answer is kept, and gets an `id`")]
Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", max_length=130, description="The same key: the same answer, ten minutes"),
]
_BINARY: dict[str, Any] = {"type": "string", "format": "binary"}


def _photo_body() -> dict[str, Any]:
    kinds = ("image/jpeg", "image/png", "image/webp", "image/heic", "image/avif", "application/octet-stream")
    return {"requestBody": {"required": True, "content": {kind: {"schema": _BINARY} for kind in kinds}}}


def _form_body(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": required}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


@router.post(
    "/queries", responses={200: {"model": Answer}, **documented("bad-filter", *_PROBLEMS)},
    openapi_extra=_photo_body(),
)  # fmt: skip
async def ask(
    request: Request, shared: Shared, who: Asker, where: Where = [], k: K = None, explain: Explain = False,  # noqa: B006
    record: Record = True, name: Annotated[str, Query(max_length=200, description="What to call the photo")] = "photo",
    key: Key = None,
) -> Response:  # fmt: skip
    """The answer to one photo, which is the body. The object is that of `simsearch query --json`: docs/json.md."""
    wish = Wish(tuple(where), k, explain, record)
    with shared.jobs.place():
        body = await bodies.photo(request, shared.settings)
        asked = keyed(request, who, wish.digest(body.sha256))
        photo = Photo(bodies.photo_name(name, "photo"), body.data)
        work = partial(answer_one, shared, photo, wish, request.state.note)
        answer, again = await shared.jobs.run(partial(_once, shared, asked, work), request)
    return _answer(answer, again)


@router.post(
    "/queries/together", responses={200: {"model": TogetherAnswer}, **documented("bad-filter", *_PROBLEMS)},
    openapi_extra=_form_body({"photo": {"type": "array", "items": _BINARY, "minItems": 2, "maxItems": 8}}, ["photo"]),
)  # fmt: skip
async def ask_together(
    request: Request, shared: Shared, who: Asker, where: Where = [], k: K = None, explain: Explain = False,  # noqa: B006
    record: Record = True, key: Key = None,
) -> Response:  # fmt: skip
    """One answer to two to eight photos of one package, as parts `photo`. Those that cannot be read are named."""
    wish = Wish(tuple(where), k, explain, record)
    with shared.jobs.place():
        form = await bodies.form(request, shared.settings, most_files=MOST_TOGETHER)
        files = form.files("photo")
        if len(files) < 2:
            raise Problem("invalid", f"photo: {len(files)} came; send 2 to {MOST_TOGETHER} parts of this name")
        asked = keyed(request, who, wish.digest(form.sha256))
        photos = [Photo(bodies.photo_name(p.filename, f"photo {n}"), p.data) for n, p in enumerate(files, 1)]
        work = partial(answer_together, shared, photos, wish, request.state.note)
        answer, again = await shared.jobs.run(partial(_once, shared, asked, work), request)
    return _answer(answer, again)


class ImagePair(BaseModel):
    """Two images of the catalog."""

    model_config = ConfigDict(extra="forbid")
    a: int = Field(ge=1, le=2**53)
    b: int = Field(ge=1, le=2**53)


def _pair_body() -> dict[str, Any]:
    found = _form_body({"a": _BINARY, "b": _BINARY}, ["a", "b"])
    found["requestBody"]["content"] |= bodies.json_body(ImagePair)["requestBody"]["content"]
    return found


@router.post(
    "/verifications", responses={200: {"model": Verdict}, **documented("no-image", "file-gone", *_PROBLEMS)},
    openapi_extra=_pair_body(),
)  # fmt: skip
async def verify(request: Request, shared: Shared, who: Asker) -> Response:
    """Whether two photos show the same product: parts `a` and `b`, or the numbers of two images of the catalog."""
    with shared.jobs.place():
        if bodies.media_type(request) == "application/json":
            told = await bodies.told(request, shared.settings, ImagePair)
            pair = await shared.lightly(lambda: (filed(shared.app, told.a), filed(shared.app, told.b)))
        else:
            form = await bodies.form(request, shared.settings, most_files=2)
            pair = _only(form, "a"), _only(form, "b")
        found = await shared.jobs.run(lambda: packed(verdict_on(shared.app, *pair)), request)
    return _answer(found, False)


def _once(shared: ServerState, asked: Asked | None, work: Callable[[], bytes]) -> tuple[bytes, bool]:
    """The answer by `work`, and whether it was given before."""
    return shared.answers.once(asked, work) if asked else (work(), False)


def _answer(body: bytes, again: bool) -> Response:
    headers = {"Idempotent-Replayed": "true"} if again else {}
    return Response(body, media_type="application/json", headers=headers)


def _only(form: bodies.Form, field: str) -> Photo:
    files = form.files(field)
    if len(files) != 1:
        raise Problem("invalid", f"{field}: {len(files)} came; send one photo as part `a` and one as part `b`")
    return Photo(field, files[0].data)
