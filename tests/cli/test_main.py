"""The command line: data on stdout, one line on stderr, exit codes of the error tree, and never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch.app import App
from simsearch.cli import main as cli
from simsearch.core.errors import SimsearchError

if TYPE_CHECKING:
    from tests.conftest import Kit, Run, Shop


ROOT = Path(__file__).resolve().parents[2]


COMMANDS = (
    "index", "query", "verify", "duplicates", "rebuild", "status", "config", "train", "calibrate", "demo",
    "decisions", "augmentations", "check",
)  # fmt: skip


HEAVY = {"torch", "torchvision", "faiss", "cv2", "sqlalchemy", "matplotlib", "scipy", "rich.progress"}


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


def test_parameters_of_commands_are_not_compiled_from_text() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "simsearch" / "cli").glob("*.py")]
    commands = [text for text in texts if "commands.command(" in text or ("Annotated[" in text and "Argument(" in text)]
    assert len(commands) >= 9
    assert not [text[:80] for text in commands if "\nfrom __future__ import annotations\n" in text]


def test_the_list_of_commands_is_whole(run: Run) -> None:
    out = run("--help").out
    listed = out[out.index("Commands:") :]
    assert all(f"\n  {command} " in listed for command in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["indx"], "indx"),
        (["--hoem", "x", "status"], "--hoem"),
        (["query"], "name a photo, or describe a pill: --looks"),
        (["query", "a.jpg", "--looks", "white"], "--looks searches without a photo"),
        (["query", "--looks", " "], "say what the pill looks like"),
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
    assert words in done.error(2)
    assert done.out == ""


def test_config_as_json(run: Run, kit: Kit) -> None:
    [settings] = run("--config", kit.config, "--device", "cpu", "config", "--json").objects
    assert all(set(entry) == {"value", "from"} for entry in settings.values())
    assert settings["query.k"] == {"value": 5, "from": "default.toml"}
    assert settings["indexing.workers"] == {"value": 2, "from": str(kit.config)}
    assert settings["methods.siamese.device"] == {"value": "cpu", "from": "--device"}
    assert settings["indexing.stored"]["value"] == ["phash", "orb", "siamese", "pills"]
    words = run("--config", kit.config, "config").out
    assert f'methods.siamese.weights "{kit.weights}" {kit.config}' in " ".join(words.split())


def test_exit_codes(on: Run, run: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    photo = shop.photo(shop.single[0].sku)
    said = on(tmp_path / "new", "index", tmp_path / "none.csv").error(4)
    assert said.startswith(f"{tmp_path / 'none.csv'}: there is no such file or folder")
    said = on(tmp_path / "new", "query", photo).error(5)
    assert said == f"{tmp_path / 'new'}: holds no catalog; run `simsearch --home {tmp_path / 'new'} index SOURCE` first"
    assert not (tmp_path / "new").exists()

    (tmp_path / "weights.toml").write_text(f'[methods.siamese]\nweights = "{tmp_path}/none.safetensors"\n')
    said = run("--config", tmp_path / "weights.toml", "--home", home, "query", photo).error(7)
    assert said.startswith(f"{tmp_path}/none.safetensors: cannot be read")

    index = home / "generations/g000001/phash.index"
    index.write_bytes(index.read_bytes()[:-1])
    done = on(home, "status")
    assert f"{index}: is missing or of another size" in done.error(6)
    assert "36 images" in done.out  # what there is to say is said before
    assert on(home, "status", "--json").objects[0]["problem"].startswith(str(index))
    assert "run `simsearch rebuild`" in on(home, "query", photo).error(6)
    assert on(home, "rebuild").code == 0
    assert on(home, "status").code == 0


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def job(*_args: object, **_named: object) -> None:
        raise error

    monkeypatch.setattr(App, "index", job)


def test_ctrl_c_says_that_nothing_is_lost(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, KeyboardInterrupt())
    assert "interrupted; what was committed is kept" in run("--home", tmp_path, "index", "x").error(130)


def test_a_full_disk_is_no_defect(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, OSError(28, "No space left on device", "/x/y.index"))
    said = run("--home", tmp_path, "index", "x").error(SimsearchError.exit_code)
    assert said == "/x/y.index: No space left on device"


def test_a_defect_is_one_line_too(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing(monkeypatch, ZeroDivisionError("by\nzero"))
    said = run("--home", tmp_path, "index", "x").error(1)
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
