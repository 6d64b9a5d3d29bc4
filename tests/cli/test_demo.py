"""The demo is complete on a small catalog, and the same when it runs again."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simsearch.cli.demo import PLANTED

SEED, PRODUCTS = 7, 24


def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from simsearch.cli.main import main; main()"
    command = [sys.executable, "-c", code, "demo", folder.name, "--products", str(PRODUCTS), "--seed", str(SEED)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, env=environment, timeout=280)


@pytest.mark.slow
def test_a_small_demo_twice(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    first, second = demo(folder), demo(folder)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert f"{PRODUCTS + PLANTED} added, 0 unchanged, 0 refused" in first.stdout
    assert f"0 added, {PRODUCTS + PLANTED} unchanged, 0 refused" in second.stdout
    assert first.stdout[first.stdout.index("\n1. ") :] == second.stdout[second.stdout.index("\n1. ") :]
    check_output(first.stdout)
    check_page((folder / "demo.html").read_text(encoding="utf-8"), folder)


def check_output(text: str) -> None:
    blocks = re.split(r"\n(?=[1-5]\. )", text.split("\nDuplicates")[0])[1:]
    assert len(blocks) == 5
    assert all("truth:" in block and "answer:" in block for block in blocks)
    assert all(re.search(r"^ +(MATCH|AMBIGUOUS|UNKNOWN) ", block, re.MULTILINE) for block in blocks[:4])
    assert "cannot be read: small/photos/5-broken.jpg: the file ends before the picture does" in blocks[4]
    assert re.search(r"\d of 5 answers are right", text)
    found = re.search(r"(\d) of 6 planted duplicates found", text)
    assert found is not None
    assert text.count("  missed  ") == PLANTED - int(found.group(1))
    assert "small/demo.html" in text
    assert "--home small/home query PHOTO" in text


def check_page(html: str, folder: Path) -> None:
    with (folder / "catalog" / "duplicates.csv").open(encoding="utf-8") as stream:
        planted = list(csv.DictReader(stream))
    assert len(planted) == PLANTED
    assert all(row["sku_a"] in html and row["sku_b"] in html for row in planted)
    assert html.count('class="badge unreadable"') == 1
    assert len(re.findall(r'class="badge (?:match|ambiguous|unknown)">[A-Z]+<', html)) == 4
    assert html.count('class="evidence"') >= 4
    shown = set(re.findall(r"<b>((?:SYN|DUP)-\d+)</b>", html))
    with (folder / "catalog" / "catalog.csv").open(encoding="utf-8") as stream:
        assert shown <= {row["sku"] for row in csv.DictReader(stream)}
    assert len(shown) >= 10
