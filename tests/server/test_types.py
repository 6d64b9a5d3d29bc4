"""The types of `simsearch.views.types` are what the server returns, key by key; and the OpenAPI tells of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import pytest
from typing_extensions import get_type_hints, is_typeddict

from simsearch.views import types

if TYPE_CHECKING:
    from tests.server.conftest import Served

OPEN = {types.RecordedDecision}
"""Types that list only a part of the keys."""


def differences(value: Any, hint: Any, where: str = "") -> list[str]:
    """Where `value` is not of the type `hint`; a key too many counts, too."""
    if hint is Any:
        return []
    if is_typeddict(hint):
        if not isinstance(value, dict):
            return [f"{where}: {type(value).__name__}"]
        hints = get_type_hints(hint)
        found = [f"{where}.{key}: is missing" for key in hint.__required_keys__ - set(value)]
        if hint not in OPEN:
            found += [f"{where}.{key}: is not in the type" for key in set(value) - set(hints)]
        shared = set(value) & set(hints)
        return found + [text for key in shared for text in differences(value[key], hints[key], f"{where}.{key}")]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: {type(value).__name__}"]
        return [text for part in value for text in differences(part, arguments[0], f"{where}[]")]
    if origin is Literal:
        return [] if value in arguments else [f"{where}: {value!r}"]
    if origin is dict:
        return [] if isinstance(value, dict) else [f"{where}: {type(value).__name__}"]
    if origin is Union or type(hint).__name__ == "UnionType":
        tried = [differences(value, one, where) for one in arguments]
        return [] if any(not one for one in tried) else min(tried, key=len)
    wanted = (int, float) if hint is float else hint
    fits = isinstance(value, wanted) and not (isinstance(value, bool) and hint is not bool)
    return [] if fits else [f"{where}: {type(value).__name__} is no {hint}"]


def test_differences_are_found() -> None:
    refused = {"code": "x", "message": 3, "more": None}
    assert differences(refused, types.Refused, "r") == [
        "r.more: is not in the type",
        "r.message: int is no <class 'str'>",
    ]


def test_what_is_returned_is_of_its_type(served: Served) -> None:
    from simsearch.server.duplicate_runs import DuplicateRuns
    from simsearch.views import json as shapes

    home = served.app.home
    found = served.app.find_duplicates()
    with DuplicateRuns(home).running() as run:
        run.done(map(shapes.group, found.groups), map(shapes.look_alike, found.look_alikes))
    with served.client() as client:
        photo = served.photo()
        answer = client.query(photo, explain=True)
        number, sku = answer["id"] or 0, served.shop.single[0].sku
        pair = [image["image"] for image in client.duplicates(limit=1)["items"][0]["images"]][:2]
        returned: list[tuple[Any, Any]] = [
            (answer, types.Answer), (client.query_together([photo, b"x", photo]), types.TogetherAnswer),
            (client.verify(photo, photo), types.Verdict), (client.decision(number).value, types.RecordedDecision),
            (client.review(number, "confirmed").value, types.RecordedDecision),
            (client.decisions(limit=5), types.DecisionPage), (client.duplicates(), types.GroupPage),
            (client.duplicate_run(run.run.id), types.DuplicateRun),
            (client.review_pair(pair[0], pair[1], "confirmed").value, types.PairReview),
            (client.pair_reviews(), types.PairReviews), (client.products(), types.ProductPage),
            (client.product(sku), types.Product), (client.status(), types.ServerStatus),
            (client.changes(), types.ChangePage),
            (served.http.get("/v1/nothing").json(), types.ProblemBody),
        ]  # fmt: skip
        client.forget_pair_review(pair[0], pair[1])
        client.forget_review(number)
    assert {kind.__name__: differences(value, kind) for value, kind in returned} == {
        kind.__name__: [] for _, kind in returned
    }


def test_print_has_its_type() -> None:
    from simsearch.core.types import PhotoPrint, PrintComparison, PrintedFact, PrintedLine
    from simsearch.views import print_json

    place = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    fact = PrintedFact("strength", "4 mg", "3 mg", photo_place=place)
    compared = PrintComparison(agreements=(fact,), contradictions=(fact,), doubts=(fact,))
    assert differences(print_json.printed(compared), types.Printed) == []
    assert differences(print_json.read(PhotoPrint((PrintedLine("4 mg", 0.9, place),))), types.Read) == []


@pytest.fixture(scope="module")
def schema(served: Served) -> dict[str, Any]:
    found: dict[str, Any] = served.http.get("/openapi.json").json()
    return found


def test_the_openapi_tells_of_every_address_and_its_problems(schema: dict[str, Any]) -> None:
    paths = set(schema["paths"])
    assert {
        "/v1/queries", "/v1/queries/together", "/v1/decisions", "/v1/decisions/{number}",
        "/v1/decisions/{number}/review", "/v1/verifications", "/v1/duplicates", "/v1/duplicates/runs",
        "/v1/duplicates/runs/{run}", "/v1/duplicates/reviews/{a}/{b}", "/v1/products", "/v1/products/{sku}",
        "/v1/images/{image}/thumbnail", "/v1/images/{image}/evidence/{decision}", "/v1/status", "/health/live",
        "/health/ready", "/metrics",
    } <= paths  # fmt: skip
    for path, methods in schema["paths"].items():
        if not path.startswith("/v1"):
            continue
        for method, operation in methods.items():
            answers = operation["responses"]
            assert "401" in answers, (method, path)
            for status, answer in answers.items():
                if int(status) >= 400:
                    assert list(answer["content"]) == ["application/problem+json"], (method, path, status)
    assert "ProblemDetails" in schema["components"]["schemas"]
    assert "HTTPValidationError" not in str(schema)


def test_no_address_takes_a_path_or_an_address(schema: dict[str, Any]) -> None:
    taken = {
        parameter["name"].lower()
        for methods in schema["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", ())
    }
    assert not taken & {"path", "file", "url", "uri", "folder", "home", "config"}
