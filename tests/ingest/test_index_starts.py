"""Indexing one more photo loads no more than that needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

pytest.importorskip("onnxruntime", reason="the extra `read` is not installed")

CODE = """
import sys
from simsearch import open_app
home, folder = sys.argv[1:]
with open_app(home) as app:
    report = app.index([folder], reading=False, rebuild=False, check=False)
    assert (report.added, app.catalog.images.counts()["images_ok"]) == (1, 1), report
assert "torch" not in sys.modules
"""


def test_one_photo_is_indexed_without_pytorch(tmp_path: Path) -> None:
    (tmp_path / "shelf" / "A").mkdir(parents=True)
    blocks = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    Pillow.fromarray(blocks).resize((320, 240), Pillow.Resampling.NEAREST).save(tmp_path / "shelf" / "A" / "a.jpg")
    asked = [sys.executable, "-c", CODE, str(tmp_path / "home"), str(tmp_path / "shelf")]
    subprocess.run(asked, check=True, cwd=Path(__file__).parents[2])
