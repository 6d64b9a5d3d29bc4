"""One image described by all methods, wherever the work is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from simsearch.core.types import Description, Descriptor, Image, Similarities, Surface
from simsearch.features.base import NoSettings
from simsearch.features.description import describe, merged, split
from simsearch.testing.pictures import image


class Width:
    """The width of an image."""

    name: ClassVar[str] = "width"
    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    dtype: np.dtype[Any] = np.dtype(np.int64)
    shape: tuple[int, ...] = (1,)
    fingerprint = "width-of-the-test"

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [np.array([i.width]) for i in images]

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        raise AssertionError("describing compares nothing")


class Face(Width):
    """Calls narrow images pills, and is faster on several at once."""

    batched: ClassVar[bool] = True

    def __init__(self) -> None:
        self.batches: list[int] = []

    def describe_with_surface(self, images: Sequence[Image]) -> list[tuple[Descriptor, Surface, float]]:
        self.batches.append(len(images))
        return [(np.array([-i.width]), Surface.PILLS if i.width < 3 else Surface.FRONT, 0.75) for i in images]


def images(*widths: int) -> list[Image]:
    return [image(np.zeros((1, width))) for width in widths]


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_images_are_described_in_order_by_every_method(count: int) -> None:
    face = Face()
    found = describe({"width": Width(), "face": face}, images(*range(1, count + 1)))
    assert [int(d["width"][0]) for d in found] == list(range(1, count + 1))
    assert [int(d["face"][0]) for d in found] == list(range(-1, -count - 1, -1))
    assert [d.surface for d in found] == [Surface.PILLS if n < 3 else Surface.FRONT for n in range(1, count + 1)]
    assert all(d.surface_probability == 0.75 for d in found)
    assert sum(face.batches) == count
    assert max(face.batches, default=0) <= 8


def test_without_a_method_that_says_it_the_surface_is_unknown() -> None:
    for count in (1, 2):
        for found in describe({"width": Width()}, images(*range(1, count + 1))):
            assert (found.surface, found.surface_probability) == (Surface.UNKNOWN, None)


def test_batched_methods_are_split_from_the_others() -> None:
    batched, others = split({"width": Width(), "face": Face()})
    assert (list(batched), list(others)) == (["face"], ["width"])


def test_the_part_that_knows_the_surface_says_it() -> None:
    one = Description({"a": np.zeros(1)})
    other = Description({"b": np.ones(1)}, Surface.BACK, 0.5)
    for parts in ((one, other), (other, one)):
        found = merged(*parts)
        assert set(found.descriptors) == {"a", "b"}
        assert (found.surface, found.surface_probability) == (Surface.BACK, 0.5)
