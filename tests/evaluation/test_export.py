"""What a measurement leaves on disk."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, nan
from pathlib import Path
from typing import Any

from simsearch.evaluation.calibration_report import calibration_report
from simsearch.evaluation.evaluated_query import EvaluatedQuery
from simsearch.evaluation.export import write_answers
from simsearch.evaluation.plots import draw_calibration, draw_open_set, draw_retrieval
from simsearch.evaluation.recognition_report import open_set_report, retrieval_report

Asked = Callable[..., EvaluatedQuery]
Facts = dict[str, Any]


def test_everything_is_written(tmp_path: Path, asked: Asked, facts: Facts) -> None:
    answers = [asked("a"), asked("b", 2), asked("u", inf, 0.2, known=False, right_similarity=nan)]
    report = retrieval_report(answers, None, facts, 0)
    written = write_answers("retrieval", report, tmp_path / "new", report.queries) + draw_retrieval(report, tmp_path)
    both = open_set_report(answers, 0.5, facts, 0)
    written += draw_open_set(both, tmp_path)
    written += draw_calibration(calibration_report(answers, None, facts, 0), tmp_path)
    names = {p.name for p in written}
    assert names == {
        "retrieval.json", "retrieval.md", "retrieval.csv", "recall.png", "scores.png", "open_set.png",
        "reliability.png",
    }  # fmt: skip
    assert all(p.stat().st_size > 100 for p in written)
    lines = (tmp_path / "new" / "retrieval.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("sku,path,known,embedding_rank")
