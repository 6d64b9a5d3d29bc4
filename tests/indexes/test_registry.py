"""Index classes by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsearch import indexes
from simsearch.core.errors import GenerationError


def test_each_class_is_listed_under_its_own_name() -> None:
    assert {kind: cls.kind for kind, cls in indexes.INDEXES.items()} == {kind: kind for kind in indexes.INDEXES}


def test_each_metric_has_an_exact_index() -> None:
    for metric in ("cosine", "hamming"):
        assert indexes.create(metric, 64).metric == metric


def test_an_unknown_kind_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"is an index of the unknown kind 'ivf'; run `simsearch rebuild`"):
        indexes.load("ivf", tmp_path / "x.index", 32)
