"""`make venv` and what can be wrong before it. The interpreter, pip and df are stand-ins: nothing is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
Make = Callable[..., "subprocess.CompletedProcess[str]"]

# Stands in for python3 and, copied by its own `-m venv`, for .venv/bin/python.
PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) echo "${FAKE_VERSION:-3.11.7}" ;;
    *ensurepip*) exit "${FAKE_NO_VENV:-0}" ;;
    "-m venv"*) mkdir -p .venv/bin && cp "$0" .venv/bin/python && echo made >>venv-calls ;;
    "-m pip"*) echo "$*" >>pip-calls; exit "${FAKE_PIP:-0}" ;;
esac
"""
DF = """#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
echo "/dev/disk 99999999 1 ${FAKE_FREE_KB:-90000000} 1% /"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What setup needs of the repository, in a path with spaces."""
    folder = tmp_path / "a check out"
    (folder / "scripts").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "scripts/setup"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def make(checkout: Path, tmp_path: Path) -> Make:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, content in (("python3", PYTHON), ("df", DF)):
        (programs / name).write_text(content)
        (programs / name).chmod(0o755)

    def call(*arguments: str, at: Path = checkout, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{programs}:/usr/bin:/bin", **settings}
        command = ["make", *(arguments or ("venv",))]
        return subprocess.run(command, cwd=at, env=environment, capture_output=True, text=True, check=False)

    return call


def the_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failure prints, besides make's own."""
    assert done.returncode != 0
    [line] = [line for line in done.stderr.splitlines() if not line.startswith("make: ")]
    return line


@pytest.mark.parametrize("version", ["2.7.18", "3.8.18", "3.10.13"])
def test_an_old_python_is_named(make: Make, checkout: Path, version: str) -> None:
    line = the_line(make(FAKE_VERSION=version))
    assert line.startswith(f"simsearch: needs Python 3.11 or newer; found {version} (python3): set PYTHON=")
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("version", ["3.11.0", "3.13.0", "4.0.0"])
def test_a_new_python_is_taken(make: Make, version: str) -> None:
    assert make(FAKE_VERSION=version).returncode == 0


def test_no_python_at_all(make: Make) -> None:
    assert "'python9' does not run: set PYTHON=" in the_line(make("venv", "PYTHON=python9"))


def test_a_missing_venv_module_is_named(make: Make, checkout: Path) -> None:
    assert "install python3-venv" in the_line(make(FAKE_NO_VENV="1"))
    assert not (checkout / ".venv").exists()


def test_a_full_disk_is_named(make: Make, checkout: Path) -> None:
    line = the_line(make(FAKE_FREE_KB=str(11_400 * 1024)))
    assert "GB of free disk" in line
    assert line.endswith("here are 11.4 GB free")
    assert not (checkout / ".venv").exists()


def test_a_failed_installation_names_its_log_and_the_next_run_starts_afresh(make: Make, checkout: Path) -> None:
    line = the_line(make(FAKE_PIP="1"))
    assert ".venv/install.log" in line
    assert (checkout / ".venv/install.log").exists()
    (checkout / ".venv/half-installed").touch()

    assert make().returncode == 0
    assert not (checkout / ".venv/half-installed").exists()
    assert (checkout / "venv-calls").read_text().count("made") == 2


def test_the_second_run_installs_nothing(make: Make, checkout: Path) -> None:
    assert make().returncode == 0
    calls = (checkout / "pip-calls").read_text()
    assert "--require-hashes -r requirements.lock" in calls
    assert "--no-deps --no-build-isolation -e ." in calls

    done = make()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (checkout / "pip-calls").read_text() == calls


def test_a_changed_lock_is_installed_into_the_same_environment(make: Make, checkout: Path) -> None:
    make()
    calls = (checkout / "pip-calls").read_text()
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    assert make(FAKE_FREE_KB="1").returncode == 0  # the big packages are there already
    assert (checkout / "pip-calls").read_text() == calls * 2
    assert (checkout / "venv-calls").read_text().count("made") == 1


def test_a_moved_checkout_gets_its_environment_anew(make: Make, checkout: Path) -> None:
    make()
    moved = checkout.rename(checkout.parent / "moved")
    assert make(at=moved).returncode == 0
    assert (moved / "venv-calls").read_text().count("made") == 2


def test_an_environment_made_by_hand_is_used_and_kept(make: Make, checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv/bin").mkdir(parents=True)
    shutil.copy(tmp_path / "bin/python3", checkout / ".venv/bin/python")
    (checkout / ".venv/notes.txt").write_text("mine")
    assert make(FAKE_PIP="0").returncode == 0
    assert (checkout / ".venv/notes.txt").read_text() == "mine"
    assert not (checkout / "venv-calls").exists()


def test_help_lists_every_target(make: Make) -> None:
    listed = {line.split()[1] for line in make("help").stdout.splitlines()}
    assert listed == {"help", "demo", "test", "test-scale", "lint", "bench", "instructions", "venv", "clean"}
