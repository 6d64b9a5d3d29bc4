"""Factory strings that a catalog is too small for, or that FAISS crashes on, are refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError, GenerationError
from simsearch.indexes.base import Lane
from simsearch.indexes.build import build_lane
from simsearch.indexes.choice import choose
from simsearch.indexes.factory_string import images_needed, named

DIM = 64
NEEDS = {
    "Flat": 1, "SQ8": 1, "SQfp16": 1, "HNSW32": 1, "HNSW32,SQfp16": 1, "RR32,Flat": 1, "L2norm,Flat": 1,
    "IVF4096,SQfp16": 4096, "IVF16,SQfp16": 16, "IVF64,PQ32": 256, "IVF300,PQ32": 300, "PQ32": 256, "PQ32x4": 16,
    "PQ16x4fs": 16, "IVF4,PQ16x4fsr": 16, "PQ2x12": 4096, "OPQ16_64,IVF4,PQ16": 256, "IVF256_HNSW32,Flat": 256,
    "IVF16_HNSW2,Flat": 16, "PCA32,Flat": 32, "PCAR32,Flat": 32, "PCAW32,IVF64,Flat": 64, "ITQ32,Flat": 32,
    "L2norm,PCA32,Flat": 32, "NSG32": 101, "NSG32,SQ8": 101, "IVF4,Flat,RFlat": 4, "PQ16,RFlat": 256,
    "IVF2147483647,Flat": 2147483647, "IDMap,IVF8,Flat": 8,
}  # fmt: skip


@pytest.mark.parametrize(("factory", "need"), NEEDS.items())
def test_what_a_factory_string_needs(factory: str, need: int) -> None:
    assert images_needed(factory) == need
    if need > 1:
        with pytest.raises(ConfigError) as caught:
            choose("cosine", DIM, need - 1, GenerationSettings(factory=factory))
        said = f"generations.factory: {factory!r} needs {need} images, there are {need - 1}; leave it empty"
        assert str(caught.value) == said
        choose("cosine", DIM, 0, GenerationSettings(factory="IVF4096,SQfp16"))  # before the first photo


@pytest.mark.parametrize("images", [1, 4, 40, 300])
@pytest.mark.parametrize(
    "factory",
    [
        *(factory for factory in NEEDS if factory != "IVF2147483647,Flat"), "IVF4_NSG16,Flat", "IVF4(IVF2,Flat),Flat",
        "IDMap,IDMap,Flat", "RQ4x4", "IVF4,RQ4x4", "LSQ2x4", "PCA128,Flat", "RaBitQ", "SQ8_direct",
    ],
)  # fmt: skip
def test_faiss_never_ends_a_build_with_an_error_of_its_own(tmp_path: Path, factory: str, images: int) -> None:
    """It is built and passes or fails its audit, or the error names the setting."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(images, DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(1, images + 1)
    try:
        facts, _ = build_lane(
            tmp_path, Lane("siamese", "s-1", "cosine", DIM), ids, vectors, ids, GenerationSettings(factory=factory)
        )
        said = "" if facts.images == images else "lacks images"
    except ConfigError as error:
        said = str(error)
    if said:
        assert re.fullmatch(re.escape(f"generations.factory: {factory!r} ") + ".*leave it empty", said)
    else:
        assert images >= images_needed(factory)


@pytest.mark.parametrize(
    "factory",
    ["IVF0,Flat", "L2norm,IVF0,Flat", "HNSW0", "HNSW1", "IVF4_HNSW1,Flat", "NSG0", "NSG1", "NSG4", "RR0,Flat"],
)
def test_what_faiss_crashes_on_or_never_comes_back_from_never_reaches_it(factory: str) -> None:
    with pytest.raises(ConfigError, match=r"needs a number of \d or more; write it as FAISS does"):
        choose("cosine", DIM, 1000, GenerationSettings(factory=factory))


def test_a_kind_that_was_not_asked_for_is_no_fault_of_the_settings() -> None:
    said = re.escape("'IVF16,Flat' cannot be built from 9 images (it does not fit into memory)")
    with pytest.raises(GenerationError, match=said), named("IVF16,Flat", 9, chosen=False):
        raise MemoryError
    with pytest.raises(OSError, match="disk"), named("IVF16,Flat", 9, chosen=True):
        raise OSError(28, "disk")  # has a path and a remedy of its own
