"""What `simsearch` exports: all that an App takes, returns and raises, documented, and loaded on first use."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import re
import subprocess
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import simsearch
from simsearch import App
from simsearch.core import errors

ROOT = Path(simsearch.__file__).parents[1]
EXPORTED = {name: getattr(simsearch, name) for name in simsearch.__all__}
ALIASES = {"PhotoLike", "Progress", "REFUSALS", "__version__"}
JOBS = {
    name: value.fget if isinstance(value, property) else value
    for name, value in vars(App).items()
    if not name.startswith("_") and callable(value.fget if isinstance(value, property) else value)
}
"""Public methods and properties of the App itself. Its parts, inherited from `wiring.Parts`, are not public."""


@pytest.mark.parametrize("name", simsearch.__all__)
def test_a_public_name_is_documented(name: str) -> None:
    value = EXPORTED[name]
    if name in ALIASES:
        return
    assert name == value.__name__
    text = inspect.getdoc(value) or ""
    assert text
    assert not text.startswith(f"{name}("), "a dataclass without a docstring"


def test_the_lists_in_the_package_agree() -> None:
    tree = ast.parse(Path(simsearch.__file__).read_text(encoding="utf-8"))
    checked, _ = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: (node.module or "").removeprefix("simsearch.")
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == simsearch._WHERE
    assert set(simsearch.__all__) == {*seen, "__version__"}
    assert set(simsearch.__all__) <= set(dir(simsearch))


def test_every_error_is_public() -> None:
    tree = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert tree <= set(simsearch.__all__)


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(AttributeError, match="module 'simsearch' has no attribute 'open_ap'"):
        _ = simsearch.open_ap  # type: ignore[attr-defined]


def hints(function: Any) -> dict[str, Any]:
    """Types of a function; a name in them that is neither public nor of the standard library is an error."""
    module = vars(sys.modules[function.__module__])
    standard = {n: v for n, v in module.items() if not str(getattr(v, "__module__", "")).startswith("simsearch")}
    bare = types.FunctionType(function.__code__, {**standard, **EXPORTED}, function.__name__)
    bare.__annotations__ = function.__annotations__
    return typing.get_type_hints(bare)


def classes(hint: Any) -> Iterator[type]:
    """The classes of simsearch in a type."""
    for part in typing.get_args(hint):
        yield from classes(part)
    if isinstance(hint, type) and hint.__module__.startswith("simsearch."):
        yield hint


@pytest.mark.parametrize("job", JOBS)
def test_a_job_takes_and_returns_public_types(job: str) -> None:
    for hint in hints(JOBS[job]).values():
        assert {cls.__name__ for cls in classes(hint)} <= set(simsearch.__all__)


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_documented_and_raises_public_errors(job: str) -> None:
    text = inspect.getdoc(JOBS[job]) or ""
    assert text
    assert set(re.findall(r"\b\w+Error\b", text)) <= set(simsearch.__all__)


def test_what_results_are_made_of_is_public() -> None:
    missing = {
        f"{name}.{field}: {cls.__name__}"
        for name, value in EXPORTED.items()
        if dataclasses.is_dataclass(value) and name != "Calibration"  # whose inside is nobody's business
        for field, hint in typing.get_type_hints(value).items()
        for cls in classes(hint)
        if cls.__name__ not in simsearch.__all__
    }
    assert missing == set()


def test_the_package_loads_nothing_until_it_is_asked() -> None:
    code = "import json, sys; before = set(sys.modules); import simsearch; simsearch.ConfigError; "
    code += "print(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = [name for name in json.loads(done.stdout) if name.startswith("simsearch")]
    assert loaded == ["simsearch", "simsearch.core", "simsearch.core.errors"]
    assert "numpy" not in done.stdout
