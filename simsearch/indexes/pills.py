"""The loose pills of many photos, searched by how likely a photo's pills are theirs.

All of them are compared: 10,000 pills take some milliseconds, and photos of loose pills are a small part of a catalog.
A generation holds them in a file, an array of `_ROW`: which of all images show pills is not asked again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import DamagedDescriptor, GenerationError
from simsearch.core.files import sync
from simsearch.core.types import Descriptor, Ids
from simsearch.features.base import Method, unpack
from simsearch.features.pills.likeness import Pills, log_likelihoods, together
from simsearch.features.pills.looks import LOOK
from simsearch.indexes.catalog_view import CatalogView
from simsearch.indexes.manifest import PillFacts
from simsearch.indexes.stored_file import REPAIR, describe_file

_LOG = logging.getLogger("simsearch")
_BLOCK = 8192
"""Pills that are compared at once: about 10 MB for each pill of the photo."""

_ROW: np.dtype[Any] = np.dtype([("image", "<i8"), ("look", LOOK)])


@dataclass(frozen=True)
class PillSource:
    """What the pills of a generation are made from."""

    method: Method
    packed: dict[int, bytes] = field(default_factory=dict)
    """Image id -> its packed descriptor, where that is not empty. Whoever gives a build its vectors fills it in."""


class PillIndex:
    """Pills by image. Never changed: searched by many threads."""

    def __init__(self, ids: Ids, pills: Pills) -> None:
        """`ids`: (n,) the image of each of the `pills`, ascending."""
        self.ids, self.pills = ids, pills
        self._first = np.flatnonzero(np.diff(ids, prepend=-1))
        """The first pill of each image."""

    @classmethod
    def of(cls, looks: Mapping[int, Descriptor]) -> PillIndex:
        """The pills (n,) of `LOOK` of each image."""
        rows = _rows(looks)
        return cls(rows["image"], Pills.of(rows["look"]))

    @classmethod
    def load(cls, path: Path) -> PillIndex:
        """The pills that `write_pills` wrote.

        Raises:
            GenerationError: the file holds something else.
        """
        try:
            rows = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise GenerationError(f"{path}: cannot be read ({error}); {REPAIR}") from None
        if rows.dtype != _ROW or rows.ndim != 1:
            raise GenerationError(f"{path}: holds no pills of this simsearch; {REPAIR}")
        return cls(rows["image"].copy(), Pills.of(rows["look"]))

    def __len__(self) -> int:
        """How many pills there are."""
        return len(self.ids)

    def search(self, pills: Descriptor) -> dict[int, float]:
        """Image id -> similarity to a photo that shows `pills`; all images. See `PillLooks.compare`."""
        if not len(pills) or not len(self.ids):
            return {}
        asked = Pills.of(pills)
        blocks = (self.pills[start : start + _BLOCK] for start in range(0, len(self.ids), _BLOCK))
        every = np.concatenate([log_likelihoods(asked, block) for block in blocks], axis=1)
        found = together(np.maximum.reduceat(every, self._first, axis=1))
        return dict(zip(self.ids[self._first].tolist(), found.tolist(), strict=True))

    def part(self, allowed: Ids) -> PillIndex:
        """The pills of the images `allowed` alone."""
        kept = np.isin(self.ids, allowed)
        return PillIndex(self.ids[kept], self.pills[kept])


def pill_index(catalog: CatalogView, method: Method, ids: Ids) -> PillIndex:
    """The pills of those of the images `ids` that have any. Damaged descriptors are left out; a warning names each."""
    return PillIndex.of(_looks(method, catalog.descriptors.of(method.fingerprint, ids.tolist())))


def write_pills(folder: Path, source: PillSource) -> PillFacts:
    """Write the pills of `source` into `folder`. Damaged descriptors are left out; a warning names each."""
    started = time.perf_counter()
    rows = _rows(_looks(source.method, source.packed))
    path = folder / "pills.index"
    with path.open("wb") as stream:
        np.save(stream, rows, allow_pickle=False)
    sync(path)
    images = len(np.unique(rows["image"]))
    return PillFacts(
        fingerprint=source.method.fingerprint, pills=len(rows), images=images,
        build_s=round(time.perf_counter() - started, 6), **describe_file(path),
    )  # fmt: skip


def _looks(method: Method, packed: Mapping[int, bytes]) -> dict[int, Descriptor]:
    looks = {}
    for image_id, data in packed.items():
        if not data:
            continue
        try:
            looks[image_id] = unpack(method, data, image_id)
        except DamagedDescriptor as error:
            _LOG.warning("%s; until then the image is not found by its pills", error)
    return looks


def _rows(looks: Mapping[int, Descriptor]) -> NDArray[Any]:
    """(n,) of `_ROW`, by image."""
    order = sorted(looks)
    rows = np.zeros(sum(len(looks[i]) for i in order), _ROW)
    rows["image"] = np.repeat(np.array(order, np.int64), [len(looks[i]) for i in order])
    rows["look"] = np.concatenate([np.zeros(0, LOOK), *(looks[i] for i in order)])
    return rows
