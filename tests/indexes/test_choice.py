"""Which index is built for how many images, and how a factory string is refused."""

from __future__ import annotations

from typing import Any

import pytest

from simsearch.core.config import GenerationSettings
from simsearch.core.errors import ConfigError
from simsearch.indexes.choice import choose


def test_kinds_follow_the_number_of_images() -> None:
    def factory(images: int, **settings: Any) -> str:
        return choose("cosine", 256, images, GenerationSettings(**settings)).factory

    assert [factory(n) for n in (0, 20_000, 20_001, 200_000)] == ["Flat", "Flat", "SQfp16", "SQfp16"]
    assert [factory(n) for n in (200_001, 1_000_000, 20_000_000)] == [
        "IVF2048,SQfp16",
        "IVF4096,SQfp16",
        "IVF16384,PQ64",
    ]
    assert factory(1000, storage="float16") == "SQfp16"
    assert factory(1_000_000, storage="float32") == "IVF4096,Flat"
    assert factory(20_000_000, storage="int8") == "IVF16384,SQ8"
    assert factory(10, factory="HNSW32") == "HNSW32"
    hashes = [choose("hamming", 64, n, GenerationSettings()).factory for n in (10, 5_000_000, 10_000_000)]
    assert hashes == ["BFlat", "BFlat", "BIVF16384"]


def test_what_blurs_is_ranked_again() -> None:
    assert [choose("cosine", 256, n, GenerationSettings()).rerank for n in (10, 10**5, 10**6, 10**7)] == [1, 1, 1, 16]
    assert choose("cosine", 256, 10, GenerationSettings(storage="int8")).rerank > 1
    assert choose("cosine", 256, 1000, GenerationSettings(factory="IVF4,PQ8")).rerank > 1


@pytest.mark.parametrize("factory", ["nonsense", "IVF", "PQ7", "Flatt", "IVF16,", "LSH", " "])
def test_a_factory_string_that_is_none_is_named(factory: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose("cosine", 256, 1000, GenerationSettings(factory=factory))
    said = str(caught.value)
    assert said.startswith(f"generations.factory: {factory!r} makes no index of 256 dimensions")
    assert "for instance 'IVF4096,SQfp16'" in said
    assert "\n" not in said
