"""`simsearch evaluate` on rendered packages, asked through the command line; figures agree with what `query` says."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import open_app
from simsearch.core.errors import SourceError, UsageError
from simsearch.core.types import Decision, Outcome
from simsearch.evaluation.protocol import read_protocol
from simsearch.evaluation.rendered_set import write_rendered
from simsearch.evaluation.run import ask, evaluate_calibration, evaluate_methods, evaluate_open_set, evaluate_retrieval

if TYPE_CHECKING:
    from tests.conftest import Done, Kit

Run = Callable[..., tuple[int, str, str]]


def silent(done: int, total: int, text: str) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve packages, two phone photos each; the catalog lacks three of them."""
    folder = tmp_path_factory.mktemp("rendered")
    return write_rendered(folder, products=12, photos=2, seed=4, severity=0.1, absent=0.25, family_share=0.0)


@pytest.fixture
def run(run: Callable[..., Done], kit: Kit) -> Run:
    """`simsearch evaluate` with the kit's settings: exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        done = run("--config", kit.config, "evaluate", *arguments)
        return done.code, done.out, done.err

    return call


def test_a_rendered_set_is_a_manifest_with_roles(manifest: Path, tmp_path: Path) -> None:
    protocol = read_protocol(manifest)
    assert (len(protocol.references), len(protocol.queries)) == (9, 24)
    assert len({q.sku for q in protocol.queries if not protocol.known(q.sku)}) == 3
    settings: dict[str, Any] = {"products": 12, "photos": 2, "severity": 0.1, "absent": 0.25, "family_share": 0.0}
    again = write_rendered(tmp_path / "again", seed=4, **settings)
    other = write_rendered(tmp_path / "other", seed=5, **settings)
    first, same, new = (sorted((p.parent / "images").iterdir())[1] for p in (manifest, again, other))
    assert first.read_bytes() == same.read_bytes() != new.read_bytes()


def test_answers_agree_with_what_query_says(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    protocol = read_protocol(manifest)
    with open_app(tmp_path / "home", kit.config) as app:
        asked, facts = ask(app, protocol, silent)
        answers = app.query([q.path for q in protocol.queries], k=1000, record=False)
    assert facts["refused"] == []
    assert [a.path for a in asked] == [q.path for q in protocol.queries]
    for mine, answer in zip(asked, answers, strict=True):
        assert isinstance(answer, Decision)
        skus = [h.sku for h in answer.hits]
        assert mine.first == (skus[0] if skus else "")
        # One photo alone and several at once round differently.
        assert mine.probability == pytest.approx(answer.probability, rel=1e-4)
        assert mine.outcome is answer.outcome
        assert mine.rank == (skus.index(mine.sku) + 1 if mine.sku in skus else float("inf"))
        assert mine.named_right == (answer.sku == mine.sku)
        assert mine.known == any(r.sku == mine.sku for r in protocol.references)
        assert (mine.embedding_rank == float("inf")) == (not mine.known)
    assert any(a.outcome is Outcome.MATCH for a in asked)


def test_the_retrieval_command_prints_and_writes(manifest: Path, run: Run, tmp_path: Path) -> None:
    arguments = ("retrieval", "--manifest", manifest, "--work", tmp_path / "work", "--out", tmp_path / "out")
    code, out, err = run(*arguments)
    assert code == 0, err
    assert "embedding alone" in out
    assert "without votes" in out
    assert "after verification" in out
    assert "24 photos asked, 18 of products in the catalog; 9 images there" in out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "retrieval.json", "retrieval.md", "retrieval.csv", "recall.png", "scores.png",
    }  # fmt: skip
    told = json.loads((tmp_path / "out" / "retrieval.json").read_text(encoding="utf-8"))
    with (tmp_path / "out" / "retrieval.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 18
    assert told["verified_r1"] == pytest.approx(sum(line["rank"] == "1.0" for line in lines) / 18, abs=1e-4)
    assert told["embedding_r1"] == pytest.approx(sum(line["embedding_rank"] == "1.0" for line in lines) / 18, abs=1e-4)
    lanes = ("phash", "siamese", "votes")
    stages = (*lanes, *(f"without_{lane}" for lane in lanes), "fused")
    for stage in stages:
        places = [float(line[f"{stage}_rank"] or "inf") for line in lines]
        assert told[f"{stage}_r10"] == pytest.approx(sum(p <= 10 for p in places) / 18, abs=1e-4)
        assert told[f"{stage}_candidates"] == pytest.approx(sum(p < 1000 for p in places) / 18, abs=1e-4)
        assert told["fused_candidates"] >= told[f"{stage}_candidates"] >= told[f"{stage}_r10"] >= told[f"{stage}_r1"]
    assert list(told["times_ms"]) == [
        "read", "describe", "lookup", *(f"lookup_{lane}" for lane in lanes), "verify", "answer",
    ]  # fmt: skip
    shown = (tmp_path / "out" / "retrieval.md").read_text(encoding="utf-8").splitlines()
    names = [line.split(" | ")[0].removeprefix("| ") for line in shown[4 : 4 + len(stages) + 2]]
    assert names == ["embedding alone", *(stage.replace("_", " ") for stage in stages), "after verification"]
    assert 0.0 <= told["verified_r1_95"][0] <= told["verified_r1"] <= told["verified_r1_95"][1] <= 1.0
    code, out, err = run(*arguments[:-2], "--json")  # the second time nothing is described anew
    again = json.loads(out)
    timed = ("times_ms",)
    assert {k: v for k, v in again.items() if k not in timed} == {k: v for k, v in told.items() if k not in timed}


def test_open_set_and_calibration(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    protocol = read_protocol(manifest)
    shared: dict[str, Any] = {"work": tmp_path / "work", "seed": 0, "facts": {}, "progress": silent}
    with open_app(tmp_path / "home", kit.config) as app:
        divided = evaluate_open_set(app, protocol, **shared)
        report = evaluate_calibration(app, protocol, **shared)
        assert next(iter(divided.thresholds.values())) == app.match_threshold
    assert sum(not a.known for a in divided.asked) == 6
    assert set(report.diagrams) == {"pairs", "first answers"}
    assert int(report.diagrams["first answers"][0].counts.sum()) == 24
    # 9 products with three photos, 3 with two: 3 * 9 + 3 right pairs, and as many wrong ones.
    assert report.pairs is not None
    assert int(report.pairs.pairs.same.sum()) == 30
    assert len(report.pairs.pairs) == 60
    assert report.pairs.threshold == 0.5
    assert not (tmp_path / "home").exists()  # the user's home is none of its business


def test_where_all_products_are_known_every_second_one_is_taken_out(manifest: Path, run: Run, tmp_path: Path) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    known = {line.split(",")[0] for line in lines if ",reference," in line}
    table = manifest.with_name("known.csv")
    table.write_text(
        "\n".join([lines[0], *(x for x in lines[1:] if x.split(",")[0] in known)]) + "\n", encoding="utf-8"
    )
    code, out, err = run("open-set", "--manifest", table, "--json", "--out", tmp_path)
    assert code == 0, err
    told = json.loads(out)
    assert (told["catalog_images"], told["queries_known"], told["queries"]) == (5, 10, 10 + 4 * 3)
    assert sum(told["decisions"]["absent"].values()) == 12
    assert (tmp_path / "open_set.png").is_file()


def test_a_photo_that_cannot_be_read_is_left_out_and_told(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    sku = lines[1].split(",")[0]
    (manifest.parent / "broken.jpg").write_bytes(b"no picture")
    table = manifest.with_name("broken.csv")
    rest = ["," * (lines[0].count(",") - 2)] * 2
    more = [f"{sku},broken.jpg,query{rest[0]}", f"{sku},gone.jpg,reference{rest[1]}"]
    table.write_text("\n".join([*lines[:4], *more]) + "\n", encoding="utf-8")
    with open_app(tmp_path / "home", kit.config) as app:
        asked, facts = ask(app, read_protocol(table), silent)
    assert len(asked) == 2
    assert len(facts["refused"]) == 2
    assert all(any(name in reason for reason in facts["refused"]) for name in ("broken.jpg", "gone.jpg"))


def test_verification_is_a_row_beside_the_methods(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    with open_app(tmp_path / "home", kit.config) as app:
        report = evaluate_methods(app, manifest=manifest, methods=("orb", "verification"))
        rows = {r.name: r for r in report.comparison.rows}
        assert set(rows) == {"orb", "verification"}
        pairs = report.comparison.pairs
        wrong = int(pairs.same.argmin())
        photos = sorted({p.path for p in read_protocol(manifest).catalog + read_protocol(manifest).queries})
        verdicts = app.verify([(photos[0], photos[1])])
    scores = rows["verification"].scores
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores[pairs.same].mean() > scores[~pairs.same].mean()
    assert scores[wrong] < 1
    assert verdicts[0].verification is not None
    assert "50%" in report.negatives
    assert "--negatives random" in report.negatives


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["retrieval"], 2, "--manifest"),
        (["retrieval", "--manifest", "missing.csv"], 4, "missing.csv"),
        (["methods", "--manifest", "x.csv", "--negatives", "soft"], 2, "soft"),
        (["render", "taken", "--products", "4"], 2, "name another folder"),
        (["render", "new", "--products", "1"], 2, "products"),
    ],
)
def test_a_call_that_cannot_be_meant_is_one_line(
    arguments: list[str], code: int, words: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    found, _, err = run(*arguments)
    assert found == code
    assert words in err
    assert len(err.splitlines()) == 1


def test_what_cannot_be_measured_is_said(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    table = manifest.with_name("strangers.csv")
    lines = manifest.read_text(encoding="utf-8").splitlines()
    absent = [x for x in lines[1:] if ",query," in x][-2:]
    table.write_text("\n".join([*lines[:2], *absent]) + "\n", encoding="utf-8")
    shared: dict[str, Any] = {"seed": 0, "facts": {}, "progress": silent}
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").touch()
    with open_app(tmp_path / "home", kit.config) as app:
        with pytest.raises(SourceError, match="open-set"):
            evaluate_retrieval(app, read_protocol(table), work=None, **shared)
        with pytest.raises(SourceError, match="open set"):
            evaluate_open_set(app, read_protocol(table), work=None, **shared)
        with pytest.raises(UsageError, match="no measurement made"):
            evaluate_calibration(app, read_protocol(manifest), work=tmp_path / "full", **shared)
    assert [p.name for p in (tmp_path / "full").iterdir()] == ["letter.txt"]
