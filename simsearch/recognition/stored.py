"""Descriptions as the catalog holds them: what a pair is verified by, read without touching a file."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import Codes
from simsearch.core.config import NEEDED
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Description, Descriptor, Surface
from simsearch.features.base import Method, unpack
from simsearch.features.codes import codes_of
from simsearch.features.reading import Reading, decode
from simsearch.recognition.printed.sides import CatalogSide

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


def stored_print(
    catalog: Catalog, printed: Mapping[str, Method], facts: Collection[ImageFacts]
) -> dict[int, CatalogSide]:
    """What was read on images, and their rows, by id. A damaged descriptor counts as none; a warning names it.

    `printed`: the methods `reading` and `codes`.
    """
    names = {method.fingerprint: name for name, method in printed.items()}
    readings: dict[int, Reading] = {}
    codes: dict[int, Codes] = {}
    for image_id, fingerprint, data in catalog.descriptors.several(list(names), [f.id for f in facts]):
        method = printed[names[fingerprint]]
        try:
            descriptor = unpack(method, data, image_id)
        except DamagedDescriptor as error:
            _LOG.warning("%s; what was read there counts as unread", error)
            continue
        if method.name == "reading":
            readings[image_id] = decode(descriptor.astype(np.uint8, copy=False))
        else:
            codes[image_id] = codes_of(descriptor)
    return {f.id: CatalogSide(readings.get(f.id), codes.get(f.id, Codes()), f) for f in facts}
