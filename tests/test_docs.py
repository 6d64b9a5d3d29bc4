"""What programs rely on is in the docs: exit codes, refusal codes and the keys of every JSON object."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simsearch.core import errors

if TYPE_CHECKING:
    from tests.conftest import Run, Shop

ROOT = Path(__file__).resolve().parent.parent
# Objects whose keys are data: methods, lanes, stages, steps, settings.
MAPS = {"undescribed", "stale", "fingerprints", "ranks", "stages_ms", "steps_s", "strengths"}


def in_code(page: str) -> set[str]:
    """What a page sets as code."""
    return set(re.findall(r"`([^`]+)`", (ROOT / "docs" / page).read_text(encoding="utf-8")))


def modules() -> Iterator[ast.Module]:
    for path in sorted((ROOT / "simsearch").rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


# -- errors ----------------------------------------------------------------------------------------------------------


def test_every_error_is_in_the_docs_with_its_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \|([^|]*)\|", (ROOT / "docs/errors.md").read_text(encoding="utf-8"), re.MULTILINE)
    listed = {name: int(code) for code, names in rows for name in re.findall(r"`(\w+)`", names)}
    known = {
        name: found.exit_code
        for name, found in vars(errors).items()
        if isinstance(found, type) and issubclass(found, errors.SimsearchError)
    }
    assert listed == known
    main = (ROOT / "simsearch/cli/main.py").read_text(encoding="utf-8")
    assert set(map(int, re.findall(r"code = (\d+)", main))) <= {int(code) for code, _ in rows}


def test_every_refusal_code_is_in_the_docs() -> None:
    made = {
        argument.value
        for tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).split(".")[-1] in ("Refusal", "_refusal", "ImageError", "Unfit")
        for argument in call.args[: 1 if ast.unparse(call.func) == "Unfit" else 2]
        if isinstance(argument, ast.Constant)
    }
    assert len(made) >= 8
    assert set(errors.REFUSALS) <= made
    assert made <= in_code("errors.md")


def test_every_reason_to_pass_over_a_file_is_in_the_docs() -> None:
    from simsearch.ingest.passed_over import REASONS

    given = {
        argument.value
        for tree in modules()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "_passed_over"
        for argument in call.args[1:2]
        if isinstance(argument, ast.Constant)
    }
    assert given == set(REASONS)
    assert set(REASONS) <= in_code("errors.md")


# -- JSON ------------------------------------------------------------------------------------------------------------


def keys(value: Any) -> Iterator[str]:
    """Keys of a JSON value at any depth, without those that are data."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            lanes = key == "lanes" or (key == "audit" and "passed" not in part)
            inner = part.values() if lanes and isinstance(part, dict) else [part]
            yield from () if key in MAPS else (name for one in inner for name in keys(one))
    elif isinstance(value, list):
        for part in value:
            yield from keys(part)


def test_every_key_that_is_written_in_views_json_is_in_the_docs() -> None:
    from simsearch.ingest.build_plan import Plan, PlannedLane
    from simsearch.ingest.nightly import NightlyReport

    files = (ROOT / "simsearch/views" / name for name in ("json.py", "print_json.py", "check_json.py"))
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    named = {
        key.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant)
    }
    made = {field.name for shape in (NightlyReport, Plan, PlannedLane) for field in fields(shape)}
    assert len(named) > 60
    assert (named | made) - in_code("json.md") == set()


def test_every_key_that_is_printed_is_in_the_docs(on: Run, home: Path, shop: Shop, tmp_path: Path) -> None:
    photo, other = (shop.photo(p.sku) for p in shop.single[:2])
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"")
    (tmp_path / "table.csv").write_text("sku,image\n,none.jpg\n", encoding="utf-8")
    calls: list[list[object]] = [
        ["index", tmp_path / "table.csv"], ["query", "--explain", "--where", "sku!=x", photo, broken],
        ["query", "--explain", shop.photo(shop.planted[0].sku_a)], ["query", "--together", photo, other, broken],
        ["query", "--looks", "white round"],
        ["verify", photo, other], ["verify", photo, broken], ["duplicates", "--kind", "identical"],
        ["duplicates", "--kind", "look-alike", "--kind", "same-product", "--threshold", "0.1"],
        ["duplicates", "dismiss", shop.single[0].sku, shop.single[1].sku], ["duplicates", "reviews"],
        ["check"], ["check", "dismiss", "1"], ["check", "said"],
        ["decisions", "confirm", "1"], ["decisions"], ["rebuild", "--dry-run"], ["rebuild"], ["rebuild", "--rollback"],
        ["rebuild", "--nightly", shop.table], ["status", "--refused"], ["status"],
    ]  # fmt: skip
    printed: set[str] = set()
    for call in calls:
        done = on(home, *map(str, call), "--json")
        assert done.objects, call
        printed |= set(keys(done.objects))
    assert {"features", "review", "photos", "recall", "differences"} <= printed
    assert printed - in_code("json.md") == set()
