"""Descriptors pinned: what catalogs hold must stay comparable with what is computed today under the same fingerprint.

`python tests/features/test_golden.py` stores today's values in golden/.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import features
from simsearch.features.siamese import Siamese
from simsearch.testing.pictures import PINNED, image

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
BITS = ("orb", "orb-matching", "ahash", "dhash", "phash")
"""Methods whose bits are the same on every machine. SIFT's bytes are not: they move by one with the SIMD level."""
NETWORKS = ("siamese", "siamese-contrastive")
LEAST_COSINE = 0.9995

FINGERPRINTS = {
    "ahash": "ahash-19809eeb0790d5b9",
    "codes": "codes-d05b5e71a772b884",
    "cosine": "cosine-e18200c313ca9c6d",
    "dhash": "dhash-ebbd85c30da72125",
    "histogram-bhattacharyya": "histogram-bhattacharyya-0c496bc9b259f2c9",
    "histogram-chi-square": "histogram-chi-square-7c5ce188e1ef8a1b",
    "histogram-correlation": "histogram-correlation-d0d2f16d03bf058b",
    "histogram-intersection": "histogram-intersection-5d7763ecef8d2fef",
    "orb": "orb-9d733e7617aecab6",
    "orb-matching": "orb-matching-9934bfb99cd1bc00",
    "phash": "phash-753c11e8a7f0e3f6",
    "pills": "pills-6d78a375d12a7030",
    "reading": "reading-2f59857e47d9e87f",
    "siamese": "siamese-aa8333f63289ffaa",
    "siamese-contrastive": "siamese-contrastive-99ed279e5ccccaea",
    "sift": "sift-38b988777feb3b41",
}
"""Under which catalogs in the field hold descriptors made with default settings."""


def remedy(name: str) -> str:
    return (
        f"{name} computes other descriptors than catalogs hold under the fingerprint {FINGERPRINTS[name]}. "
        "Where that is meant, or a library upgrade cannot be helped: raise `version` where the class calls "
        "`features.base.fingerprint`, so that old and new ones are never compared, then store the new values: "
        "python tests/features/test_golden.py"
    )


@cache
def bits() -> dict[str, dict[str, str]]:
    """Picture -> method -> its packed descriptor: in hex where it is short, else its SHA-256."""
    found: dict[str, dict[str, str]] = {}
    for title, draw in PINNED.items():
        picture = image(draw())
        found[title] = {"pixels": hashlib.sha256(picture.pixels.tobytes()).hexdigest()}
        for name in BITS:
            data = features.create(name).describe([picture])[0].tobytes()
            found[title][name] = data.hex() if len(data) <= 8 else hashlib.sha256(data).hexdigest()
    return found


def embeddings(name: str) -> tuple[NDArray[np.float32], list[tuple[str, float]]]:
    """Embeddings (pictures, d) of the shipped weights in float32, and the surface of each picture."""
    network = features.create(name, {"precision": "float32", "device": "cpu"})
    assert isinstance(network, Siamese)
    found = network.describe_with_surface([image(draw()) for draw in PINNED.values()])
    return np.stack([e for e, _, _ in found]).astype(np.float32), [(s.value, p) for _, s, p in found]


def stored_bits() -> dict[str, dict[str, str]]:
    stored: dict[str, dict[str, str]] = json.loads((GOLDEN / "bits.json").read_text(encoding="utf-8"))
    return stored


def stored_surfaces(name: str) -> list[tuple[str, float]]:
    table = json.loads((GOLDEN / "surfaces.json").read_text(encoding="utf-8"))
    return [(surface, probability) for surface, probability in table[name]]


def agree(name: str, found: NDArray[np.float32], surfaces: list[tuple[str, float]]) -> None:
    wanted = np.load(GOLDEN / f"{name}.npy")
    assert found.shape == wanted.shape, remedy(name)
    assert (found * wanted).sum(axis=1).min() >= LEAST_COSINE, remedy(name)
    np.testing.assert_allclose(found[:, :8], wanted[:, :8], atol=2e-3, err_msg=remedy(name))
    for (surface, probability), (wanted_surface, wanted_probability) in zip(
        surfaces, stored_surfaces(name), strict=True
    ):
        assert surface == wanted_surface, remedy(name)
        assert probability == pytest.approx(wanted_probability, abs=0.01), remedy(name)


def elsewhere(code: str, **environment: str) -> Any:
    """What `code`, run with this module as `golden`, prints in another process, as JSON."""
    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import json, test_golden as golden; "
    command = [sys.executable, "-c", prelude + code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment})
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", sorted(FINGERPRINTS))
def test_default_settings_have_their_fingerprint(name: str) -> None:
    if name == "codes" and version("zxing-cpp") != "3.1.1":
        pytest.skip("the version of zxing-cpp is part of it, and another one is installed")
    assert features.create(name).fingerprint == FINGERPRINTS[name]


def test_every_method_has_a_pinned_fingerprint() -> None:
    assert set(features.discover()) == set(FINGERPRINTS)


def test_the_pictures_are_those_of_the_stored_values() -> None:
    found = {title: hashlib.sha256(draw().tobytes()).hexdigest() for title, draw in PINNED.items()}
    assert found == {title: row["pixels"] for title, row in stored_bits().items()}


@pytest.mark.parametrize("name", BITS)
def test_bits_are_pinned(name: str) -> None:
    found = {title: row[name] for title, row in bits().items()}
    assert found == {title: row[name] for title, row in stored_bits().items()}, remedy(name)


def simd_levels() -> list[str]:
    """What OpenCV is told to do without: its newest instruction set (AVX-512), the two newest (AVX2 too), and all."""
    chosen_at_run_time = [word[1:].rstrip("?") for word in cv2.getCPUFeaturesLine().split() if word.startswith("*")]
    return sorted({",".join(chosen_at_run_time[i:]) for i in (-1, -2, 0)})


@pytest.mark.slow
@pytest.mark.parametrize("without", simd_levels())
def test_bits_are_the_same_on_older_processors(without: str) -> None:
    found: Mapping[str, Mapping[str, str]] = elsewhere("print(json.dumps(golden.bits()))", OPENCV_CPU_DISABLE=without)
    assert found == stored_bits()


@pytest.mark.parametrize("name", NETWORKS)
def test_embeddings_are_pinned(name: str) -> None:
    agree(name, *embeddings(name))


@pytest.mark.slow
@pytest.mark.parametrize("level", [("avx2", "AVX2"), ("default", "SSE41")], ids=["avx2", "without vectors"])
def test_embeddings_agree_on_older_processors(level: tuple[str, str]) -> None:
    code = "e, s = golden.embeddings('siamese'); print(json.dumps([e.tolist(), s]))"
    found, surfaces = elsewhere(code, ATEN_CPU_CAPABILITY=level[0], ONEDNN_MAX_CPU_ISA=level[1])
    agree("siamese", np.array(found, np.float32), [(s, p) for s, p in surfaces])


def store() -> None:
    (GOLDEN / "bits.json").write_text(json.dumps(bits(), indent=1) + "\n", encoding="utf-8")
    surfaces = {}
    for name in NETWORKS:
        found, said = embeddings(name)
        np.save(GOLDEN / f"{name}.npy", found)
        surfaces[name] = [[surface, round(probability, 4)] for surface, probability in said]
    (GOLDEN / "surfaces.json").write_text(json.dumps(surfaces, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    store()
