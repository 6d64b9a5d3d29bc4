"""ONNX Runtime computes the network that PyTorch does, and without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the extra `read` is not installed")

from simsearch.core.errors import WeightsError
from simsearch.core.types import Pixels
from simsearch.features.network import processor
from simsearch.features.network.network import Inference, restore, save
from simsearch.features.network.onnx_graph import _rounded, _septets
from simsearch.features.network.plans import PLANS
from simsearch.features.network.quick_start import QuickInference, can_start
from simsearch.features.network.weights_file import Architecture, Weights, open_weights
from simsearch.features.siamese import Siamese, SiameseSettings
from tests.features.network.networks import settled

SIDES = ((64, 64), (200, 90), (40, 90), (9, 9))


@pytest.fixture(scope="module", params=[*PLANS])
def weights(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Weights:
    frames = "square" if request.param == "mobilenet_v2" else "area"
    path = tmp_path_factory.mktemp("weights") / f"{request.param}.safetensors"
    save(settled(Architecture(request.param, embedding=32, input_size=64, pair_hidden=16, frames=frames)), path, {})
    return open_weights(path)


def pictures() -> list[Pixels]:
    rng = np.random.default_rng(4)
    coarse = [rng.integers(0, 256, (6, 6, 3), np.uint8) for _ in range(4)]
    return [np.asarray(cv2.resize(c, side), np.uint8) for c, side in zip(coarse, SIDES, strict=True)]


def test_both_describe_alike(weights: Weights) -> None:
    assert can_start(weights)
    found, surfaces = QuickInference(weights).describe(pictures())
    wanted, wanted_surfaces = Inference(restore(weights), precision="float32", device="cpu").describe(pictures())
    assert found.dtype == surfaces.dtype == np.float32
    assert np.abs((found * wanted).sum(axis=1) - 1).max() < 1e-4
    assert np.abs(surfaces - wanted_surfaces).max() < 1e-3


def test_a_photo_alone_is_described_as_among_others(weights: Weights) -> None:
    quick = QuickInference(weights)
    together, _ = quick.describe(pictures())
    alone, _ = quick.describe(pictures()[1:2])
    assert np.allclose(together[1], alone[0], atol=1e-6)


def test_damaged_weights_are_refused_by_name(weights: Weights) -> None:
    name = "backbone.3.conv.0.0.weight"
    for tensors in (
        {k: v for k, v in weights.tensors.items() if k != name},
        {**weights.tensors, name: weights.tensors[name][:-1]},
        {**weights.tensors, name: np.full_like(weights.tensors[name], np.inf)},
        {k: v for k, v in weights.tensors.items() if k != "embed.bias"},
        {**weights.tensors, "surface.bias": np.full_like(weights.tensors["surface.bias"], np.nan)},
    ):
        damaged = replace(weights)
        damaged.__dict__["tensors"] = tensors
        with pytest.raises(WeightsError, match=str(weights.path)):
            QuickInference(damaged)


@pytest.mark.parametrize(
    ("settings", "float32_only", "quick"),
    [
        (SiameseSettings(runtime="onnx"), False, True),
        (SiameseSettings(), False, False),
        (SiameseSettings(), True, True),
        (SiameseSettings(device="cpu"), True, True),
        (SiameseSettings(precision="bfloat16"), True, False),
        (SiameseSettings(runtime="pytorch"), True, False),
        (SiameseSettings(runtime="onnx", precision="bfloat16"), False, False),
    ],
)
def test_the_setting_and_the_machine_choose(
    monkeypatch: pytest.MonkeyPatch, settings: SiameseSettings, float32_only: bool, quick: bool
) -> None:
    monkeypatch.setattr(processor, "float32_only", lambda: float32_only)
    method = Siamese(settings)
    assert isinstance(method.inference, QuickInference) is quick
    assert method.fingerprint == Siamese(SiameseSettings()).fingerprint


def test_a_few_photos_that_are_expected_start_soon_and_many_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "float32_only", lambda: False)
    method = Siamese(SiameseSettings())
    method.expect(8)
    first = method.inference
    assert isinstance(first, QuickInference)
    method.expect(1)
    assert method.inference is first
    method.expect(9)
    second = method.inference
    assert not isinstance(second, QuickInference)
    method.expect(1)
    assert method.inference is second  # it is there
    for settings in (SiameseSettings(runtime="pytorch"), SiameseSettings(device="cpu")):
        chosen = Siamese(settings)
        chosen.expect(1)
        assert not isinstance(chosen.inference, QuickInference)


def test_a_photo_is_described_without_pytorch() -> None:
    code = """
import sys
import numpy as np
from simsearch.core.types import Image
from simsearch.features import create
from simsearch.features.description import describe
methods = {"siamese": create("siamese", {"runtime": "onnx"}), "orb": create("orb", {})}
pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
describe(methods, [Image(pixels, "a", 120, 90, "a.jpg")])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


@pytest.mark.parametrize(("value", "written"), [(0, [0]), (127, [127]), (128, [0x80, 1]), (300, [0xAC, 2])])
def test_numbers_are_written_in_septets(value: int, written: list[int]) -> None:
    assert list(_septets(value)) == written


def test_rounding_is_that_of_bfloat16() -> None:
    import torch

    values = np.random.default_rng(0).normal(0, 10.0 ** np.arange(-6, 6)[:, None], (12, 100)).astype(np.float32)
    wanted = torch.from_numpy(values).to(torch.bfloat16).float().numpy()
    assert np.array_equal(_rounded(values), wanted)


@pytest.mark.parametrize(
    ("flags", "gpu", "expected"),
    [
        ("fpu sse2 avx2 fma", False, True),
        ("fpu sse2 avx2 avx512_bf16", False, False),
        ("fpu sse2 amx_bf16 amx_tile", False, False),
        ("fpu sse2 avx2", True, False),
        ("fp asimd bf16", False, False),
        (None, False, False),
    ],
)
def test_what_the_machine_can_is_read_without_pytorch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str | None, gpu: bool, expected: bool
) -> None:
    listed, driver = tmp_path / "cpuinfo", tmp_path / "driver"
    if flags is not None:
        listed.write_text(f"processor\t: 0\nflags\t\t: {flags}\n", encoding="ascii")
    if gpu:
        driver.write_text("", encoding="ascii")
    monkeypatch.setattr(processor, "_PROCESSORS", listed)
    monkeypatch.setattr(processor, "_GPUS", (driver,))
    processor.float32_only.cache_clear()
    try:
        assert processor.float32_only() is expected
    finally:
        processor.float32_only.cache_clear()
