"""The loose pills of many photos, searched by how likely a photo's pills are theirs.

All of them are compared: 10,000 pills take some milliseconds, and photos of loose pills are a small part of a catalog.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Descriptor, Ids
from simsearch.features.base import Method, unpack
from simsearch.features.pills.likeness import Pills, log_likelihoods
from simsearch.features.pills.looks import LOOK
from simsearch.indexes.catalog_view import CatalogView

_LOG = logging.getLogger("simsearch")
_BLOCK = 8192
"""Pills that are compared at once: about 10 MB for each pill of the photo."""


class PillIndex:
    """Pills by image. Never changed: searched by many threads."""

    def __init__(self, ids: Ids, pills: Pills) -> None:
        """`ids`: (n,) the image of each of the `pills`, ascending."""
        self.ids, self.pills = ids, pills

    @classmethod
    def of(cls, looks: Mapping[int, Descriptor]) -> PillIndex:
        """The pills (n,) of `LOOK` of each image."""
        order = sorted(looks)
        ids = np.repeat(np.array(order, np.int64), [len(looks[i]) for i in order])
        parts: list[NDArray[Any]] = [looks[i] for i in order]
        return cls(ids, Pills.of(np.concatenate([np.zeros(0, LOOK), *parts])))

    def __len__(self) -> int:
        """How many pills there are."""
        return len(self.ids)

    def search(self, pills: Descriptor) -> dict[int, float]:
        """Image id -> similarity of the pair of pills that is most alike; all images. See `PillLooks.compare`."""
        asked = Pills.of(pills)
        found: dict[int, float] = {}
        for start in range(0, len(self.ids) if len(pills) else 0, _BLOCK):
            part = slice(start, start + _BLOCK)
            best = log_likelihoods(asked, self.pills[part]).max(axis=0)
            for image_id, similarity in zip(self.ids[part].tolist(), best.tolist(), strict=True):
                found[image_id] = max(found.get(image_id, similarity), similarity)
        return found

    def part(self, allowed: Ids) -> PillIndex:
        """The pills of the images `allowed` alone."""
        kept = np.isin(self.ids, allowed)
        return PillIndex(self.ids[kept], self.pills[kept])


def pill_index(catalog: CatalogView, method: Method, ids: Ids) -> PillIndex:
    """The pills of those of the images `ids` that have any. Damaged descriptors are left out; a warning names each."""
    looks = {}
    for image_id, data in catalog.descriptors.of(method.fingerprint, ids.tolist()).items():
        if not data:
            continue
        try:
            looks[image_id] = unpack(method, data, image_id)
        except DamagedDescriptor as error:
            _LOG.warning("%s; until then the image is not found by its pills", error)
    return PillIndex.of(looks)
