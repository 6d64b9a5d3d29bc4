"""The comparison of methods: figures of every method, from photos on disk, written as table and pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core.config import ImageSettings
from simsearch.core.errors import UsageError
from simsearch.evaluation.methods import evaluate_methods, write_methods
from simsearch.features import create


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 products with three photos each: the same random blocks, brightened and cut a little."""
    folder = tmp_path_factory.mktemp("photos")
    lines = ["sku,image,split"]
    for product in range(24):
        rng = np.random.default_rng(product)
        blocks = rng.integers(0, 256, (8, 8, 3), np.uint8)
        for k in range(3):
            picture = np.kron(blocks, np.ones((20, 20, 1), np.uint8)).astype(np.int16) + 8 * k
            Pillow.fromarray(np.clip(picture[4 * k :], 0, 255).astype(np.uint8)).save(folder / f"{product}-{k}.png")
            lines.append(f"p{product},{product}-{k}.png,eval")
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "table.csv"


def test_methods_are_told_apart_and_written(table: Path, tmp_path: Path) -> None:
    methods = {name: create(name) for name in ("phash", "cosine", "histogram-correlation")}
    report = evaluate_methods(
        methods, methods["cosine"], ImageSettings(), pairs=None, manifest=table, split="eval", ambiguous=None, seed=0,
        progress=lambda done, total, text: None,
    )  # fmt: skip
    records = {r["method"]: r for r in report.comparison.table()}
    assert set(records) == set(methods)
    assert records["phash"]["accuracy"] > 0.9
    assert records["phash"]["accuracy_95"][0] <= records["phash"]["accuracy"] <= records["phash"]["accuracy_95"][1]
    assert all(r["pairs_per_s_cached"] > r["pairs_per_s_files"] > 0 for r in records.values())
    written = write_methods(report, tmp_path / "out")
    assert {p.name for p in written} == {"methods.csv", "methods.json", "methods.md", "roc.png", "scores.png"}
    stored = json.loads((tmp_path / "out" / "methods.json").read_text(encoding="utf-8"))
    assert stored["test_pairs"] == int((~report.comparison.pairs.validation).sum())
    assert "98.56" in stored["note"]
    page = (tmp_path / "out" / "methods.md").read_text(encoding="utf-8")
    assert all(f"| {name} |" in page for name in methods)
    for name in ("roc.png", "scores.png"):
        assert np.asarray(Pillow.open(tmp_path / "out" / name).convert("L")).std() > 5


def test_a_list_of_pairs_gives_the_same_kind_of_report(table: Path, tmp_path: Path) -> None:
    lines = ["a,b,same"]
    lines += [f"{table.parent / f'{i}-0.png'},{table.parent / f'{i}-1.png'},1" for i in range(24)]
    lines += [f"{table.parent / f'{i}-0.png'},{table.parent / f'{(i + 1) % 24}-1.png'},0" for i in range(24)]
    lines += [f"{table.parent / f'{i}-0.png'},{table.parent / f'{(i + 5) % 24}-1.png'},no" for i in range(24)]
    (tmp_path / "pairs.csv").write_text("\n".join([*lines, "x,y,perhaps", "missing.png,nope.png,1"]), encoding="utf-8")
    methods = {"dhash": create("dhash")}
    report = evaluate_methods(
        methods, methods["dhash"], ImageSettings(), pairs=tmp_path / "pairs.csv", manifest=None, split=None,
        ambiguous=None, seed=0, progress=lambda done, total, text: None,
    )  # fmt: skip
    assert any("perhaps" in text for text in report.facts["refused"])
    assert sum("cannot be read" in text for text in report.facts["refused"]) == 2
    assert report.comparison.rows[0].figures.auc > 0.9


def test_a_call_that_cannot_be_meant_is_refused(table: Path, tmp_path: Path) -> None:
    methods = {"dhash": create("dhash")}
    shared: Any = {"split": None, "ambiguous": None, "seed": 0, "progress": lambda done, total, text: None}
    with pytest.raises(UsageError, match="either"):
        evaluate_methods(methods, methods["dhash"], ImageSettings(), pairs=None, manifest=None, **shared)
    (tmp_path / "few.csv").write_text(f"sku,image\na,{table.parent / '0-0.png'}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"few\.csv"):
        evaluate_methods(
            methods, methods["dhash"], ImageSettings(), pairs=None, manifest=tmp_path / "few.csv", **shared
        )
