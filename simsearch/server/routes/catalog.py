"""The catalog: /v1/products and /v1/images."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from starlette.responses import JSONResponse, Response

from simsearch.catalog.browse import Listed, Wanted
from simsearch.server import evidence
from simsearch.server.access import Reader
from simsearch.server.names import Name
from simsearch.server.paging import Cursor, Limit, cursor_of, text_place
from simsearch.server.pictures import FOREVER, NOT_MODIFIED, PICTURE, Size
from simsearch.server.preconditions import NoneMatch, etag, fresh
from simsearch.server.problems import FOR_ROLES, FROM_CATALOG, Problem, documented
from simsearch.server.state import ServerState, Shared
from simsearch.views.json import instant
from simsearch.views.types import Product, ProductPage

router = APIRouter(prefix="/v1", tags=["catalog"])

_READ = (*FOR_ROLES, *FROM_CATALOG, "invalid")
ImageNumber = Annotated[int, Path(ge=1, le=2**53)]
Text = Annotated[str, Query(max_length=200)]


@router.get("/products", responses={200: {"model": ProductPage}, **documented(*_READ, "bad-cursor")})
async def products(
    shared: Shared, who: Reader,
    q: Annotated[str, Query(max_length=200, description="Words in SKU, name, strength, form or maker")] = "",
    form: Text = "", manufacturer: Text = "", cursor: Cursor = None, limit: Limit = 48,
) -> Response:  # fmt: skip
    """Products with a photo, by name."""
    wanted, after = Wanted(q, form, manufacturer), text_place("products", cursor)

    def read() -> dict[str, Any]:
        shared.app.require_catalog()
        browse = shared.app.catalog.browse
        found = browse.products(wanted, after=after, limit=limit + 1)
        shown = found[:limit]
        following = cursor_of("products", shown[-1].product.sku) if len(found) > limit else None
        return {"total": browse.count(wanted), "items": [_row(one) for one in shown], "next": following}

    return JSONResponse(await shared.lightly(read))


@router.get("/products/{sku}", responses={200: {"model": Product}, **documented(*_READ, "no-product")})
async def product(shared: Shared, who: Reader, sku: Name) -> Response:
    """A product with its photos."""
    return JSONResponse(await shared.lightly(lambda: _product(shared, sku)))


@router.get(
    "/images/{image}/thumbnail", response_class=Response,
    responses={200: PICTURE, 304: NOT_MODIFIED, **documented(*_READ, "no-image", "file-gone", "unreadable-image")},
)  # fmt: skip
async def thumbnail(
    shared: Shared, who: Reader, image: ImageNumber, size: Size = 160, none_match: NoneMatch = None
) -> Response:
    """A photo of the catalog: reduced and encoded anew."""
    _, sha256 = await shared.lightly(lambda: shared.thumbnails.known(image))
    headers = {"ETag": f'"{sha256}-{size}"', "Cache-Control": FOREVER}
    if fresh(none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    made = await shared.lightly(lambda: shared.thumbnails.get(image, size))
    return Response(made, media_type="image/webp", headers=headers)


@router.get(
    "/images/{image}/evidence/{decision}", response_class=Response,
    responses={
        200: PICTURE, 304: NOT_MODIFIED,
        **documented(
            *_READ, "no-image", "no-decision", "no-photo", "file-gone", "unreadable-image", "rebuilding", "no-engine",
        ),
    },
)  # fmt: skip
async def compared(
    shared: Shared, who: Reader, image: ImageNumber, decision: ImageNumber, none_match: NoneMatch = None
) -> Response:
    """The photo of an answer beside an image of the catalog, with the points that agree; where the photo was kept."""
    path, sha256 = await shared.lightly(lambda: evidence.photo_of(shared, decision, image))
    headers = {"ETag": etag([decision, sha256])}
    if fresh(none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    made = await shared.lightly(lambda: evidence.sheet(shared, path, image, decision))
    return Response(made, media_type="image/webp", headers=headers)


def _row(one: Listed) -> dict[str, Any]:
    p = one.product
    return {
        "sku": p.sku, "name": p.name, "strength": p.strength, "form": p.form, "manufacturer": p.manufacturer,
        "attributes": dict(p.attributes), "images": one.images, "cover": one.cover,
    }  # fmt: skip


def _product(shared: ServerState, sku: str) -> dict[str, Any]:
    shared.app.require_catalog()
    browse = shared.app.catalog.browse
    found = browse.by_sku([sku]).get(sku)
    if found is None:
        raise Problem("no-product", f"{sku[:200]}: the catalog has no product of this SKU with a photo")
    row = _row(found)
    del row["cover"]
    row["images"] = [
        {
            "id": p.id, "image": p.image, "surface": p.surface, "sha256": p.sha256, "width": p.width,
            "height": p.height, "added_at": instant(p.added_at),
        }
        for p in browse.photos(sku)
    ]  # fmt: skip
    return row
