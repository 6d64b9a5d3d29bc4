"""Looking through the catalog, and at what it could not take."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from simsearch.catalog.browse import Wanted
from simsearch.server.access import Reader
from simsearch.server.names import Name
from simsearch.server.page.language import N_
from simsearch.server.page.render import page
from simsearch.server.problems import Problem
from simsearch.server.state import Shared

router = APIRouter(include_in_schema=False)
_PAGE, _REFUSED = 48, 100
"""Products, and refused files, of one page."""
Text = Annotated[str, Query(max_length=200)]


@router.get("/catalog")
async def catalog(
    request: Request, shared: Shared, who: Reader, q: Text = "", form: Text = "", manufacturer: Text = "",
    after: Annotated[str, Query(max_length=1000)] = "",
) -> Response:  # fmt: skip
    """Products by name."""
    wanted = Wanted(q, form, manufacturer)

    def made() -> Response:
        shared.app.require_catalog()
        browse = shared.app.catalog.browse
        found = browse.products(wanted, after=after, limit=_PAGE + 1)
        more = found[_PAGE - 1].product.sku if len(found) > _PAGE else ""
        return page(
            request, "catalog.html.j2", screen="catalog", title=N_("Catalog"), products=found[:_PAGE], wanted=wanted,
            count=browse.count(wanted), more=more, after=after, forms=browse.values("form"),
            makers=browse.values("manufacturer"), refused=len(shared.app.refused()),
        )  # fmt: skip

    return await shared.lightly(made)


@router.get("/catalog/{sku}")
async def product(request: Request, shared: Shared, who: Reader, sku: Name) -> Response:
    """One product with its photos."""

    def made() -> Response:
        shared.app.require_catalog()
        browse = shared.app.catalog.browse
        listed = browse.by_sku([sku]).get(sku)
        if listed is None:
            raise Problem("no-product", f"{sku[:200]}: is no SKU of the catalog")
        return page(
            request, "product.html.j2", screen="catalog", title=listed.product.name or sku, product=listed.product,
            photos=browse.photos(sku),
        )  # fmt: skip

    return await shared.lightly(made)


@router.get("/refused")
async def refused(
    request: Request, shared: Shared, who: Reader, code: Text = "", start: Annotated[int, Query(ge=0, le=10**9)] = 0
) -> Response:
    """What the sources list and the catalog could not take."""

    def made() -> Response:
        every = shared.app.refused()
        codes = Counter(refusal.code for refusal in every)
        chosen = [refusal for refusal in every if code in ("", refusal.code)]
        return page(
            request, "refused.html.j2", screen="catalog", title=N_("Refused files"), codes=codes.most_common(),
            code=code, shown=[(_short(r.where), r.code, r.message) for r in chosen[start : start + _REFUSED]],
            start=start, count=len(chosen), step=_REFUSED,
        )  # fmt: skip

    return await shared.lightly(made)


def _short(where: str) -> str:
    """The end of a path, by which people who keep the photos know it; where the rest lies is the server's affair."""
    parts = where.split("/")
    return where if len(parts) < 4 else f"…/{'/'.join(parts[-2:])}"
