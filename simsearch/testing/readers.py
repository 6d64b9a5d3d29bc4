"""A reader that reads what the test wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from simsearch.core.types import Pixels
from simsearch.features.reading import ReaderSettings, ReadPrint
from simsearch.features.reading.types import Line, Reader, Reading
from simsearch.wiring import Parts


class FakeReader:
    """A `features.reading.Reader` that knows some pictures; on any other it reads nothing.

    Example::

        reader = FakeReader([(photo, "HEMIPAN 500 mg\\n24 tablets")])
    """

    def __init__(self, says: Iterable[tuple[Pixels, str]], confidence: float = 1.0) -> None:
        """`says`: a picture or crop, and its lines of text; all are read with that `confidence`."""
        self._says = {_key(pixels): text for pixels, text in says}
        self.confidence, self.fingerprint = confidence, "fake-reader"

    def read(self, pixels: Pixels) -> Reading:
        """The lines of a known picture, one below the other, each as wide as the picture."""
        height, width = pixels.shape[:2]
        texts = self._says.get(_key(pixels), "").splitlines()
        lines = (Line(text, self.confidence, _row(i, len(texts))) for i, text in enumerate(texts))
        return Reading(tuple(lines), width, height)

    def recognise(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """The text of each known crop; ("", 0.0) of any other."""
        found = [self._says.get(_key(crop)) for crop in crops]
        return [("", 0.0) if text is None else (text, self.confidence) for text in found]


def reading(text: str, confidence: float = 1.0) -> Reading:
    """The reading of a picture of 64 by 64 pixels that says `text`, each line as wide as the picture."""
    texts = text.splitlines()
    lines = (Line(line, confidence, _row(i, len(texts))) for i, line in enumerate(texts))
    return Reading(tuple(lines), 64, 64)


def read_by(app: Parts, reader: Reader) -> None:
    """Have an App read print by `reader`. Call it before anything of the App is used."""
    side = str(app.config.images.sharp_size)
    fake = ReadPrint(ReaderSettings(), reader, pixels=lambda image: image.sharp, resolution=side)
    app.print_methods[fake.name] = fake


def _key(pixels: Pixels) -> tuple[tuple[int, ...], bytes]:
    return pixels.shape, pixels.tobytes()


def _row(row: int, rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    top, bottom = row / rows, (row + 1) / rows
    return np.array([[0, top], [1, top], [1, bottom], [0, bottom]], np.float32)
