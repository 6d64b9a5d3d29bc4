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

ROOT = Path(__file__).resolve().parent.parent

# From the foundations up. A room is a module or package directly in simsearch/; it imports from lower rows and itself.
ROWS = (
    {
        "errors",
        "datatypes",
        "images",
        "config",
        "resources",
        "locking",
        "threads",
    },  # may import each other, without a cycle
    {"methods", "siamese", "catalog", "synthetic"},
    {"indexes"},
    {"verification"},  # the look at a pair, shared by all that judge pairs
    {"lookalikes", "filters", "together"},  # what the catalog says of products, what several photos say
    {"lookup"},  # which images are worth that look
    {"decide"},  # and what to say of them
    {"filtered"},
    {"indexer", "query", "duplicates", "calibrate", "evaluation", "decisions"},
    {"reports"},  # pictures and pages of what was found
    {"training_run", "maintenance", "prometheus", "answering"},
    {"nightly"},
    {"app"},
    {"evaluation_run"},  # measures the application as a whole
    {"printing"},
    {"demo"},
    {"calls"},
    {"cli_augment", "cli_duplicates", "cli_evaluate", "cli_maintenance", "cli_query", "cli_decisions"},
    {"cli"},
    {"__main__"},
)
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
EXCEPTIONS = {
    "simsearch.methods.siamese": {
        "simsearch.siamese.network",
        "simsearch.siamese.subject",
        "simsearch.siamese.weightfile",
    }
}
LAZY = {"App": "app", "open_app": "app"}  # what simsearch/__init__.py hands out, and from where
HEAVY = {"torch", "torchvision", "faiss", "cv2", "sqlalchemy", "matplotlib", "scipy"}


def module_name(path: str) -> str:
    """`simsearch/methods/orb.py` -> `simsearch.methods.orb`; a package is named without `__init__`."""
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
        return there in LAZY.values()
    if target in EXCEPTIONS.get(importer, ()):
        return True
    row, below = ROW_OF.get(here), ROW_OF.get(there)
    return row is not None and below is not None and (below < row or row == below == 0)


def wrong_imports(sources: Mapping[str, str]) -> list[str]:
    """`file:line imports module` for each import that points the wrong way; `sources` is path -> content."""
    modules = {module_name(path) for path in sources}
    found = [f"{path}:1 is in no row of ROWS" for path in sources if not known(module_name(path))]
    bottom: dict[str, set[str]] = {room: set() for room in ROWS[0]}
    for path, source in sources.items():
        importer = module_name(path)
        package = importer if path.endswith("__init__.py") else importer.rpartition(".")[0]
        for line, target in imported(ast.parse(source), package, modules):
            if not allowed(importer, target):
                found.append(f"{path}:{line} imports {target}")
            here, there = importer.split(".")[-1], target.split(".")[-1]
            if here in bottom and there in bottom and here != there:
                bottom[here].add(there)
    try:
        TopologicalSorter(bottom).prepare()
    except CycleError as error:
        found.append(f"the lowest row imports in a circle: {' -> '.join(error.args[1])}")
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
        ("simsearch/methods/orb.py", "from simsearch.catalog import store", "simsearch.catalog.store"),
        ("simsearch/methods/orb.py", "import simsearch.query", "simsearch.query"),
        ("simsearch/methods/orb.py", "from ..query import Query", "simsearch.query"),
        ("simsearch/methods/orb.py", "from .. import query", "simsearch.query"),
        ("simsearch/methods/orb.py", "from simsearch import open_app", "simsearch.app"),
        ("simsearch/methods/orb.py", "from simsearch.siamese import network", "simsearch.siamese.network"),
        ("simsearch/methods/siamese.py", "from simsearch.siamese.training import fit", "simsearch.siamese.training"),
        ("simsearch/methods/siamese.py", "from simsearch.siamese import training", "simsearch.siamese.training"),
        ("simsearch/siamese/network.py", "from simsearch.methods.base import Method", "simsearch.methods.base"),
        ("simsearch/query.py", "def f():\n    from simsearch import reports", "simsearch.reports"),
        ("simsearch/query.py", "if TYPE_CHECKING:\n    from simsearch.app import App", "simsearch.app"),
        ("simsearch/query.py", "importlib.import_module('simsearch.cli')", "simsearch.cli"),
        ("simsearch/app.py", "import os, simsearch.demo", "simsearch.demo"),
        ("simsearch/errors.py", "from simsearch.methods import base", "simsearch.methods.base"),
        ("simsearch/__init__.py", "from simsearch.query import Query", "simsearch.query"),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str, target: str) -> None:
    line = source.count("\n") + 1
    assert wrong_imports({**HOUSE, path: source}) == [f"{path}:{line} imports {target}"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("simsearch/__init__.py", "from simsearch.app import open_app\nfrom simsearch import app"),
        ("simsearch/methods/siamese.py", "from simsearch.siamese import network\nimport simsearch.siamese.weightfile"),
        (
            "simsearch/methods/orb.py",
            "from simsearch.methods import base\nfrom . import base\nfrom .base import Method",
        ),
        ("simsearch/query.py", "from simsearch import __version__, errors\nfrom simsearch.siamese import training"),
        ("simsearch/cli.py", "from simsearch.demo import run\nfrom simsearch import open_app, query, images"),
        ("simsearch/images.py", "import numpy\nfrom simsearch.errors import ImageError\nfrom os import path"),
    ],
)
def test_a_right_import_is_not(path: str, source: str) -> None:
    assert wrong_imports({**HOUSE, path: source}) == []


def test_a_module_outside_the_map_is_found() -> None:
    assert wrong_imports({"simsearch/helpers.py": ""}) == ["simsearch/helpers.py:1 is in no row of ROWS"]


def test_a_circle_in_the_lowest_row_is_found() -> None:
    [found] = wrong_imports(
        {"simsearch/images.py": "from . import config", "simsearch/config.py": "import simsearch.images"}
    )
    assert found.startswith("the lowest row imports in a circle: ")


def test_the_command_line_loads_no_heavy_library() -> None:
    code = "import json, sys, simsearch.cli; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert HEAVY & set(json.loads(done.stdout)) == set()


HOUSE = dict.fromkeys(
    (
        "simsearch/__init__.py",
        *(f"simsearch/{name}.py" for name in ("errors", "datatypes", "images", "config", "query", "reports", "app")),
        *(f"simsearch/{name}.py" for name in ("demo", "cli")),
        *(f"simsearch/methods/{name}.py" for name in ("__init__", "base", "orb", "siamese")),
        *(f"simsearch/siamese/{name}.py" for name in ("__init__", "network", "weightfile", "training")),
        *(f"simsearch/catalog/{name}.py" for name in ("__init__", "store")),
    ),
    "",
)
