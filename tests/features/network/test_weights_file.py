"""Weights files, the network that comes out of them, and what happens with a file that is not one."""

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

from simsearch.core.errors import UsageError, WeightsError
from simsearch.core.types import Pixels
from simsearch.features.network import weights_file as weightfile
from simsearch.features.network.backbones import BACKBONES
from simsearch.features.network.network import (
    Inference,
    Network,
    fold,
    letterbox,
    normalise,
    pick_device,
    restore,
    save,
    to_input,
)
from simsearch.features.network.weights_file import SURFACES, Architecture, open_weights, sigmoid

NAMES = [surface.value for surface in SURFACES]
BACKWARDS = json.dumps(NAMES[::-1])
SMALL = Architecture("mobilenet_v3_small", embedding=32, input_size=64, pair_hidden=16)


def squares(n: int, size: int = 64) -> list[Pixels]:
    """Smooth random pictures, far enough apart for a network without training."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (n, 4, 4, 3), np.uint8)
    return [np.kron(c, np.ones((size // 4, size // 4, 1), np.uint8)) for c in coarse]


def settled(architecture: Architecture, seed: int = 0) -> Network:
    """A network with drawn weights whose batch norms have seen the pictures."""
    torch.manual_seed(seed)
    network = Network(architecture)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(to_input(squares(8, architecture.input_size)))
    return network.eval()


@pytest.fixture(scope="module")
def network() -> Network:
    return settled(SMALL)


@pytest.fixture
def file(network: Network, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save(network, path, {"name": "test", "r1": 0.5})
    return path


def calm(network: Network) -> None:
    """Make what a MobileNetV2 adds to its shortcuts small: drawn weights amplify rounding, trained ones do not."""
    for name, value in network.backbone.named_parameters():
        if name.endswith("conv.3.weight"):
            torch.nn.init.constant_(value, 0.2)


def embeddings(network: Network, n: int = 6) -> NDArray[np.float32]:
    with torch.inference_mode():
        return np.asarray(network(to_input(squares(n)))[0].numpy())


def cosines(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray((a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1))


def test_embeddings_have_length_1_and_differ(network: Network) -> None:
    e = embeddings(network)
    assert e.shape == (6, 32)
    assert np.linalg.norm(e, axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert (e @ e.T)[np.triu_indices(6, 1)].max() < 0.999


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


def test_sigmoid() -> None:
    found = sigmoid(np.array([-1e4, 0.0, np.log(3.0), 1e4], np.float32))
    assert found.tolist() == pytest.approx([0.0, 0.5, 0.75, 1.0])


@pytest.mark.parametrize("backbone", BACKBONES)
def test_folding_changes_nothing(backbone: str) -> None:
    net = settled(Architecture(backbone, 16, 64, 8))
    before = embeddings(net, 3)
    folded = fold(net.backbone)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
    assert embeddings(net, 3) == pytest.approx(before, abs=1e-4)


def test_bfloat16_agrees(tmp_path: Path) -> None:
    net = settled(Architecture("mobilenet_v2", 64, 64, 16))
    calm(net)
    save(net, tmp_path / "w.safetensors", {})
    weights = open_weights(tmp_path / "w.safetensors")
    pictures = squares(8)
    full, full_surfaces = Inference(restore(weights), precision="float32", device="cpu").describe(pictures)
    half, half_surfaces = Inference(restore(weights), precision="bfloat16", device="cpu").describe(pictures)
    assert (full != half).any()
    assert full.dtype == half.dtype == np.float32
    assert cosines(full, half).min() >= 0.999
    assert full_surfaces.shape == (8, len(SURFACES))
    assert full_surfaces.sum(axis=1) == pytest.approx(np.ones(8), abs=1e-5)
    assert half_surfaces == pytest.approx(full_surfaces, abs=0.05)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_weights_are_rounded_in_every_precision(precision: str, file: Path) -> None:
    # With trained weights it is this rounding that moves embeddings, to a cosine of 0.99.
    values = (
        Inference(restore(open_weights(file)), precision=precision, device="cpu").network.backbone.state_dict().values()
    )
    assert len(values) > 50
    assert all((value.float() == value.bfloat16().float()).all() for value in values)


def test_bfloat16_agrees_for_the_weights_in_the_package() -> None:
    path = weightfile.BUILT_IN / "siamese.safetensors"
    if not path.exists():
        pytest.skip("there are no weights in this checkout")
    weights, pictures = open_weights(path), squares(4, 96)
    full, _ = Inference(restore(weights), precision="float32", device="cpu").describe(pictures)
    half, _ = Inference(restore(weights), precision="bfloat16", device="cpu").describe(pictures)
    assert cosines(full, half).min() >= 0.999


def test_one_photo_is_described_as_in_a_batch(file: Path) -> None:
    inference = Inference(restore(open_weights(file)), precision="float32", device="cpu")
    together, _ = inference.describe(squares(5))
    alone, _ = inference.describe(squares(5)[2:3])
    assert alone[0] == pytest.approx(together[2], abs=1e-5)


# Files that are not what they should be


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


# Starts


def test_start_from_own_weights(network: Network, file: Path) -> None:
    torch.manual_seed(5)
    fresh = Network(Architecture("mobilenet_v3_small", embedding=64, input_size=64, pair_hidden=16))
    fresh.load_start(file)
    for name, value in fresh.backbone.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, network.backbone.state_dict()[name], atol=1e-2, rtol=1e-2)
    assert fresh.embed.weight.shape == (64, 576)  # a head of another size starts anew
    with pytest.raises(WeightsError, match="holds mobilenet_v3_small, not resnet18"):
        Network(Architecture("resnet18", 32, 64, 16)).load_start(file)


@pytest.mark.parametrize("backbone", ["mobilenet_v3_small", "resnet18"])
def test_start_from_a_torchvision_state_dict(backbone: str, tmp_path: Path) -> None:
    from torchvision import models

    classifier = getattr(models, backbone)(weights=None).eval()
    torch.save(classifier.state_dict(), tmp_path / "classifier.pth")
    net = Network(Architecture(backbone, 32, 64, 16)).eval()
    net.load_start(tmp_path / "classifier.pth")
    x = to_input(squares(2))
    with torch.inference_mode():
        if backbone == "resnet18":
            trunk = torch.nn.Sequential(*list(classifier.children())[:-2])
        else:
            trunk = classifier.features
        assert torch.allclose(net.backbone(x), trunk(x), atol=1e-4)


def test_starts_that_are_none(tmp_path: Path) -> None:
    net = Network(SMALL)
    with pytest.raises(WeightsError, match="no such file"):
        net.load_start(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("weights")
    with pytest.raises(WeightsError, match=r"text\.pth"):
        net.load_start(tmp_path / "text.pth")
    torch.save({"features.0.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="holds no mobilenet_v3_small"):
        net.load_start(tmp_path / "other.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match=r"list\.pth"):
        net.load_start(tmp_path / "list.pth")


def test_unknown_backbone() -> None:
    with pytest.raises(WeightsError, match="no backbone 'vgg16'; there are mobilenet_v2"):
        Network(Architecture("vgg16"))


# Devices and input


def test_pick_device() -> None:
    assert pick_device("cpu").type == "cpu"
    assert pick_device("auto").type in ("cpu", "cuda")
    for wanted in ("gpu", "", "mps", "meta", "cuda:99"):
        with pytest.raises(UsageError, match="use auto"):
            pick_device(wanted)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="PyTorch sees no GPU"):
        pick_device("cuda")


@pytest.mark.parametrize(("width", "height"), [(64, 64), (200, 50), (50, 200), (1, 1), (3, 500), (640, 480)])
def test_letterbox(width: int, height: int) -> None:
    photo = np.full((height, width, 3), (10, 200, 90), np.uint8)
    out = letterbox(photo, 64)
    assert out.shape == (64, 64, 3)
    assert (out == (10, 200, 90)).all()


def test_letterbox_keeps_the_aspect() -> None:
    photo = np.zeros((50, 200, 3), np.uint8)
    photo[10:40, 10:190] = 255
    out = letterbox(photo, 64)
    rows, columns = np.flatnonzero(out.max(axis=(1, 2)) > 128), np.flatnonzero(out.max(axis=(0, 2)) > 128)
    assert len(columns) / len(rows) == pytest.approx(180 / 30, rel=0.2)
    assert rows.mean() == pytest.approx(31.5, abs=1)


def test_normalise() -> None:
    x = normalise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    assert x[0, :, 0, 0].tolist() == pytest.approx([(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225])
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_gem_lies_between_average_and_maximum() -> None:
    from simsearch.features.network.network import GeM

    x = torch.rand(2, 5, 4, 4)
    assert torch.allclose(GeM(1.0)(x), x.mean(dim=(2, 3)), atol=1e-5)
    cubic = GeM(3.0)(x)
    assert (cubic >= x.mean(dim=(2, 3))).all()
    assert (cubic <= x.amax(dim=(2, 3))).all()
    assert torch.allclose(cubic, (x**3).mean(dim=(2, 3)) ** (1 / 3), atol=1e-5)
