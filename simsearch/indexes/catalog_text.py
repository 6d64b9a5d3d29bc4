"""The texts of the catalog: what was read on its images, and what its table says of its products."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from simsearch.core.errors import DamagedDescriptor
from simsearch.core.numbers import ascending
from simsearch.core.text import title
from simsearch.core.types import Descriptor, Ids
from simsearch.features.base import Method
from simsearch.features.reading.stored import texts
from simsearch.indexes.text import Document
from simsearch.indexes.text_terms import Terms, Text, text_of, texts_of
from simsearch.indexes.text_weights import TextWeights

if TYPE_CHECKING:
    from simsearch.catalog import Catalog
    from simsearch.catalog.selection import ProductFacts

_LOG = logging.getLogger("simsearch")
_BLOCK = 1024
"""Images whose readings are read from the catalog at once."""
_MOST_ATTRIBUTES, _LONGEST = 40, 400
"""Attributes of a product, and characters of each, that are looked at."""


def print_of(reading: Descriptor) -> Text:
    """The text of a stored reading.

    Raises:
        ValueError: it is none, or a damaged one.
    """
    return text_of(texts(reading.tobytes()))


def words_of(product: ProductFacts) -> list[str]:
    """What the table says of a product: name with strength, form, maker and attributes."""
    attributes = [str(value)[:_LONGEST] for value in list(product.attributes.values())[:_MOST_ATTRIBUTES]]
    return [title(product.name, product.strength), product.form, product.manufacturer, *attributes]


@dataclass(frozen=True)
class CatalogText:
    """The texts of one catalog, under one fingerprint of reading."""

    catalog: Catalog
    reading: Method
    skip_damaged: bool = False
    """Whether an image with a damaged reading is left out, with a warning. Else it is a DamagedDescriptor."""

    def printed(self, ids: Ids) -> Iterator[Document]:
        """One document for each of the images `ids` (n,) on which something was read, in their order."""
        for start in range(0, len(ids), _BLOCK):
            part = ids[start : start + _BLOCK].tolist()
            products, readings = self.catalog.selection.products_of(part), self._texts(part)
            for image_id in part:
                if readings.get(image_id):
                    yield Document(products[image_id], np.array([image_id], np.int64), readings[image_id])

    def worded(self, ids: Ids) -> Iterator[Document]:
        """One document for each product of the images `ids` (n,) of which the table says something, by product."""
        images = self._by_product(ids)
        for start in range(0, len(images), _BLOCK):
            part = dict(images[start : start + _BLOCK])
            named = list(self.catalog.selection.named(part))
            for product, text in zip(named, texts_of(map(words_of, named)), strict=True):
                if text:
                    yield Document(product.id, np.array(sorted(part[product.id]), np.int64), text)

    def weights(self, ids: Ids) -> TextWeights:
        """The weights of terms among the products of the images `ids` (n,)."""
        images = self._by_product(ids)
        return TextWeights.of(self._whole(images), len(images))

    def _whole(self, images: list[tuple[int, list[int]]]) -> Iterator[Terms]:
        """All terms of each product that has any."""
        block: list[tuple[int, list[int]]] = []
        waiting = 0
        for number, entry in enumerate(images, 1):
            block.append(entry)
            waiting += len(entry[1])
            if number == len(images) or waiting >= _BLOCK:
                readings = self._texts([i for _, held in block for i in held])
                products = list(self.catalog.selection.named(product for product, _ in block))
                named = dict(zip((p.id for p in products), texts_of(map(words_of, products)), strict=True))
                for product, held in block:
                    said = [named[product], *(readings[i] for i in held if i in readings)]
                    terms = ascending(np.concatenate([text.terms for text in said]))
                    if len(terms):
                        yield terms
                block, waiting = [], 0

    def _by_product(self, ids: Ids) -> list[tuple[int, list[int]]]:
        """Products with their images among `ids`, by product."""
        filed = sorted((p, i) for i, p in self.catalog.selection.products_of(ids.tolist()).items())
        return [(product, [i for _, i in group]) for product, group in groupby(filed, key=lambda entry: entry[0])]

    def _texts(self, ids: list[int]) -> dict[int, Text]:
        lines: dict[int, list[str]] = {}
        for image_id, data in self.catalog.descriptors.of(self.reading.fingerprint, ids).items():
            try:
                lines[image_id] = texts(data)
            except ValueError:
                error = DamagedDescriptor(image_id, self.reading.fingerprint)
                if not self.skip_damaged:
                    raise error from None
                _LOG.warning("%s; until then the image is not found by its print", error)
        return dict(zip(lines, texts_of(lines.values()), strict=True))
