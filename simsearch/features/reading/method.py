"""Reading as a method: what is printed on a photo, compared as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from simsearch.core.types import Descriptor, Image, Pixels, Similarities
from simsearch.features.base import fingerprint
from simsearch.features.reading.cuts import with_cuts
from simsearch.features.reading.models import missing
from simsearch.features.reading.ppocr import PpOcr, ReaderSettings
from simsearch.features.reading.stored import decode, encode
from simsearch.features.reading.text import grams, likeness
from simsearch.features.reading.types import Reader, Reading


class ReadPrint:
    """Cosine of the character 3-to-5-grams of what is printed, 0 to 1, symmetric.

    Descriptor: a :class:`~simsearch.features.reading.types.Reading` as uint8 (n,), see `reading.stored`. Siblings
    whose print differs in one number are nearly as alike as equal packages: this similarity finds candidates, and the
    numbers decide between them. Where nothing was read, nothing is alike: 0.
    """

    name: ClassVar[str] = "reading"
    Settings: ClassVar[type] = ReaderSettings
    similarity_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    symmetric: ClassVar[bool] = True
    dtype: np.dtype[Any] = np.dtype(np.uint8)
    shape: tuple[int, ...] = (-1,)

    def __init__(
        self,
        settings: ReaderSettings,
        reader: Reader | None = None,
        pixels: Callable[[Image], Pixels] = lambda image: image.pixels,
        resolution: str = "working",
    ) -> None:
        """
        Args:
            settings: of the reader, where none is given.
            reader: in place of the project's own.
            pixels: the picture of an image that is read: where a larger one than `Image.pixels` can be had, small print
                is read that is lost otherwise.
            resolution: names what `pixels` gives, because readings of other pictures are other descriptors.
        """
        self.settings = settings
        self.reader: Reader = reader or PpOcr(settings)
        self.pixels = pixels
        self.missing = "" if reader else missing()
        self.fingerprint = fingerprint(self.name, settings, digest=f"{self.reader.fingerprint} {resolution}")

    def read(self, image: Image) -> Reading:
        """The lines printed on a photo.

        Raises:
            ConfigError: the reader is not installed.
        """
        return self.reader.read(self.pixels(image))

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        """One stored reading an image, for the catalog: lines that can decide have their cuts (`reading.cuts`).

        Raises ConfigError where the reader is not installed.
        """
        return [encode(self.read_with_cuts(image)) for image in images]

    def read_with_cuts(self, image: Image) -> Reading:
        """As `read`, with the cuts of lines that can decide, which a photo that is asked about does not need."""
        pixels = self.pixels(image)
        return with_cuts(self.reader.read(pixels), pixels, self.reader, self.settings.cuts)

    def is_sound(self, descriptor: Descriptor) -> bool:
        """Whether these are the bytes of a reading, all of them and none changed."""
        try:
            decode(descriptor.astype(np.uint8, copy=False))
        except ValueError:
            return False
        return True

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> Similarities:
        own = _grams(query)
        return np.array([likeness(own, _grams(other)) for other in others], np.float32)


def _grams(descriptor: Descriptor) -> frozenset[str]:
    return grams(line.text for line in decode(descriptor.astype(np.uint8, copy=False)).lines)
