"""The wheel has everything in it, and works installed, outside the checkout."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = Path("Scripts" if os.name == "nt" else "bin")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT), at=folder)
    [built] = folder.glob("simsearch-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs' folder of an environment with the wheel in it. Its dependencies are those of the running one."""
    home = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(home, with_pip=False)
    python = str(home / PROGRAMS / "python")
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", at=home).strip())
    # As a plain path: the .pth files there, the editable install's among them, are not read a second time.
    shared = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (own / "dependencies.pth").write_text("\n".join(shared))
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    # --ignore-installed: the running environment's simsearch is seen through the path above, and is not to be touched.
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--ignore-installed", str(wheel), at=home)
    return home / PROGRAMS


def run(*command: str, at: Path) -> str:
    """Standard output. Neither the checkout nor its settings are in sight."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIMSEARCH"))}
    done = subprocess.run(command, cwd=at, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def photo(path: Path, colour: str, shape: str) -> Path:
    """A box of a colour on a table, with a shape on it."""
    picture = Image.new("RGB", (400, 300), "grey")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((60, 50, 340, 250), fill=colour)
    getattr(draw, shape)((100, 90, 200, 210), fill="white")
    draw.text((220, 140), path.parent.name, fill="black", font_size=22)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)
    return path


def test_the_wheel_has_code_and_resources_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"simsearch/py.typed", "simsearch/cli/main.py", "simsearch/core/resources.py"} <= names
    for source, target in (
        ("simsearch", "simsearch"),
        ("migrations", "simsearch/migrations"),
        ("configs", "simsearch/configs"),
    ):
        tracked = [path for path in (ROOT / source).rglob("*") if path.is_file() and path.suffix not in (".pyc",)]
        assert tracked
        assert {f"{target}/{path.relative_to(ROOT / source).as_posix()}" for path in tracked} <= names
    assert {"simsearch/configs/default.toml", "simsearch/views/html/templates/base.html.j2"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"simsearch"}


def test_the_installed_wheel_is_what_runs(installed: Path, tmp_path: Path) -> None:
    code = (
        "import simsearch, simsearch.core.resources as r; print(simsearch.__file__); print(r.resource_dir('configs'))"
    )
    package, configs = run(str(installed / "python"), "-c", code, at=tmp_path).split("\n")[:2]
    assert Path(package).is_relative_to(installed.parent)
    assert Path(configs) == Path(package).parent / "configs"


def test_the_installed_command_says_what_it_is(installed: Path, tmp_path: Path) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert version in run(str(installed / "simsearch"), "--version", at=tmp_path)
    assert "query" in run(str(installed / "simsearch"), "--help", at=tmp_path)


@pytest.mark.slow
def test_the_installed_command_indexes_and_answers(installed: Path, tmp_path: Path) -> None:
    asked = photo(tmp_path / "shop" / "aspirin" / "front.png", "firebrick", "ellipse")
    photo(tmp_path / "shop" / "ibuprofen" / "front.png", "navy", "rectangle")
    simsearch = (str(installed / "simsearch"), "--home", "home")
    run(*simsearch, "index", "shop", at=tmp_path)
    assert json.loads(run(*simsearch, "status", "--json", at=tmp_path))
    answer = run(*simsearch, "query", str(asked), "--json", "--html", "page.html", at=tmp_path)
    assert json.loads(answer)
    assert "<h1>Which drug is this?</h1>" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "aspirin" in answer


def test_one_faiss_on_every_platform() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    faiss = [requirement for requirement in map(Requirement, wanted) if requirement.name.startswith("faiss-")]
    platforms = itertools.product(("linux", "darwin", "win32"), ("x86_64", "aarch64", "arm64", "AMD64"))
    for system, machine in platforms:
        here = {"sys_platform": system, "platform_machine": machine}
        taken = [requirement.name for requirement in faiss if requirement.marker and requirement.marker.evaluate(here)]
        assert taken == ["faiss-gpu" if (system, machine) == ("linux", "x86_64") else "faiss-cpu"]


def test_the_page_finds_its_templates_messages_and_static_files(installed: Path, tmp_path: Path) -> None:
    code = (
        "from simsearch.server.page.render import environment, static_files\n"
        "made = [environment('de').get_template(name) for name in environment('de').list_templates()]\n"
        "print(len(made) > 10, {'page.js', 'page.css', 'icon.svg'} <= set(static_files()))"
    )
    assert run(str(installed / "python"), "-c", code, at=tmp_path).split() == ["True", "True"]
