"""The client to await: the methods of `synchronous.Client`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, cast

import httpx

from simsearch.client import calls
from simsearch.client.calls import Call, Photo, Tagged
from simsearch.views.types import (
    Answer,
    ChangePage,
    DecisionPage,
    DuplicateRun,
    GroupPage,
    PairReview,
    PairReviews,
    Product,
    ProductPage,
    RecordedDecision,
    ServerStatus,
    TogetherAnswer,
    Verdict,
)


class AsyncClient:
    """Asks one server, from one event loop; use it as an asynchronous context manager."""

    def __init__(
        self, address: str, token: str | None = None, *, timeout_s: float = 90.0, retries: int = 5,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            address: of the server, for instance http://127.0.0.1:8780.
            token: of `simsearch token add`.
            timeout_s: within which each answer must come.
            retries: how often a request is sent again where the connection broke, or the server is busy and says when
                to come back.
            transport: of httpx, for instance to an application in this process.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.AsyncClient(base_url=address, headers=headers, timeout=timeout_s, transport=transport)
        self.retries = retries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    # -- questions -----------------------------------------------------------------------------------------------------

    async def query(
        self, photo: Photo, *, where: Sequence[str] = (), k: int | None = None, explain: bool = False,
        record: bool = True, key: str | None = None,
    ) -> Answer:  # fmt: skip
        """Which drug a photo shows. `key`: the same key gives the same answer for ten minutes; None: a new one."""
        call = calls.query(photo, calls.wish(where, k, explain, record), key)
        return cast(Answer, await self._json(call))

    async def query_together(
        self, photos: Sequence[Photo], *, where: Sequence[str] = (), k: int | None = None, explain: bool = False,
        record: bool = True, key: str | None = None,
    ) -> TogetherAnswer:  # fmt: skip
        """One answer to two to eight photos of one package."""
        call = calls.together(photos, calls.wish(where, k, explain, record), key)
        return cast(TogetherAnswer, await self._json(call))

    async def verify(self, a: Photo | int, b: Photo | int) -> Verdict:
        """Whether two photos, or two images of the catalog by number, show the same product."""
        return cast(Verdict, await self._json(calls.verify(a, b)))

    # -- answers and their reviews -------------------------------------------------------------------------------------

    async def decisions(
        self, *, since: str | None = None, outcome: str | None = None, sku: str | None = None,
        reviewed: bool | None = None, cursor: str | None = None, limit: int = 50,
    ) -> DecisionPage:  # fmt: skip
        """A page of recorded answers, newest first."""
        told = None if reviewed is None else str(reviewed).lower()
        call = calls.get(
            "/v1/decisions", since=since, outcome=outcome, sku=sku, reviewed=told, cursor=cursor, limit=limit
        )
        return cast(DecisionPage, await self._json(call))

    async def decision(self, number: int) -> Tagged[RecordedDecision]:
        """One recorded answer."""
        return self._tagged(await self.send(calls.get(f"/v1/decisions/{number}")))

    async def review(
        self, number: int, verdict: str, sku: str | None = None, note: str = "", *, etag: str | None = None
    ) -> Tagged[RecordedDecision]:
        """Say that an answer was right ("confirmed") or wrong ("corrected"). `etag`: of the state that was seen."""
        body = {"verdict": verdict, "sku": sku, "note": note}
        return self._tagged(await self.send(calls.put(f"/v1/decisions/{number}/review", body, etag)))

    async def forget_review(self, number: int, *, etag: str | None = None) -> None:
        """Take back what was said of an answer."""
        await self.send(calls.delete(f"/v1/decisions/{number}/review", etag))

    async def photo(self, number: int, *, size: int = 640, n: int = 0) -> bytes:
        """The photo of an answer as WebP, where it was kept."""
        return (await self.send(calls.get(f"/v1/decisions/{number}/photo", size=size, n=n))).content

    # -- duplicates ----------------------------------------------------------------------------------------------------

    async def duplicates(
        self, *, kind: Sequence[str] = (), state: str | None = None, sku: str | None = None, cursor: str | None = None,
        limit: int = 50,
    ) -> GroupPage:  # fmt: skip
        """A page of the groups of the last search."""
        call = calls.get("/v1/duplicates", kind=list(kind), state=state, sku=sku, cursor=cursor, limit=limit)
        return cast(GroupPage, await self._json(call))

    async def search_duplicates(self) -> DuplicateRun:
        """Start a search for duplicates."""
        return cast(DuplicateRun, await self._json(calls.Call("POST", "/v1/duplicates/runs")))

    async def duplicate_run(self, run: str) -> DuplicateRun:
        """How far a search is."""
        return cast(DuplicateRun, await self._json(calls.get(f"/v1/duplicates/runs/{run}")))

    async def pair_reviews(self) -> PairReviews:
        """What people said of pairs, oldest first."""
        return cast(PairReviews, await self._json(calls.get("/v1/duplicates/reviews")))

    async def review_pair(
        self, a: str, b: str, said: str, note: str = "", *, etag: str | None = None
    ) -> Tagged[PairReview]:
        """Say that two SKUs, or photos by name, are duplicates ("confirmed"), or are none ("dismissed")."""
        return self._tagged(await self.send(calls.put(calls.pair_path(a, b), {"said": said, "note": note}, etag)))

    async def forget_pair_review(self, a: str, b: str, *, etag: str | None = None) -> None:
        """Take back what was said of a pair."""
        await self.send(calls.delete(calls.pair_path(a, b), etag))

    # -- catalog and server --------------------------------------------------------------------------------------------

    async def products(
        self, q: str = "", *, form: str = "", manufacturer: str = "", cursor: str | None = None, limit: int = 48
    ) -> ProductPage:
        """A page of products, by name."""
        call = calls.get("/v1/products", q=q, form=form, manufacturer=manufacturer, cursor=cursor, limit=limit)
        return cast(ProductPage, await self._json(call))

    async def product(self, sku: str) -> Product:
        """A product with its photos."""
        return cast(Product, await self._json(calls.get(calls.product_path(sku))))

    async def thumbnail(self, image: int, *, size: int = 160) -> bytes:
        """An image of the catalog as WebP."""
        return (await self.send(calls.get(f"/v1/images/{image}/thumbnail", size=size))).content

    async def evidence(self, image: int, decision: int) -> bytes:
        """The photo of an answer beside an image of the catalog, as WebP; where the photo was kept."""
        return (await self.send(calls.get(f"/v1/images/{image}/evidence/{decision}"))).content

    async def status(self) -> ServerStatus:
        """What serves."""
        return cast(ServerStatus, await self._json(calls.get("/v1/status")))

    async def changes(self, *, by: str | None = None, cursor: str | None = None, limit: int = 50) -> ChangePage:
        """A page of what people changed through the server, newest first."""
        return cast(ChangePage, await self._json(calls.get("/v1/changes", by=by, cursor=cursor, limit=limit)))

    async def ready(self) -> bool:
        """Whether a question would be answered now."""
        return (await self._once(calls.get("/health/ready"))).status_code == 200

    # -- sending -------------------------------------------------------------------------------------------------------

    async def send(self, call: Call) -> httpx.Response:
        """The response to a request, which is sent again where the connection broke or the server says so.

        Raises:
            ServerProblem: the server answered with one.
            httpx.TransportError: it could not be reached, or broke off every time.
        """
        request = call.built(self.http)
        for attempt in range(self.retries + 1):
            response: httpx.Response | None = None
            try:
                response = await self.http.send(request)
            except calls.LOST as error:
                sent = not isinstance(error, httpx.ConnectError)
                if attempt == self.retries or (sent and not call.repeatable):
                    raise
            if response is not None and (attempt == self.retries or not calls.again(response, call)):
                return calls.checked(response)
            await asyncio.sleep(calls.pause_s(response, attempt))
        raise AssertionError("unreachable")

    async def _once(self, call: Call) -> httpx.Response:
        return await self.http.send(call.built(self.http))

    async def _json(self, call: Call) -> Any:
        return (await self.send(call)).json()

    @staticmethod
    def _tagged(response: httpx.Response) -> Tagged[Any]:
        return Tagged(response.json(), response.headers["etag"])
