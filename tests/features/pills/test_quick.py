"""The networks of pills by ONNX Runtime."""

from __future__ import annotations

import sys
from dataclasses import replace
from subprocess import run
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.core.types import Pixels
from simsearch.features.base import NoSettings
from simsearch.features.network import onnx_session
from simsearch.features.pills import PillLooks, imprint_network, network
from simsearch.features.pills.faces import Faces
from simsearch.features.pills.frames import framed
from simsearch.features.pills.outlines import pills_in
from simsearch.features.pills.quick import QuickInference, QuickReader
from simsearch.features.pills.weights import IMPRINTS, PillWeights, open_pill_weights
from tests.features.pills.drawn import CAPLET, TABLET, photo

pytestmark = pytest.mark.skipif(not onnx_session.installed(), reason="ONNX Runtime is not installed")


def frames(*, oblong: bool) -> list[Pixels]:
    shown = photo(CAPLET if oblong else TABLET, angle=20)
    [outline] = pills_in(shown)
    return framed(shown.pixels, outline)


@pytest.mark.parametrize("oblong", [False, True])
def test_faces_are_those_of_pytorch(oblong: bool) -> None:
    weights = open_pill_weights()
    embeddings, upright = QuickInference(weights).look(frames(oblong=oblong))
    wanted, likely = network.Inference(network.restore(weights)).look(frames(oblong=oblong))
    np.testing.assert_allclose((embeddings * wanted).sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(upright, likely, atol=1e-3)


@pytest.mark.parametrize("size", [(128, 128), (120, 264)])
def test_maps_are_those_of_pytorch(size: tuple[int, int]) -> None:
    shown = [np.random.default_rng(i).integers(0, 256, (*size, 3)).astype(np.uint8) for i in range(2)]
    weights = open_pill_weights(IMPRINTS)
    maps = QuickReader(weights).read(shown)
    assert maps.shape == (2, 40, size[0] // 4, size[1] // 4)
    np.testing.assert_allclose(maps, imprint_network.Reader(imprint_network.restore(weights)).read(shown), atol=1e-3)


def test_without_it_pytorch_describes_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    method, shown = PillLooks(NoSettings()), photo(TABLET, CAPLET)
    quick: Any = method.describe([shown])[0]
    monkeypatch.setattr(onnx_session, "installed", lambda: False)
    slow: Any = PillLooks(NoSettings()).describe([shown])[0]
    assert isinstance(method._faces._loaded()[0], QuickInference)
    assert quick["imprint"]["classes"].tolist() == slow["imprint"]["classes"].tolist()
    np.testing.assert_allclose(quick["faces"].astype(np.float32), slow["faces"].astype(np.float32), atol=2e-3)


def test_pytorch_is_not_imported() -> None:
    code = (
        "import sys; from simsearch.features.base import NoSettings; from simsearch.features.pills import PillLooks; "
        "from tests.features.pills.drawn import TABLET, photo; "
        "assert len(PillLooks(NoSettings()).describe([photo(TABLET)])[0]); assert 'torch' not in sys.modules"
    )
    run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "name", ["join.weight", "backbone.3.conv.0.0.weight", "embed.bias", "upright.weight", "pool2.p"]
)
def test_damaged_weights_of_faces_are_refused_by_name(name: str) -> None:
    weights = open_pill_weights()
    for damaged in (None, weights.tensors[name][:-1], np.full_like(weights.tensors[name], np.nan)):
        with pytest.raises(WeightsError, match=str(weights.path)):
            QuickInference(_with(weights, name, damaged))


@pytest.mark.parametrize("name", ["across.3.weight", "mix.1.bias", "out.weight"])
def test_damaged_weights_of_imprints_are_refused_by_name(name: str) -> None:
    weights = open_pill_weights(IMPRINTS)
    with pytest.raises(WeightsError, match=name.rpartition(".")[0]):
        QuickReader(_with(weights, name, None))


def _with(weights: PillWeights, name: str, tensor: NDArray[Any] | None) -> PillWeights:
    tensors = {key: value for key, value in weights.tensors.items() if key != name}
    damaged = replace(weights)
    damaged.__dict__["tensors"] = tensors if tensor is None else {**tensors, name: tensor}
    return damaged


def test_the_networks_are_loaded_once() -> None:
    faces = Faces(open_pill_weights(), open_pill_weights(IMPRINTS))
    assert faces._loaded() is faces._loaded()
