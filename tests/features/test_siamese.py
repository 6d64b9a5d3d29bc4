"""The Siamese network as a method: similarities of stored embeddings, and the second look at loose pills."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import features
from simsearch.core.types import Pixels, Surface
from simsearch.features import create
from simsearch.features.network.pill_crop import crop_to_pills
from simsearch.features.network.weights_file import SURFACES
from simsearch.features.siamese import Siamese
from simsearch.testing.pictures import image
from tests.features.pills.drawn import TABLET, scene


def test_comparing_stored_embeddings_loads_no_torch() -> None:
    code = """
import sys
import numpy as np
from simsearch.features.siamese import Siamese, SiameseSettings
method = Siamese(SiameseSettings())
one = np.eye(1, method.dim, dtype=np.float32)[0]
assert method.compare(one, [one])[0] > method.compare(one, [-one])[0]
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(features.__file__).parents[2])


def test_one_query_or_one_for_each() -> None:
    method = create("siamese")
    assert isinstance(method, Siamese)
    vectors = np.random.default_rng(0).normal(size=(3, method.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    others = list(vectors[::-1])
    each = method.pair_logits(vectors, others)
    alone = [method.pair_logits(query, [other])[0] for query, other in zip(vectors, others, strict=True)]
    assert each == pytest.approx(np.array(alone), abs=1e-5)
    assert method.pair_logits(vectors[0], []).shape == (0,)


def test_contrastive_similarity_falls_with_distance() -> None:
    method = create("siamese-contrastive")
    assert method.shape[0] > 1
    one, other = np.eye(2, method.shape[0], dtype=np.float32)
    found = method.compare(one, [one, other, -one])
    assert found.tolist() == pytest.approx([1.0, 1 - 2**0.5 / 2, 0.0])


def test_a_crop_that_shows_no_pills_to_the_network_is_not_taken(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    method = create("siamese", {"weights": str(kit.weights)})
    assert isinstance(method, Siamese)
    pixels = scene(TABLET)
    assert crop_to_pills(pixels).shape != pixels.shape
    crop_says = Surface.PILLS

    def passed(seen: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        embeddings, surfaces = np.zeros((len(seen), 2), np.float32), np.zeros((len(seen), len(SURFACES)), np.float32)
        for i, one in enumerate(seen):
            whole = one.shape == pixels.shape
            embeddings[i, int(whole)] = 1
            surfaces[i, SURFACES.index(Surface.PILLS if whole else crop_says)] = 1
        return embeddings, surfaces

    monkeypatch.setattr(method, "_pass", passed)
    assert [e.tolist() for e, _, _ in method.describe_with_surface([image(pixels)])] == [[1, 0]]
    crop_says = Surface.OTHER
    [(embedding, surface, _)] = method.describe_with_surface([image(pixels)])
    assert (embedding.tolist(), surface) == ([0, 1], Surface.PILLS)


@pytest.mark.parametrize(("likeliest", "pills", "near", "shown", "wanted"), [
    (Surface.OTHER, 0.3, Surface.OTHER, True, Surface.PILLS),
    (Surface.OTHER, 0.3, Surface.OTHER, False, Surface.OTHER),  # none is found
    (Surface.OTHER, 0.1, Surface.PILLS, True, Surface.PILLS),
    (Surface.FRONT, 0.1, Surface.PILLS, True, Surface.PILLS),
    (Surface.OTHER, 0.1, Surface.OTHER, True, Surface.OTHER),  # from near it looks like none
    (Surface.FRONT, 0.3, Surface.FRONT, True, Surface.FRONT),
    (Surface.FRONT, 0.02, Surface.PILLS, True, Surface.FRONT),  # it hardly looks like pills
])  # fmt: skip
def test_where_pills_are_in_doubt_those_that_are_found_decide(
    kit: Any,
    monkeypatch: pytest.MonkeyPatch,
    likeliest: Surface,
    pills: float,
    near: Surface,
    shown: bool,
    wanted: Surface,
) -> None:
    method = create("siamese", {"weights": str(kit.weights)})
    assert isinstance(method, Siamese)
    pixels = scene(TABLET) if shown else np.full((480, 480, 3), 206, np.uint8)

    def passed(seen: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        surfaces = np.zeros((len(seen), len(SURFACES)), np.float32)
        for row, of in zip(surfaces, seen, strict=True):
            whole = of.shape == pixels.shape
            row[SURFACES.index(likeliest if whole else near)] = 0.9 - pills
            row[SURFACES.index(Surface.PILLS)] += pills * whole
        return np.zeros((len(seen), 2), np.float32), surfaces

    monkeypatch.setattr(method, "_pass", passed)
    [(_, surface, probability)] = method.describe_with_surface([image(pixels)])
    assert surface is wanted
    assert probability == pytest.approx(0.9 if wanted is Surface.PILLS else 0.9 - pills, abs=1e-6)
