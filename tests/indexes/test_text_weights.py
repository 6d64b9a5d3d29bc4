"""Weights of terms: rare ones count more, whatever the size of the catalog, and a file gives back what was written."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import GenerationError
from simsearch.features.reading.text import grams
from simsearch.indexes import text_file, text_weights
from simsearch.indexes.text_terms import Terms, term, text_of, word_term
from simsearch.indexes.text_weights import TextWeights


def terms(*lines: str) -> Terms:
    return text_of(lines).terms


def weights(count: int = 50) -> TextWeights:
    """Of products with a name of its own each, and one of them of two."""
    return TextWeights.of((terms(f"drug{i:03d}", "tablets", *["syrup"] * (i < 10)) for i in range(count)), count)


def test_what_all_products_hold_weighs_one_and_what_one_holds_the_most() -> None:
    w = weights()
    assert w.documents == 50
    assert w.weight("table") == w.word("tablets") == w.weight("tablets") == 1.0
    assert w.word("drug007") == pytest.approx(math.log(51 / 2) + 1, abs=1 / 64)
    assert w.word("syrup") == pytest.approx(math.log(51 / 11) + 1, abs=1 / 64)
    assert w.word("never met") == pytest.approx(math.log(51) + 1, abs=1 / 64)


def test_one_term_weighs_what_it_weighs_among_many() -> None:
    w, text = weights(), sorted(grams(["drug003 tablets 500 mg", "never met"]))
    many = w.units(np.array([term(t) for t in text], np.uint32)) / text_weights.UNIT
    for _ in range(2):  # the second time it is remembered
        assert [w.weight(t) for t in text] == many.tolist()
    words = ["drug003", "mg", "syrup"]
    assert [w.word(t) for t in words] == (w.units(np.array([word_term(t) for t in words], np.uint32)) / 64).tolist()


def test_without_a_corpus_every_term_weighs_one() -> None:
    w = TextWeights()
    assert w.weight("abc") == w.word("hemipan") == 1.0
    a, b = grams(["HEMIPAN 500"]), grams(["HEMIPAN 250"])
    assert w.likeness(a, b) == pytest.approx(len(a & b) / math.sqrt(len(a) * len(b)))


def test_likeness_is_a_weighted_cosine() -> None:
    w = weights()
    name, common = grams(["drug001"]), grams(["tablets"])
    both = name | common
    assert w.likeness(both, both) == 1.0
    assert w.likeness(both, name) > w.likeness(both, common) > 0
    assert w.likeness(both, frozenset()) == w.likeness(frozenset(), frozenset()) == 0.0
    square = {g: w.weight(g) ** 2 for g in both}
    exact = sum(square[g] for g in name) / math.sqrt(sum(square.values()) * sum(square[g] for g in name))
    assert w.likeness(name, both) == pytest.approx(exact)


def test_the_table_has_a_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_weights, "_MOST", 2**12)
    w = TextWeights.of((terms(f"drug{i:04d}", "tablets") for i in range(300)), 300)
    assert w.counts.shape == (2, 2**12)
    assert w.word("tablets") == 1.0
    assert w.word("drug0007") > 3  # shares its counters with a few others


def test_equal_catalogs_have_equal_weights_and_nobody_changes_them() -> None:
    assert weights().digest == weights().digest != weights(49).digest
    with pytest.raises(ValueError, match="read-only"):
        weights().counts[0, 0] = 1


def test_a_file_gives_back_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "text.weights"
    weights().save(path)
    assert TextWeights.load(path).digest == weights().digest
    assert path.stat().st_size < 2 * 4 * 2**16


@pytest.mark.parametrize(
    "arrays",
    [
        {"counts": np.zeros((2, 6), np.uint32), "documents": np.array([1], np.int64)},
        {"counts": np.zeros((1, 8), np.uint32), "documents": np.array([1], np.int64)},
        {"counts": np.zeros((2, 8), np.uint32), "documents": np.array([-1], np.int64)},
        {"counts": np.zeros((2, 8), np.int64), "documents": np.array([1], np.int64)},
        {"documents": np.array([1], np.int64)},
    ],
)
def test_another_file_is_refused_with_the_way_out(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "text.weights"
    text_file.write(path, arrays)
    with pytest.raises(GenerationError, match="run `simsearch rebuild`"):
        TextWeights.load(path)
