"""The command line: data on stdout, one line on stderr, exit codes of the error tree, and never a traceback."""

from __future__ import annotations

import gc
import io
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from simsearch.app import App
from simsearch.cli import main as cli
from simsearch.cli.context import brief
from simsearch.core.errors import SimsearchError, UsageError
from simsearch.training.trainer import TrainResult
from simsearch.views.text import trained
from simsearch.views.text.output import _Output, print_json, progress_bar, table, text

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    "index", "query", "verify", "duplicates", "rebuild", "status", "config", "train", "calibrate", "demo",
    "decisions", "augmentations",
)  # fmt: skip
HEAVY = {"torch", "torchvision", "faiss", "cv2", "sqlalchemy", "matplotlib", "scipy", "rich.progress"}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """stdout as JSON, one object a line."""
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("SIMSEARCH_HOME", "SIMSEARCH_CONFIG", "SIMSEARCH_DEBUG"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str | Path) -> Done:
        monkeypatch.setattr(sys, "argv", ["simsearch", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
        found = capsys.readouterr()
        assert isinstance(left.value.code, int)
        assert all(line.startswith("simsearch: ") for line in found.err.splitlines())
        return Done(left.value.code, found.out, found.err)

    return call


@pytest.fixture
def on(run: Run, kit: Kit) -> Run:
    """With the kit's settings, on the home given first."""
    return lambda home, *rest: run("--config", kit.config, "--home", home, *rest)


def the_error(done: Done, code: int) -> str:
    assert done.code == code
    assert done.err.count("\n") == 1
    return done.err.removeprefix("simsearch: ").rstrip("\n")


def shape(value: Any) -> Any:
    """Types of a JSON value; of a list, those of its first entry."""
    if isinstance(value, dict):
        return {key: shape(part) for key, part in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value)


# -- help ------------------------------------------------------------------------------------------------------------


def test_help_of_every_command_loads_nothing_heavy() -> None:
    script = f"""
import json, sys
from simsearch.cli import main as cli
for arguments in [[], ["--help"], ["--version"], *([c, "--help"] for c in {COMMANDS!r})]:
    sys.argv = ["simsearch", *arguments]
    try:
        cli.main()
    except SystemExit as left:
        assert left.code == 0, arguments
print(json.dumps(sorted(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    assert not HEAVY & set(json.loads(done.stdout.splitlines()[-1]))
    for command in COMMANDS:
        assert f"Usage: simsearch {command} " in done.stdout


def test_at_the_end_of_the_process_no_garbage_is_looked_for() -> None:
    script = """
import atexit, gc, sys
from simsearch.cli import main as cli
atexit.register(lambda: print(gc.get_freeze_count() > 0))
sys.argv = ["simsearch", "--version"]
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "True"


def test_a_brief_call_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        with brief(), brief():
            assert not gc.isenabled()
            assert os.environ["OPENBLAS_NUM_THREADS"] == threads
            raise UsageError("no such thing")

    before = os.environ.get("OPENBLAS_NUM_THREADS")
    threads = before or "1"
    assert gc.isenabled()
    with pytest.raises(UsageError):
        fails()
    assert gc.isenabled()
    assert os.environ.get("OPENBLAS_NUM_THREADS") == before
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", threads := "3")  # who says so has a reason
    with pytest.raises(UsageError):
        fails()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


def test_the_list_of_commands_is_whole(run: Run) -> None:
    out = run("--help").out
    listed = out[out.index("Commands:") :]
    assert all(f"\n  {command} " in listed for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["indx"], "indx"),
        (["--hoem", "x", "status"], "--hoem"),
        (["query"], "Missing argument 'PHOTO'"),
        (["query", "a.jpg", "-k", "0"], "-k"),
        (["query", "a.jpg", "-k", "many"], "'-k': Input should be a valid integer"),
        (["status", "extra"], "extra"),
        (["verify", "a.jpg"], "give two photos, or --pairs FILE.csv"),
        (["verify"], "give two photos, or --pairs FILE.csv"),
        (["verify", "a.jpg", "b.jpg", "--pairs", "c.csv"], "give two photos, or --pairs FILE.csv"),
        (["duplicates", "--threshold", "1.5"], "'--threshold'"),
        (["--config", "none.toml", "config"], "none.toml: there is no such file"),
        (["--device", "abacus", "verify", "a.jpg", "b.jpg", "--method", "siames"], "did you mean 'siamese'?"),
    ],
)
def test_a_call_that_cannot_be_meant_is_one_line(run: Run, arguments: list[str], words: str) -> None:
    done = run(*arguments)
    assert words in the_error(done, 2)
    assert done.out == ""


# -- data on stdout --------------------------------------------------------------------------------------------------


def test_index_and_status_as_json(on: Run, shop: Shop, tmp_path: Path) -> None:
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    for product in shop.single[:2]:
        shutil.copy(shop.photo(product.sku), shelf / f"{product.sku}.jpg")
    (shelf / "broken.jpg").write_bytes(b"no photo")
    done = on(tmp_path / "home", "index", shelf, "--json")
    assert (done.code, done.err) == (0, "")
    [report] = done.objects
    assert shape(report) == {
        "added": int, "changed": int, "redescribed": int, "unchanged": int, "retired": int, "kept": int, "refused": int,
        "seconds": float, "images_per_s": float, "generation": str,
        "refusals": [{"where": str, "code": str, "message": str}],
    }  # fmt: skip
    assert (report["added"], report["refused"], report["generation"]) == (2, 1, "g000001")
    assert report["refusals"][0]["code"] == "not_an_image"

    [again] = on(tmp_path / "home", "index", shelf, "--json").objects
    assert (again["added"], again["unchanged"], again["generation"]) == (0, 2, None)
    assert "rows or photos refused: 1" in the_error(on(tmp_path / "home", "index", shelf, "--strict", "--json"), 8)

    [status] = on(tmp_path / "home", "status", "--json").objects
    audit, generation = status["generations"][0].pop("audit"), status["generations"][0]
    assert shape(status) == {
        "home": str, "products": int, "images_ok": int, "images_refused": int, "images_retired": int,
        "undescribed": {}, "stale": {}, "generation": str, "kept": [str], "problem": type(None), "verified": bool,
        "disk_bytes": {"catalog": int, "generations": int, "backups": int}, "gpus": int, "nightly": type(None),
        "fingerprints": {"phash": str, "orb": str, "siamese": str},
        "generations": [{"created_at": str, "name": str, "images": int, "state": str}],
    }  # fmt: skip
    assert audit["passed"] is True
    assert (status["images_ok"], status["images_refused"], generation["state"]) == (2, 1, "built")
    [refusal] = on(tmp_path / "home", "status", "--refused", "--json").objects
    assert refusal == report["refusals"][0]

    words = on(tmp_path / "home", "index", shelf).out
    assert "0 added, 2 unchanged, 1 refused" in words
    assert "not_an_image" in words
    assert "2 images, 1 refused, 0 retired" in on(tmp_path / "home", "status").out
    assert "not_an_image" in on(tmp_path / "home", "status", "--refused").out


HIT = {"sku": str, "name": str, "image": str, "probability": float, "similarity": float, "inliers": int}
ANSWER = {
    "query": str, "decision": str, "sku": str, "name": str, "probability": float, "reason": str, "hits": [HIT],
    "generation": str, "took_ms": float, "named": [str], "look_alikes": list, "id": type(None),
}  # fmt: skip


def answer_shape(answer: Any) -> Any:
    """How many look-alikes there are depends on the rendered names."""
    return {**shape(answer), "look_alikes": type(answer["look_alikes"])}


def test_query_as_json(on: Run, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    product = shop.single[0]
    photo, broken, none = shop.photo(product.sku), tmp_path / "broken.jpg", tmp_path / "none.jpg"
    broken.write_bytes(photo.read_bytes()[:1500])
    done = on(indexed, "query", "--json", "--no-record", "-k", "3", photo, broken, none, photo)
    assert (done.code, done.err) == (3, "")  # the others went on
    first, second, third, last = done.objects
    assert answer_shape(first) == ANSWER
    assert (first["query"], first["decision"], first["sku"]) == (str(photo), "match", product.sku)
    assert first["name"] == f"{product.name} {product.strength}"
    assert (first["generation"], len(first["hits"])) == ("g000001", 3)
    assert first["hits"][0]["image"] == f"images/{product.sku}_0.jpg"
    assert first["probability"] == first["hits"][0]["probability"]
    assert {**last, "took_ms": 0} == {**first, "took_ms": 0}
    assert second == {"query": str(broken), "error": {"code": "truncated", "message": second["error"]["message"]}}
    assert third["error"]["code"] == "missing"
    assert str(none) in third["error"]["message"]


def test_a_photo_of_nothing_known_is_unknown(on: Run, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (200, 160), "teal").save(tmp_path / "teal.png")
    done = on(indexed, "query", "--json", "--no-record", tmp_path / "teal.png")
    [answer] = done.objects
    assert done.code == 0
    assert answer_shape(answer) == {**ANSWER, "sku": type(None), "name": type(None), "named": list}
    assert (answer["decision"], len(answer["hits"])) == ("unknown", 5)
    words = on(indexed, "query", "--no-record", tmp_path / "teal.png").out
    assert "UNKNOWN  not in the catalog, as far as this photo tells" in words
    assert "nearest, for information only, not an answer" in words


def test_a_photo_from_standard_input(on: Run, indexed: Path, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = shop.photo(shop.single[1].sku).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(photo)))
    done = on(indexed, "query", "--json", "--no-record", "-")
    [answer] = done.objects
    assert (done.code, answer["query"], answer["sku"]) == (0, "-", shop.single[1].sku)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    done = on(indexed, "query", "--json", "--no-record", "-")
    assert (done.code, done.objects[0]["error"]["code"]) == (3, "zero_size")


def test_query_explains_itself(on: Run, indexed: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    [plain] = on(indexed, "query", "--json", "--no-record", "-k", "2", photo).objects
    [answer] = on(indexed, "query", "--json", "--no-record", "--explain", "-k", "2", photo).objects
    explanation = answer.pop("explanation")
    assert {**answer, "took_ms": 0} == {**plain, "took_ms": 0}
    assert set(explanation) == {"stages_ms", "lanes", "hits"}
    assert set(explanation["stages_ms"]) == {"describe", "lookup", "verify"}
    assert sum(explanation["stages_ms"].values()) == pytest.approx(answer["took_ms"], abs=0.1)
    lanes = {lane["lane"]: lane for lane in explanation["lanes"]}
    assert set(lanes) == {"phash", "siamese", "votes"}
    assert all(lane["found"] >= lane["alone"] >= 0 for lane in lanes.values())
    assert [hit["sku"] for hit in explanation["hits"]] == [hit["sku"] for hit in answer["hits"]]
    assert explanation["hits"][0]["ranks"] == {"phash": 1, "siamese": 1, "votes": 1}  # the very photo
    words = on(indexed, "query", "--no-record", "--explain", "-k", "2", photo).out
    assert "by no other lane" in words
    [first] = [line.split() for line in words.splitlines() if line.startswith("  " + answer["sku"])][1:]
    assert first[-3:] == ["1", "1", "1"]


def test_no_record_leaves_no_trace(on: Run, home: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)

    def recorded() -> int:
        engine = sa.create_engine(f"sqlite:///{home / 'catalog.db'}")
        with engine.connect() as connection:
            found = connection.scalar(sa.text("SELECT count(*) FROM decisions"))
        engine.dispose()
        return int(found or 0)

    assert on(home, "query", "--no-record", photo).code == 0
    assert recorded() == 0
    assert on(home, "query", photo, photo).code == 0
    assert recorded() == 2


def test_verify_as_json(on: Run, shop: Shop, tmp_path: Path) -> None:
    a, b = (shop.photo(p.sku) for p in shop.single[:2])
    done = on(tmp_path / "home", "verify", a, b, "--json")
    assert (done.code, done.err) == (0, "")
    [verdict] = done.objects
    assert shape(verdict) == {
        "a": str, "b": str, "same": bool, "probability": float, "similarity": float, "inliers": int, "reason": str
    }  # fmt: skip
    assert (verdict["a"], verdict["b"], verdict["same"]) == (str(a), str(b), False)
    [bare] = on(tmp_path / "home", "verify", a, a, "--json", "--method", "phash").objects
    assert bare == {"a": str(a), "b": str(a), "similarity": 1.0}

    for photo in (a, b):
        shutil.copy(photo, tmp_path / photo.name)
    pairs = tmp_path / "pairs.csv"
    pairs.write_text(f"a,b\n{a.name},{a.name}\n{b.name},\n{a.name},none.jpg\n{a.name},{b.name}\n", encoding="utf-8")
    done = on(tmp_path / "home", "verify", "--pairs", pairs, "--json")
    same, unreadable, other = done.objects
    assert (done.code, same["same"], other["same"]) == (3, True, False)
    assert shape(unreadable) == {"a": str, "b": str, "where": str, "error": {"code": str, "message": str}}
    assert unreadable["where"].endswith("pairs.csv line 4")
    assert "pairs.csv line 3: needs a photo in each of the columns a and b" in done.err
    words = on(tmp_path / "home", "verify", "--pairs", pairs).out.splitlines()
    assert [line.split()[0] for line in words] == ["same", "unreadable", "different"]
    assert not (tmp_path / "home").exists()


def _scores(pair: dict[str, Any]) -> dict[str, type]:
    """Nothing is compared where the files are equal."""
    return dict.fromkeys(("similarity", "inliers"), type(None)) if pair["identical_file"] else {
        "similarity": float, "inliers": int
    }  # fmt: skip


def test_duplicates_as_json(on: Run, indexed: Path, shop: Shop) -> None:
    done = on(indexed, "duplicates", "--json")
    assert (done.code, done.err) == (0, "")
    pair = {
        "a": str, "b": str, "identical_file": bool, "kind": str, "probability": float, "reason": str, "said": type(None)
    }  # fmt: skip
    for group in done.objects:
        assert shape(group) == {
            "kind": str, "skus": [str], "conflict": bool, "probability": float,
            "images": [{"sku": str, "name": str, "image": str, "sha256": str}],
            "pairs": [pair | _scores(group["pairs"][0])],
        }  # fmt: skip
    conflicts = on(indexed, "duplicates", "--conflicts", "--json").objects
    assert conflicts == [g for g in done.objects if g["conflict"]]
    assert {frozenset(g["skus"]) for g in conflicts} == {frozenset((d.sku_a, d.sku_b)) for d in shop.planted}
    words = on(indexed, "duplicates", "--conflicts").out
    assert "4 groups, 4 with different SKUs" in words
    assert "different SKUs, identical file" in words


def test_rebuild_and_rollback(on: Run, home: Path) -> None:
    assert on(home, "rebuild", "--json").objects == [{"generation": "g000002", "rolled_back": False}]
    assert on(home, "rebuild", "--rollback", "--json").objects == [{"generation": "g000001", "rolled_back": True}]
    assert on(home, "rebuild").out == "generation g000003 serves now\n"


def test_a_plan_changes_nothing(on: Run, home: Path) -> None:
    [plan] = on(home, "rebuild", "--dry-run", "--json").objects
    assert (plan["name"], plan["images"], plan["stale"], plan["changed"]) == ("g000002", 36, 0, False)
    assert {lane["name"]: lane["images"] for lane in plan["lanes"]} == {"phash": 36, "siamese": 36, "votes": 36}
    assert all(lane["bytes"] > 0 and lane["seconds"] > 0 for lane in plan["lanes"])  # from the build that there was
    words = on(home, "rebuild", "--dry-run").out
    assert "g000002 would be built from 36 images; nothing was done" in words
    assert "the generation that serves holds the same already" in words
    assert sorted(p.name for p in (home / "generations").iterdir()) == ["current", "g000001"]


def test_a_night_in_words_and_for_programs(on: Run, shop: Shop, tmp_path: Path) -> None:
    done = on(tmp_path / "home", "rebuild", "--nightly", shop.table)
    assert done.code == 0
    assert "generation g000001 serves now, with 36 images" in done.out
    assert "audit        recall phash 1.0000, siamese 1.0000" in done.out
    done = on(tmp_path / "home", "rebuild", "--nightly", shop.table)
    assert (done.code, done.out.splitlines()[0]) == (0, "nothing changed: generation g000001 goes on serving")
    [report] = on(tmp_path / "home", "rebuild", "--nightly", shop.table, "--json").objects
    assert (report["outcome"], report["exit_code"], report["changes"]["unchanged"]) == ("unchanged", 0, 36)
    assert on(tmp_path / "home", "rebuild", "--nightly", tmp_path / "none.csv").code == 4
    done = on(tmp_path / "home", "status", "--max-age", "1", "--verify")
    assert done.code == 0
    assert "last night " in done.out
    assert "failed" in done.out
    assert "every byte of the catalog and of all generations is as it was written" in done.out
    assert "no nightly run has succeeded" in the_error(on(tmp_path / "home", "status", "--max-age", "0"), 6)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nightly"], "--nightly needs a SOURCE"), (["x.csv"], "a SOURCE is for --nightly"),
        (["--nightly", "x.csv", "--dry-run"], "exclude each other"),
        (["--rollback", "--dry-run"], "exclude each other"),
        (["--rollback", "--keep", "2"], "--rollback removes nothing"), (["--keep", "0"], "--keep"),
    ],
)  # fmt: skip
def test_a_rebuild_that_cannot_be_meant(on: Run, home: Path, arguments: list[str], words: str) -> None:
    assert words in the_error(on(home, "rebuild", *arguments), 2)
    assert sorted(p.name for p in (home / "generations").iterdir()) == ["current", "g000001"]


def test_a_query_falls_back_with_a_warning(on: Run, home: Path, shop: Shop) -> None:
    photo = shop.photo(shop.single[0].sku)
    assert on(home, "rebuild", "--keep", "1").code == 0
    assert sorted(p.name for p in (home / "generations").iterdir()) == ["current", "g000002"]
    assert on(home, "rebuild").code == 0
    index = home / "generations/g000003/siamese.index"
    index.write_bytes(index.read_bytes()[:-1] + b"?")
    done = on(home, "query", "--no-record", "--json", photo)
    assert done.code == 0
    assert f"{index}: does not have the content" in done.err
    assert "until then generation g000002 answers" in done.err
    [answer] = done.objects
    assert (answer["generation"], answer["sku"]) == ("g000002", shop.single[0].sku)
    assert str(index) in the_error(Done(6, "", on(home, "status").err.splitlines(keepends=True)[-1]), 6)


def test_config_as_json(run: Run, kit: Kit) -> None:
    [settings] = run("--config", kit.config, "--device", "cpu", "config", "--json").objects
    assert all(set(entry) == {"value", "from"} for entry in settings.values())
    assert settings["query.k"] == {"value": 5, "from": "default.toml"}
    assert settings["indexing.workers"] == {"value": 2, "from": str(kit.config)}
    assert settings["methods.siamese.device"] == {"value": "cpu", "from": "--device"}
    assert settings["indexing.stored"]["value"] == ["phash", "orb", "siamese"]
    words = run("--config", kit.config, "config").out
    assert f'methods.siamese.weights "{kit.weights}" {kit.config}' in " ".join(words.split())


def test_training_that_measured_nothing_is_still_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = TrainResult(Path("run/best.safetensors"), 4, float("nan"), (), {})
    trained(result, True)
    assert json.loads(capsys.readouterr().out) == {"weights": "run/best.safetensors", "steps": 4, "best_r1": None}
    trained(result, False)
    assert "no product was held out" in capsys.readouterr().out


# -- errors ----------------------------------------------------------------------------------------------------------


def test_exit_codes(on: Run, run: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    photo = shop.photo(shop.single[0].sku)
    said = the_error(on(tmp_path / "new", "index", tmp_path / "none.csv"), 4)
    assert said.startswith(f"{tmp_path / 'none.csv'}: there is no such file or folder")
    said = the_error(on(tmp_path / "new", "query", photo), 5)
    assert said == f"{tmp_path / 'new'}: holds no catalog; run `simsearch --home {tmp_path / 'new'} index SOURCE` first"
    assert not (tmp_path / "new").exists()

    (tmp_path / "weights.toml").write_text(f'[methods.siamese]\nweights = "{tmp_path}/none.safetensors"\n')
    said = the_error(run("--config", tmp_path / "weights.toml", "--home", home, "query", photo), 7)
    assert said.startswith(f"{tmp_path}/none.safetensors: cannot be read")

    index = home / "generations/g000001/phash.index"
    index.write_bytes(index.read_bytes()[:-1])
    done = on(home, "status")
    assert f"{index}: is missing or of another size" in the_error(done, 6)
    assert "36 images" in done.out  # what there is to say is said before
    assert on(home, "status", "--json").objects[0]["problem"].startswith(str(index))
    assert "run `simsearch rebuild`" in the_error(on(home, "query", photo), 6)
    assert on(home, "rebuild").code == 0
    assert on(home, "status").code == 0


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def job(*_args: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(App, "index", job)


def test_ctrl_c_says_that_nothing_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert "interrupted; what was committed is kept" in the_error(run("--home", tmp_path, "index", "x"), 130)


def test_a_full_disk_is_no_defect(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, OSError(28, "No space left on device", "/x/y.index"))
    said = the_error(run("--home", tmp_path, "index", "x"), SimsearchError.exit_code)
    assert said == "/x/y.index: No space left on device"


def test_a_defect_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, ZeroDivisionError("by\nzero"))
    said = the_error(run("--home", tmp_path, "index", "x"), 1)
    assert said == "unexpected ZeroDivisionError: by zero (a defect; SIMSEARCH_DEBUG=1 shows where)"
    monkeypatch.setenv("SIMSEARCH_DEBUG", "1")
    monkeypatch.setattr(sys, "argv", ["simsearch", "--home", str(tmp_path), "index", "x"])
    with pytest.raises(ZeroDivisionError):
        cli.main()


@pytest.mark.parametrize("arguments", [["config"], ["config", "--json"], ["--help"]])
def test_a_reader_that_leaves_is_no_error(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    script = "from simsearch.cli.main import main; main()"
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments], stdout=gone, stderr=subprocess.PIPE, text=True, check=False,
            cwd=ROOT,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (141, "")


# -- on paper --------------------------------------------------------------------------------------------------------

ODD = "[red]x[/red] [/] :pill: 藥 ü\u3000\x1b[31m \\"


@pytest.fixture(scope="module")
def odd_home(tmp_path_factory: pytest.TempPathFactory, kit: Kit, shop: Shop) -> tuple[Path, Path]:
    """Names that a terminal or rich could take for something else, and a path that is longer than a line."""
    from simsearch import open_app

    folder = tmp_path_factory.mktemp("odd")
    photo = Path("a-rather-long-folder-name " * 5) / "another-one-" / ("photo-" * 20 + ".jpg")
    (folder / photo).parent.mkdir(parents=True)
    shutil.copy(shop.photo(shop.single[0].sku), folder / photo)
    rows = [{"sku": sku, "image": str(photo), "name": ODD} for sku in ("[bold]one", "[/]two")]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "odd.jsonl").write_text(lines, encoding="utf-8")
    with open_app(folder / "home", kit.config) as app:
        app.index([folder / "odd.jsonl"])
    return folder / "home", folder / photo


def test_names_are_printed_literally_and_paths_whole(
    on: Run, odd_home: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    home, photo = odd_home
    shown = ODD.replace("\x1b", "\\x1b").strip()
    out = on(home, "query", "--no-record", photo).out
    assert f"perhaps [bold]one  {shown}" in out
    assert "[bold]one and [/]two fit about equally well" in out
    image = str(photo.relative_to(home.parent))
    lines = [line for line in out.splitlines()[1:] if line.rstrip().endswith(image)]
    assert [line.split()[0] for line in lines] == ["[bold]one", "[/]two"]
    assert all(shown in line for line in lines)
    assert out.splitlines()[0] == str(photo)
    assert "…" not in out

    out = on(home, "duplicates").out
    assert [image in line and shown in line for line in out.splitlines()[1:3]] == [True, True]
    out = on(home, "verify", photo, photo).out
    assert out.count("\n") == 1
    assert out.rstrip().endswith(f"{photo}  {photo}")
    out = on(home, "status").out
    assert f"home         {home}\n" in out
    [answer] = on(home, "query", "--no-record", "--json", photo).objects
    assert (answer["name"], answer["hits"][1]["sku"]) == (ODD.strip(), "[/]two")


def test_a_file_name_that_is_not_utf8(on: Run, indexed: Path, shop: Shop, tmp_path: Path) -> None:
    odd = os.path.join(os.fsencode(tmp_path), b"gr\xfcn [red].jpg")
    with open(odd, "wb") as stream:
        stream.write(shop.photo(shop.single[0].sku).read_bytes())
    done = on(indexed, "query", "--no-record", "--json", os.fsdecode(odd))
    [answer] = done.objects
    assert (done.code, os.fsencode(answer["query"])) == (0, odd)
    assert r"gr\udcfcn [red].jpg" in on(indexed, "query", "--no-record", os.fsdecode(odd)).out
    assert r"gr\udcfcn.jpg" in on(indexed, "verify", os.fsdecode(b"gr\xfcn.jpg"), "x.jpg").out


def test_an_output_that_is_not_utf8_still_gets_json(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="latin-1", errors="backslashreplace"))
    print_json({"name": "ü 藥"})
    assert json.loads(out.getvalue().decode("latin-1")) == {"name": "ü 藥"}


def test_a_terminal_folds_and_cuts_nothing() -> None:
    stream = io.StringIO()
    screen = _Output(file=stream, force_terminal=True, width=50, height=25, color_system=None, soft_wrap=True)
    rows = table("SKU", "probability", "image")
    path = "/a/long/path/" + "x" * 100 + ".jpg"
    rows.add_row("SYN-00001", "97.0%", path)
    screen.print(rows)
    lines = stream.getvalue().splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert len(lines) > 3
    assert "…" not in stream.getvalue()
    start = lines[0].index("image")
    assert "".join(line[start:].strip() for line in lines[1:]) == path
    assert "97.0%" in lines[1]


def test_control_characters_are_shown_not_sent() -> None:
    assert text("a\x1b]0;b\x07\r\nc\u202f\u3000d\udcff") == "a\\x1b]0;b\\x07\\r\\nc\u202f\u3000d\\udcff"


def test_a_progress_bar_leaves_standard_output_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    primary, secondary = pty.openpty()
    out = io.StringIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", out)
    with os.fdopen(secondary, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar("asking", quiet=False) as progress:
            progress(1, 2, "half")
            print_json({"a": 1})
        assert out.getvalue() == '{"a": 1}\n'
        with progress_bar("asking", quiet=True) as progress:
            progress(1, 2, "half")
        monkeypatch.undo()
    shown = os.read(primary, 100_000).decode()
    os.close(primary)
    assert "asking" in shown
    assert '"a"' not in shown
