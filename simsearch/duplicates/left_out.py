"""The images that a search leaves out: a damaged or vanished image must not end a search of all others."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from simsearch.catalog import Catalog
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Descriptor
from simsearch.features.base import Method, unpack

_LOG = logging.getLogger("simsearch")


class LeftOut:
    """Ids of images that one search leaves out. Not safe to share between threads."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def __len__(self) -> int:
        return len(self.ids)

    def __contains__(self, image_id: int) -> bool:
        return image_id in self.ids

    def add(self, ids: Iterable[int]) -> None:
        """Leave out images that need no warning: retired ones, and copies of a file that cannot be compared."""
        self.ids.update(ids)

    def read(self, catalog: Catalog, method: Method, ids: Iterable[int]) -> dict[int, Descriptor]:
        """Descriptors of those images of `ids` that have a sound one; the others are left out from now on.

        A damaged descriptor is warned of, once an image. A missing one is not: somebody removed it in the meantime.
        """
        wanted = [i for i in ids if i not in self.ids]
        found: dict[int, Descriptor] = {}
        for image_id, data in catalog.descriptors.of(method.fingerprint, wanted).items():
            try:
                found[image_id] = unpack(method, data, image_id)
            except DamagedDescriptor as error:
                _LOG.warning("%s; it is left out of this search", error)
        self.add(i for i in wanted if i not in found)
        return found
