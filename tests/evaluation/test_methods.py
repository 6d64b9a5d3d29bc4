"""The comparison of methods: figures of every method, from photos on disk, written as table and pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core.config import ImageSettings
from simsearch.core.errors import UsageError
from simsearch.core.types import Descriptor, Similarities
from simsearch.evaluation.export import write_methods
from simsearch.evaluation.methods import PairSource, methods_report
from simsearch.features import create
from simsearch.features.hashes import DHash


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
    source = PairSource(manifest=table, split="eval")
    report = methods_report(methods, methods["cosine"], ImageSettings(), source)
    records = {r["method"]: r for r in report.comparison.records()}
    assert report.refusals == ()
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
    (tmp_path / "pairs.csv").write_text(
        "\n".join([*lines, "x,y,perhaps", "missing.png,nope.png,1", "alone.png"]), encoding="utf-8"
    )
    methods = {"dhash": create("dhash")}
    report = methods_report(methods, methods["dhash"], ImageSettings(), PairSource(pairs=tmp_path / "pairs.csv"))
    told = report.json()["refused"]
    assert any("perhaps" in text for text in told)
    assert sum("cannot be read" in text for text in told) == 2
    assert sum("needs a photo in each of the columns" in text for text in told) == 1
    between = len(lines) - 1 - len(report.comparison.pairs)
    assert any(f"{between} pairs join a product" in text for text in told)
    assert report.comparison.rows[0].figures.auc > 0.9


def test_rows_of_every_table_that_are_refused_are_told(table: Path, tmp_path: Path) -> None:
    head, *rows = table.read_text(encoding="utf-8").splitlines()
    rows = [f"{sku},{table.parent / image},{split}" for sku, image, split in (row.split(",") for row in rows)]
    manifest, doubtful = tmp_path / "t.csv", tmp_path / "d.csv"
    manifest.write_text("\n".join([head, *rows, ",nobody.png,eval", "p0,gone.png,eval"]) + "\n", encoding="utf-8")
    doubtful.write_text(f"sku,image\n,lost.png\np0,{table.parent / '1-0.png'}\n", encoding="utf-8")
    methods = {"dhash": create("dhash")}
    source = PairSource(manifest=manifest, ambiguous=doubtful)
    report = methods_report(methods, methods["dhash"], ImageSettings(), source)
    assert [(Path(r.where).name, r.code) for r in report.refusals] == [
        ("t.csv line 74", "bad_row"), ("d.csv line 2", "bad_row"), ("gone.png", "missing"),
    ]  # fmt: skip


def test_a_file_that_vanishes_before_it_is_timed_is_left_out(table: Path, tmp_path: Path) -> None:
    shutil.copytree(table.parent, tmp_path / "copy")
    copy = tmp_path / "copy" / table.name

    class Vanishing(DHash):
        """Takes the first photo away once all have been described."""

        def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
            (copy.parent / "0-0.png").unlink(missing_ok=True)
            return super().compare(query, others)

    method = Vanishing(DHash.Settings())
    report = methods_report({"dhash": method}, method, ImageSettings(), PairSource(manifest=copy))
    [refusal] = report.refusals
    assert (Path(refusal.where).name, refusal.code) == ("0-0.png", "missing")
    [row] = report.comparison.rows
    assert row.pairs_per_s_files > 0
    assert len(row.scores) == len(report.comparison.pairs)


def test_a_call_that_cannot_be_meant_is_refused(table: Path, tmp_path: Path) -> None:
    methods = {"dhash": create("dhash")}
    for source in (PairSource(), PairSource(pairs=table, manifest=table)):
        with pytest.raises(UsageError, match="either"):
            methods_report(methods, methods["dhash"], ImageSettings(), source)
    photo = table.parent / "0-0.png"
    for row in (f"a,{photo}", "a,gone.png"):
        (tmp_path / "few.csv").write_text(f"sku,image\n{row}\n", encoding="utf-8")
        with pytest.raises(UsageError, match=r"few\.csv"):
            methods_report(methods, methods["dhash"], ImageSettings(), PairSource(manifest=tmp_path / "few.csv"))
