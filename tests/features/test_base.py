"""The seam of methods: fingerprints, and what the catalog stores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from simsearch import features
from simsearch.core.errors import DamagedDescriptor
from simsearch.features.base import fingerprint, is_batched, pack, unpack


@dataclass(frozen=True)
class Settings:
    """Of a method of the test."""

    size: int = 3
    way: str = "mean"


@dataclass(frozen=True)
class Reordered:
    """The same settings, written down in another order."""

    way: str = "mean"
    size: int = 3


def test_a_fingerprint_is_of_name_settings_version_and_weights() -> None:
    made = fingerprint("toy", Settings())
    assert made == fingerprint("toy", Settings()) == fingerprint("toy", Reordered())
    assert made.startswith("toy-")
    others = [
        fingerprint("toys", Settings()),
        fingerprint("toy", Settings(size=4)),
        fingerprint("toy", Settings(), version=2),
        fingerprint("toy", Settings(), digest="ab"),
    ]
    assert len({made, *others}) == 5


def test_descriptors_come_back_from_their_bytes() -> None:
    method = features.create("phash")
    descriptor = np.arange(8, dtype=np.uint8)
    assert np.array_equal(unpack(method, pack(descriptor)), descriptor)
    # A view of every second value is stored as what it shows.
    assert pack(np.arange(16, dtype=np.uint8)[::2]) == bytes(range(0, 16, 2))


@pytest.mark.parametrize("size", [0, 7, 9])
def test_a_descriptor_of_another_size_is_damaged(size: int) -> None:
    method = features.create("phash")
    with pytest.raises(DamagedDescriptor) as caught:
        unpack(method, bytes(size), 12)
    assert str(caught.value) == f"image 12: its {method.fingerprint} descriptor is damaged; restore a backup"


def test_only_the_network_is_batched() -> None:
    assert [name for name in ("phash", "orb", "siamese") if is_batched(features.create(name))] == ["siamese"]
