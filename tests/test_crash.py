"""A few kills of the campaign in scripts/crash_campaign.py, which was run once with many (docs/reliability.md)."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts/crash_campaign.py"
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}


def campaign(*arguments: str) -> dict[str, float]:
    """In a process of its own: it forks, and this one has threads."""
    command = [sys.executable, str(SCRIPT), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=HERE)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.slow
def test_kills_at_random_and_at_every_step_lose_nothing() -> None:
    found = campaign("--kills", "40", "--longest", "0.6")
    assert found["random_kills"] == 40
    assert found["kills_at_steps"] >= 20


@pytest.mark.slow
def test_readers_see_no_error_and_nothing_retired_while_builds_swap() -> None:
    found = campaign("--readers", "5")
    assert found["questions"] > 20
    assert found["generations_seen"] >= 2


def test_the_check_of_the_campaign_can_fail(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("crash_campaign", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crash_campaign"] = module
    spec.loader.exec_module(module)
    world = module.World(tmp_path)
    world.work(3, steps=3)
    world.rebuilder.rebuild(progress=module.quiet)
    world.check()
    said = tmp_path / "said"
    whole = said.read_text(encoding="ascii")
    said.write_text(whole + f"added {'0' * 64}\n", encoding="ascii")
    with pytest.raises(AssertionError, match="1 committed images are lost"):
        world.check()
    active = next(k.id for k in world.catalog.images.known([]))
    said.write_text(whole + f"retired {active}\n", encoding="ascii")
    with pytest.raises(AssertionError, match="retired images are active again"):
        world.check()
    said.write_text(whole + "serves g999999\n", encoding="ascii")
    with pytest.raises(AssertionError, match="later ones were acknowledged"):
        world.check()
    said.write_text(whole, encoding="ascii")
    world.check()
    with world.catalog.database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE images SET verdict = 'refused' WHERE id = {active}")
    with pytest.raises(Exception, match="fit the catalog"):
        world.check()
    world.catalog.close()
