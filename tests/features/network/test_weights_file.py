"""Weights files, and what happens with a file that is not one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from simsearch.core.errors import WeightsError
from simsearch.features.network import weights_file as weightfile
from simsearch.features.network.network import (
    Inference,
    Network,
    restore,
    save,
)
from simsearch.features.network.weights_file import SURFACES, open_weights, read_tensors, write_tensors
from tests.features.network.networks import SMALL, cosines, embeddings, settled, squares

NAMES = [surface.value for surface in SURFACES]
BACKWARDS = json.dumps(NAMES[::-1])


def test_what_is_saved_comes_back(network: Network, file: Path) -> None:
    weights = open_weights(file)
    assert weights.architecture == SMALL
    assert weights.card == {"name": "test", "r1": 0.5}
    assert len(weights.digest) == 64
    back = restore(weights)
    assert not back.training
    assert embeddings(back) == pytest.approx(embeddings(network), abs=0.01)
    assert cosines(embeddings(back), embeddings(network)).min() > 0.9995


def test_the_digest_is_of_the_content(network: Network, file: Path, tmp_path: Path) -> None:
    save(network, tmp_path / "again.safetensors", {"name": "test", "r1": 0.5})
    save(network, tmp_path / "other.safetensors", {"name": "other"})
    digest = open_weights(file).digest
    assert open_weights(tmp_path / "again.safetensors").digest == digest
    assert open_weights(tmp_path / "other.safetensors").digest != digest


def test_numpy_pair_head_equals_the_trained_one(file: Path) -> None:
    weights = open_weights(file)
    e = embeddings(restore(weights))
    a, b = e[:3], e[3:]
    with torch.inference_mode():
        expected = restore(weights).pair_logits(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    found = weights.pair_head.logits(a, b)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-5)
    assert weights.pair_head.logits(b, a) == pytest.approx(expected, abs=1e-5)
    assert weights.pair_head.logits(a[0], b)[0] == pytest.approx(expected[0], abs=1e-5)


def test_the_pair_head_runs_without_torch(file: Path) -> None:
    code = f"""
import sys, pathlib, simsearch.recognition.calibration
from simsearch.features.network.weights_file import open_weights
open_weights(pathlib.Path({str(file)!r})).pair_head
assert "torch" not in sys.modules
"""
    root = Path(weightfile.__file__).parents[3]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


def rewrite(change: Callable[[dict[str, NDArray[Any]], dict[str, str]], object]) -> Callable[[Path], None]:
    """A change of tensors and header, as a change of the file."""

    def apply(path: Path) -> None:
        with safe_open(str(path), framework="numpy") as stream:
            header = dict(stream.metadata())
        tensors = load_file(path)
        change(tensors, header)
        save_file(tensors, path, metadata=header)

    return apply


def architecture(**changes: object) -> Callable[[Path], None]:
    return rewrite(
        lambda tensors, header: header.update(architecture=json.dumps(json.loads(header["architecture"]) | changes))
    )


def first_value(name: str, value: float) -> Callable[[dict[str, NDArray[Any]], dict[str, str]], None]:
    def change(tensors: dict[str, NDArray[Any]], header: dict[str, str]) -> None:
        tensors[name].reshape(-1)[0] = value

    return change


def huge_header(path: Path) -> None:
    path.write_bytes((2**62).to_bytes(8, "little") + path.read_bytes()[8:])


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def bfloat16_tensors(path: Path) -> None:
    from safetensors.torch import save_file as save_torch

    with safe_open(str(path), framework="numpy") as stream:
        header = dict(stream.metadata())
    save_torch({"pair.0.weight": torch.zeros(16, 32, dtype=torch.bfloat16)}, path, metadata=header)


def backwards(tensors: dict[str, NDArray[Any]], header: dict[str, str]) -> None:
    """The surface head with its rows and their names in the opposite order."""
    header["surfaces"] = BACKWARDS
    tensors.update({f"surface.{part}": tensors[f"surface.{part}"][::-1].copy() for part in ("weight", "bias")})


def few_rows(tensors: dict[str, NDArray[Any]], header: dict[str, str]) -> None:
    backwards(tensors, header)
    tensors.update({f"surface.{part}": tensors[f"surface.{part}"][1:].copy() for part in ("weight", "bias")})


DAMAGE: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "half": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "not safetensors": lambda path: path.write_bytes(b"PK\x03\x04" * 1000),
    "text": lambda path: path.write_text("weights"),
    "huge header": huge_header,
    "folder": a_folder,
    "missing": lambda path: path.unlink(),
    "foreign": lambda path: save_file({"x": np.zeros(3)}, path),
    "other format": rewrite(lambda tensors, header: header.update(format="simsearch-siamese-0")),
    "no architecture": rewrite(lambda tensors, header: header.pop("architecture")),
    "architecture no JSON": rewrite(lambda tensors, header: header.update(architecture="{")),
    "architecture a list": rewrite(lambda tensors, header: header.update(architecture="[]")),
    "deep JSON": rewrite(lambda tensors, header: header.update(card="[" * 100_000)),
    "card a list": rewrite(lambda tensors, header: header.update(card="[]")),
    "unknown key": architecture(depth=3),
    "text for a number": architecture(embedding="32"),
    "embedding out of range": architecture(embedding=100_000),
    "other embedding": architecture(embedding=64),
    "other pair head": architecture(pair_hidden=8),
    "unknown backbone": architecture(backbone="vgg16"),
    "other backbone": architecture(backbone="resnet18"),
    "no pair head": rewrite(lambda tensors, header: tensors.pop("pair.0.weight")),
    "flat pair head": rewrite(lambda tensors, header: tensors.update({"pair.2.bias": np.zeros(16, np.float16)})),
    "one tensor more": rewrite(lambda tensors, header: tensors.update(extra=np.zeros(3))),
    "nan in the backbone": rewrite(first_value("backbone.0.0.weight", float("nan"))),
    "infinite pair head": rewrite(first_value("pair.0.weight", float("inf"))),
    "bfloat16 tensors": bfloat16_tensors,
    "surfaces no JSON": rewrite(lambda tensors, header: header.update(surfaces="[")),
    "surfaces no list": rewrite(lambda tensors, header: header.update(surfaces='"front"')),
    "a surface without a name": rewrite(lambda tensors, header: header.update(surfaces="[[]]")),
    "a surface too few": rewrite(lambda tensors, header: header.update(surfaces='["front", "back"]')),
    "a surface twice": rewrite(lambda tensors, header: header.update(surfaces=json.dumps([*NAMES[:-1], "front"]))),
    "a row too few": rewrite(few_rows),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_bad_file_is_named(damage: str, file: Path) -> None:
    DAMAGE[damage](file)
    with pytest.raises(WeightsError, match=r"weights\.safetensors") as caught:
        restore(open_weights(file))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["no pair head", "flat pair head", "other pair head", "infinite pair head"])
def test_a_bad_pair_head_is_named_without_torch_too(damage: str, file: Path) -> None:
    DAMAGE[damage](file)
    weights = open_weights(file)
    with pytest.raises(WeightsError, match=r"weights\.safetensors"):
        _ = weights.pair_head


def test_surfaces_are_named_in_the_file(file: Path) -> None:
    with safe_open(str(file), framework="numpy") as stream:
        assert json.loads(stream.metadata()["surfaces"]) == NAMES
    assert open_weights(file).surfaces == SURFACES


def test_surfaces_in_another_order_mean_the_same(file: Path) -> None:
    before = Inference(restore(open_weights(file)), precision="float32", device="cpu").describe(squares(3))[1]
    rewrite(backwards)(file)
    weights = open_weights(file)
    assert weights.surfaces == SURFACES[::-1]
    found = Inference(restore(weights), precision="float32", device="cpu").describe(squares(3))[1]
    assert found == pytest.approx(before, abs=1e-6)


def test_files_without_names_have_the_usual_order(file: Path) -> None:
    named = open_weights(file).tensors
    rewrite(lambda tensors, header: header.pop("surfaces"))(file)
    weights = open_weights(file)
    assert weights.surfaces == SURFACES
    assert all(np.array_equal(weights.tensors[name], rows) for name, rows in named.items())


def test_an_unknown_surface_is_named(file: Path) -> None:
    rewrite(lambda tensors, header: header.update(surfaces=json.dumps([*NAMES[:-1], "lid"])))(file)
    with pytest.raises(WeightsError, match=r"weights\.safetensors: tells the surface 'lid', which simsearch does not"):
        open_weights(file)


def test_the_order_is_not_that_of_the_enum() -> None:
    code = """
from enum import StrEnum
from simsearch.core import types
types.Surface = StrEnum("Surface", [(s.name, s.value) for s in reversed(types.Surface)])
from simsearch.features.network.weights_file import SURFACES
print(*SURFACES)
"""
    root = Path(weightfile.__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], check=True, cwd=root, capture_output=True, text=True)
    assert done.stdout.split() == NAMES == ["front", "back", "side", "top", "pills", "bottle", "other"]


def test_oversized_files_are_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weightfile, "MAX_BYTES", 1000)
    with pytest.raises(WeightsError, match="more than any weights"):
        open_weights(file)


def test_weights_too_large_for_half_precision_are_not_written(network: Network, tmp_path: Path) -> None:
    odd = settled(SMALL)
    with torch.no_grad():
        odd.embed.bias[0] = 1e6
    with pytest.raises(WeightsError, match="half precision"):
        save(odd, tmp_path / "w.safetensors", {})
    assert not (tmp_path / "w.safetensors").exists()


def test_weights_that_lie_in_another_order_in_memory_come_back(tmp_path: Path) -> None:
    lying = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2).transpose(0, 2, 3, 1)  # as in channels_last
    write_tensors(tmp_path / "w.safetensors", {"weight": lying}, {})
    assert read_tensors(tmp_path / "w.safetensors")["weight"].tolist() == lying.tolist()
