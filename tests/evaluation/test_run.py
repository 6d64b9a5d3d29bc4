"""`simsearch evaluate` on rendered packages, asked through the command line; figures agree with what `query` says."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simsearch import open_app
from simsearch.core.errors import ConfigError, SourceError, UsageError, WeightsError
from simsearch.core.types import silent
from simsearch.evaluation.methods import PairSource
from simsearch.evaluation.protocol import read_protocol
from simsearch.evaluation.run import evaluate_calibration, evaluate_methods, evaluate_open_set, evaluate_retrieval

if TYPE_CHECKING:
    from tests.conftest import Done, Kit

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(run: Callable[..., Done], kit: Kit) -> Run:
    """`simsearch evaluate` with the kit's settings: exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        done = run("--config", kit.config, "evaluate", *arguments)
        return done.code, done.out, done.err

    return call


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
    assert sum(not a.known for a in divided.queries) == 6
    assert {"pairs", "first answers"} <= set(report.diagrams)
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


def test_a_photo_that_vanishes_while_it_runs_is_left_out_and_told(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    shutil.copytree(manifest.parent, tmp_path / "copy")
    protocol = read_protocol(tmp_path / "copy" / "manifest.csv")
    gone = protocol.several[0].path

    def progress(done: int, total: int, text: str) -> None:
        if text == "pairs":
            Path(gone).unlink(missing_ok=True)

    with open_app(tmp_path / "home", kit.config) as app:
        report = evaluate_calibration(app, protocol, work=None, seed=0, facts={}, progress=progress)
    assert report.pairs is not None
    assert [(r.where, r.code) for r in report.refusals] == [(gone, "missing")]
    assert report.json()["refusals"][0]["where"] == gone


def test_why_no_pairs_were_measured_is_said(manifest: Path, kit: Kit, tmp_path: Path, run: Run) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    once = [next(x for x in lines if f",{role}," in x) for role in ("reference", "query")]
    table = manifest.with_name("once.csv")
    other = next(x for x in lines if ",query," in x and x.split(",")[0] != once[0].split(",")[0])
    table.write_text("\n".join([lines[0], once[0], other]) + "\n", encoding="utf-8")
    code, out, err = run("calibration", "--manifest", table)
    assert code == 0, err
    assert "no pairs were measured: no product has several photos that can be read" in out


def test_methods_without_weights_are_left_out_and_told(
    manifest: Path, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.evaluation.run.discover", lambda: ("phash", "siamese-contrastive"))
    config = tmp_path / "none.toml"
    config.write_text(
        kit.config.read_text(encoding="utf-8") + '[methods.siamese-contrastive]\nweights = "none.safetensors"\n',
        encoding="utf-8",
    )
    with open_app(tmp_path / "home", config) as app:
        report = evaluate_methods(app, PairSource(manifest=manifest))
        assert "siamese-contrastive" not in {r.name for r in report.comparison.rows}
        assert [(r.where, r.code) for r in report.refusals] == [("siamese-contrastive", "no_weights")]
        with pytest.raises(WeightsError):
            evaluate_methods(app, PairSource(manifest=manifest), methods=["siamese-contrastive"])


def test_methods_without_their_library_are_left_out_and_told(
    manifest: Path, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.evaluation.run.discover", lambda: ("phash", "codes"))
    monkeypatch.setattr("simsearch.features.codes._version", lambda: "")
    with open_app(tmp_path / "home", kit.config) as app:
        report = evaluate_methods(app, PairSource(manifest=manifest))
        assert "codes" not in {r.name for r in report.comparison.rows}
        assert ("codes", "not_installed") in {(r.where, r.code) for r in report.refusals}
        with pytest.raises(ConfigError, match="codes: reading codes needs zxing-cpp"):
            evaluate_methods(app, PairSource(manifest=manifest), methods=["codes"])


def test_codes_are_measured_as_every_method(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    with open_app(tmp_path / "home", kit.config) as app:
        [row] = evaluate_methods(app, PairSource(manifest=manifest), methods=["codes"]).comparison.rows
    assert set(row.scores) <= {0.0, 0.5, 0.75, 1.0}


def test_a_method_without_its_library_is_left_out_unless_it_was_named(
    manifest: Path, kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsearch.evaluation.run.discover", lambda: ("phash", "reading"))
    monkeypatch.setattr("simsearch.features.reading.method.missing", lambda: "install simsearch[read]")
    with open_app(tmp_path / "home", kit.config) as app:
        report = evaluate_methods(app, PairSource(manifest=manifest))
        assert "reading" not in {r.name for r in report.comparison.rows}
        assert [(r.where, r.code) for r in report.refusals] == [("reading", "not_installed")]
        with pytest.raises(ConfigError, match=r"reading: install simsearch\[read\]"):
            evaluate_methods(app, PairSource(manifest=manifest), methods=["reading"])


def test_the_command_line_prints_how_many_were_left_out_and_why(manifest: Path, run: Run) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    table = manifest.with_name("odd.csv")
    commas = "," * (lines[0].count(",") - 2)
    table.write_text(
        "\n".join([*lines[:4], f"x,gone.jpg,query{commas}", f",nobody.jpg,query{commas}"]), encoding="utf-8"
    )
    code, out, err = run("calibration", "--manifest", table)
    assert code == 0, err
    assert "left out  bad_row  " in out
    assert "left out  missing  " in out
    assert "2 left out in all\n" in out


def test_verification_is_a_row_beside_the_methods(manifest: Path, kit: Kit, tmp_path: Path) -> None:
    with open_app(tmp_path / "home", kit.config) as app:
        report = evaluate_methods(app, PairSource(manifest=manifest), methods=("orb", "verification"))
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
