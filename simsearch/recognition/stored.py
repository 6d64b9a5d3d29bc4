"""Descriptions as the catalog holds them: what a pair is verified by, read without touching a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import NEEDED
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Description, Descriptor, Surface
from simsearch.features.base import Method, unpack

WITHOUT_KEYPOINTS = tuple(name for name in NEEDED if name != "orb")
"""Methods of `Verifier.quick`. Keypoints are 95 % of an image's stored bytes, and few candidates need them."""

_LOG = logging.getLogger("simsearch")


def stored(
    catalog: Catalog, methods: Mapping[str, Method], facts: Mapping[int, ImageFacts], needed: Sequence[str] = NEEDED
) -> dict[int, Description]:
    """Descriptions of the images in `facts`, by id, with the descriptors of the methods `needed`.

    An image that lacks one of them is left out; so is one with a damaged descriptor, which a warning names.
    """
    found: dict[int, dict[str, Descriptor]] = {image_id: {} for image_id in facts}
    names = {methods[name].fingerprint: name for name in needed}
    for image_id, fingerprint, data in catalog.descriptors.several(list(names), facts):
        try:
            found[image_id][names[fingerprint]] = unpack(methods[names[fingerprint]], data, image_id)
        except DamagedDescriptor as error:
            _LOG.warning("%s; it is left out of this answer", error)
    return {
        image_id: Description(descriptors, Surface(facts[image_id].surface))
        for image_id, descriptors in found.items()
        if len(descriptors) == len(needed)
    }
