"""Imports point one way (the map is in ROWS), and heavy libraries stay out of the way of `simsearch --help`."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import simsearch

ROOT = Path(__file__).resolve().parent.parent

# From the ground up. A room is a package or module directly in simsearch/; it imports from lower rows and from itself.
ROWS = (
    {"core"},
    {"features", "catalog", "synthetic"},
    {"indexes"},
    {"ingest"},
    {"recognition"},
    {"duplicates", "filing", "training"},
    {"wiring"},
    {"app"},
    {"evaluation"},  # measures the application from outside
    {"views"},
    {"client", "server"},  # HTTP and the page, and what asks them
    {"cli", "testing"},  # the command line starts the server
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
LAZY = simsearch._WHERE  # public name -> the module that simsearch/__init__.py takes it from on first use
HEAVY = {"torch", "torchvision", "faiss", "cv2", "sqlalchemy", "matplotlib", "scipy", "onnxruntime", "rapidocr"} | {
    "fastapi", "httpx",
}  # fmt: skip


def module_name(path: str) -> str:
    """`simsearch/features/orb.py` -> `simsearch.features.orb`; a package is named without `__init__`."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


def imported(tree: ast.AST, package: str, modules: set[str]) -> Iterator[tuple[int, str]]:
    """(line, module of simsearch) for each import, wherever it stands: in functions and for type checkers too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            source = ".".join([*(parents if node.level else []), *([node.module] if node.module else [])])
            names = [resolve(source, alias.name, modules) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            names = [first.value] if isinstance(first, ast.Constant) and isinstance(first.value, str) else []
        else:
            continue
        yield from ((node.lineno, name) for name in dict.fromkeys(names) if name.split(".")[0] == "simsearch")


def resolve(source: str, name: str, modules: set[str]) -> str:
    """`from source import name` names the module `source.name` where there is one, and otherwise `source`."""
    if source == "simsearch" and name in LAZY:
        return f"simsearch.{LAZY[name]}"
    return f"{source}.{name}" if f"{source}.{name}" in modules else source


def allowed(importer: str, target: str) -> bool:
    here, there = (name.split(".")[1] if "." in name else "" for name in (importer, target))
    if here == there or not there:
        return True  # its own room; `from simsearch import __version__`
    if not here:
        return target.removeprefix("simsearch.") in LAZY.values()
    row, below = ROW_OF.get(here), ROW_OF.get(there)
    return row is not None and below is not None and below < row


def wrong_imports(sources: Mapping[str, str]) -> list[str]:
    """`file:line imports module` for each import that points the wrong way; `sources` is path -> content."""
    modules = {module_name(path) for path in sources}
    found = [f"{path}:1 is in no row of ROWS" for path in sources if not known(module_name(path))]
    core: dict[str, set[str]] = {name: set() for name in modules if name.startswith("simsearch.core.")}
    for path, source in sources.items():
        importer = module_name(path)
        package = importer if path.endswith("__init__.py") else importer.rpartition(".")[0]
        for line, target in imported(ast.parse(source), package, modules):
            if not allowed(importer, target):
                found.append(f"{path}:{line} imports {target}")
            if importer in core and target in core and importer != target:
                core[importer].add(target)
    try:
        TopologicalSorter(core).prepare()
    except CycleError as error:
        found.append(f"core imports in a circle: {' -> '.join(error.args[1])}")
    return found


def known(module: str) -> bool:
    return module == "simsearch" or module.split(".")[1] in ROW_OF


def test_imports_point_one_way() -> None:
    paths = sorted((ROOT / "simsearch").rglob("*.py"))
    sources = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    assert len(sources) > 10
    assert wrong_imports(sources) == []


@pytest.mark.parametrize(
    ("path", "source", "target"),
    [
        ("simsearch/features/orb.py", "from simsearch.catalog import catalog", "simsearch.catalog.catalog"),
        ("simsearch/features/orb.py", "import simsearch.recognition", "simsearch.recognition"),
        ("simsearch/features/orb.py", "from ..recognition.engine import QueryEngine", "simsearch.recognition.engine"),
        ("simsearch/features/orb.py", "from .. import recognition", "simsearch.recognition"),
        ("simsearch/features/orb.py", "from simsearch import open_app", "simsearch.app"),
        ("simsearch/indexes/flat.py", "from simsearch.ingest import indexer", "simsearch.ingest.indexer"),
        ("simsearch/duplicates/finder.py", "from simsearch.training import trainer", "simsearch.training.trainer"),
        ("simsearch/recognition/engine.py", "def f():\n    from simsearch import views", "simsearch.views"),
        ("simsearch/recognition/engine.py", "if TYPE_CHECKING:\n    from simsearch.app import App", "simsearch.app"),
        ("simsearch/recognition/engine.py", "importlib.import_module('simsearch.cli')", "simsearch.cli"),
        ("simsearch/app.py", "import os, simsearch.evaluation", "simsearch.evaluation"),
        ("simsearch/core/errors.py", "from simsearch.features import base", "simsearch.features.base"),
        ("simsearch/__init__.py", "from simsearch.recognition import engine", "simsearch.recognition.engine"),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str, target: str) -> None:
    line = source.count("\n") + 1
    assert wrong_imports({**HOUSE, path: source}) == [f"{path}:{line} imports {target}"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("simsearch/__init__.py", "from simsearch.app import open_app\nfrom simsearch import app"),
        (
            "simsearch/features/orb.py",
            "from simsearch.features import base\nfrom .base import Method",
        ),
        ("simsearch/recognition/engine.py", "from simsearch import __version__\nfrom simsearch.indexes import flat"),
        ("simsearch/cli/main.py", "from simsearch.cli.demo import run\nfrom simsearch import open_app, recognition"),
        ("simsearch/core/images.py", "import numpy\nfrom simsearch.core.errors import ImageError\nfrom os import path"),
    ],
)
def test_a_right_import_is_not(path: str, source: str) -> None:
    assert wrong_imports({**HOUSE, path: source}) == []


def test_a_module_outside_the_map_is_found() -> None:
    assert wrong_imports({"simsearch/helpers.py": ""}) == ["simsearch/helpers.py:1 is in no row of ROWS"]


def test_a_circle_in_the_core_is_found() -> None:
    [found] = wrong_imports(
        {"simsearch/core/images.py": "from . import config", "simsearch/core/config.py": "import simsearch.core.images"}
    )
    assert found.startswith("core imports in a circle: ")


def test_the_command_line_loads_no_heavy_library() -> None:
    code = "import json, sys, simsearch.cli.main; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert HEAVY & set(json.loads(done.stdout)) == set()


HOUSE = dict.fromkeys(
    (
        "simsearch/__init__.py",
        "simsearch/wiring.py",
        "simsearch/app.py",
        *(f"simsearch/{room}/__init__.py" for rooms in ROWS for room in rooms if room not in ("wiring", "app")),
        *(f"simsearch/core/{name}.py" for name in ("errors", "types", "images", "config")),
        *(f"simsearch/features/{name}.py" for name in ("base", "orb", "siamese")),
        *(f"simsearch/{name}.py" for name in ("catalog/catalog", "indexes/flat", "ingest/indexer", "training/trainer")),
        *(f"simsearch/{name}.py" for name in ("recognition/engine", "duplicates/finder", "cli/main", "cli/demo")),
    ),
    "",
)
