"""The models come from the installed package, unchanged, and nothing asks the network for them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from simsearch.core.errors import ConfigError
from simsearch.features.reading import models


@pytest.fixture
def fresh() -> object:
    """Sessions as in a process that has none yet."""
    models._loaded.cache_clear()
    yield
    models._loaded.cache_clear()


@pytest.mark.parametrize("absent", ["rapidocr", "onnxruntime"])
def test_what_is_missing_is_named_with_the_way_out(absent: str, monkeypatch: pytest.MonkeyPatch, fresh: object) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == absent else find(name))
    assert "pip install 'simsearch[read]'" in models.missing()
    with pytest.raises(ConfigError, match=r"not installed: pip install 'simsearch\[read\]'"):
        models.session(models.DETECTION)


def test_a_model_of_another_content_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: object) -> None:
    monkeypatch.setattr(models, "folder", lambda: tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        models.session(models.DETECTION)
    (tmp_path / models.DETECTION).write_bytes(b"another model")
    with pytest.raises(ConfigError, match="not the model that this version reads with"):
        models.session(models.DETECTION)


def test_the_models_lie_in_the_package() -> None:
    pytest.importorskip("onnxruntime")
    folder = models.folder()
    assert folder is not None
    assert folder.parent.name == "rapidocr"
    assert {path.name for path in folder.glob("*.onnx")} >= set(models.DIGESTS)
    assert models.missing() == ""


READS = """
import socket, sys

def refused(*args, **kwargs):
    raise AssertionError("the reader opened a socket")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refused
sys.path.insert(0, {root!r})
from tests.features.reading.prints import carton
from simsearch.features.reading import PpOcr
loaded = {{name for name in sys.modules if name.split(".")[0] in ("onnxruntime", "rapidocr")}}
assert not loaded, loaded
print(PpOcr().read(carton([("HEMIPAN", 72)])).text)
loaded = {{"rapidocr", "requests", "urllib3", "http.client"}} & set(sys.modules)
assert not loaded, loaded
"""


def test_reading_uses_no_network_and_not_the_library_that_could() -> None:
    pytest.importorskip("onnxruntime")
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", READS.format(root=str(root))], capture_output=True, text=True, check=False, cwd=root
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "HEMIPAN\n", "")
