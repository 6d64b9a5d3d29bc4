"""Answers and pairs that reports are made of, by hand; and a rendered set to measure on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simsearch.core.types import Outcome, Refusal
from simsearch.evaluation.calibration_report import ScoredPairs
from simsearch.evaluation.evaluated_query import LOOK, STAGES, EvaluatedQuery
from simsearch.evaluation.pairs import LabelledPairs
from simsearch.evaluation.rendered_set import write_rendered_set

Asked = Callable[..., EvaluatedQuery]


@pytest.fixture
def asked() -> Asked:
    """An answer: right when `rank` is 1, a MATCH from 0.9 on."""

    def made(sku: str, rank: float = 1, p: float = 0.9, **changes: Any) -> EvaluatedQuery:
        outcome = Outcome.MATCH if p >= 0.9 else Outcome.UNKNOWN
        query = EvaluatedQuery(
            sku, f"{sku}.jpg", True, rank, 0.8, 0.5, {"votes": inf, "fused": rank}, rank, "x", rank == 1, p, LOOK,
            outcome, "x", rank == 1, dict.fromkeys(STAGES, 10.0),
        )  # fmt: skip
        return replace(query, **changes)

    return made


@pytest.fixture
def scored() -> Callable[[list[float], list[bool]], ScoredPairs]:
    """Pairs with these probabilities, of one product each."""

    def made(probability: list[float], same: list[bool]) -> ScoredPairs:
        n = np.arange(len(same))
        labelled = LabelledPairs(n, n, np.array(same), np.zeros(len(n), bool), n)
        return ScoredPairs(labelled, np.array(probability), 0.5, np.zeros(len(n), bool))

    return made


@pytest.fixture
def facts() -> dict[str, Any]:
    """What every measurement of answers says of itself."""
    return {
        "queries": 4, "queries_known": 4, "queries_hidden": 0, "catalog_images": 9, "distractors": 2,
        "machine": "a machine",
    }  # fmt: skip


@pytest.fixture
def refusal() -> Refusal:
    """A row that was left out."""
    return Refusal("t.csv line 7", "bad_row", "t.csv line 7: 'sku' is empty")


@pytest.fixture(scope="session")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve packages, two phone photos each; the catalog lacks three of them."""
    folder = tmp_path_factory.mktemp("rendered")
    return write_rendered_set(folder, products=12, photos=2, seed=4, severity=0.1, absent=0.25, family_share=0.0)
