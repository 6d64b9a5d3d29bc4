"""Schemathesis over the OpenAPI: whatever is sent, no 5xx and nothing that the document does not tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.server.conftest import Served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

from hypothesis import HealthCheck, given, settings  # noqa: E402
from schemathesis.checks import CHECKS  # noqa: E402

schemathesis.checks.load_all_checks()
CHECKED = [
    CHECKS.get_one(name)
    for name in (
        "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_headers_conformance",
        "response_schema_conformance", "unsupported_method",
    )
]  # fmt: skip
"""Not `negative_data_rejection`: it holds that bytes that are no photo must be refused by their type (schemathesis
#3777)."""


SETTINGS = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


@pytest.fixture(scope="module")
def document(served: Served) -> Any:
    for number in range(3):  # so that low numbers are found
        served.ask(served.photo(number))
    return schemathesis.openapi.from_url(f"{served.address}/openapi.json")


def test_whatever_is_sent_is_answered_as_the_document_says(document: Any) -> None:
    failed, seen, cases = {}, [], 0
    for found in document.get_all_operations():
        operation = found.ok()
        if operation.label == "POST /v1/duplicates/runs":  # it starts processes
            continue
        seen.append(operation.label)

        @given(case=operation.as_strategy())
        @settings(
            max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
        )
        def sent(case: Any) -> None:
            nonlocal cases
            cases += 1
            case.call_and_validate(checks=CHECKED)

        try:
            sent()
        except Exception as error:  # schemathesis and Hypothesis raise groups of many kinds
            failed[operation.label] = str(error)[:2000]
    assert not failed, "\n\n".join(f"{label}: {text}" for label, text in failed.items())
    assert len(seen) > 20
    assert cases > 10 * len(seen)
