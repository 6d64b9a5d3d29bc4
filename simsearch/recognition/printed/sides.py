"""The two sides of a comparison of print: a photo, and an image of the catalog."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from simsearch.catalog.images import ImageFacts
from simsearch.core.codes import Codes, listed_codes
from simsearch.core.types import Pixels
from simsearch.features.reading.types import Line, Reading


@dataclass(frozen=True, eq=False)
class PhotoSide:
    """What is known of a photo that is asked about."""

    reading: Reading | None = None
    """All of its lines; None where it was not read as a whole."""
    codes: Codes = field(default_factory=Codes)
    pixels: Pixels | None = None
    """RGB at reading resolution, upright; None where nothing may be cut out of it."""
    near: dict[int, Line] = field(default_factory=dict, repr=False)
    """Lines that were cut out again, by the identity of the line."""


@dataclass(frozen=True, eq=False)
class CatalogSide:
    """What the catalog holds of one image and its product."""

    reading: Reading | None = None
    """As `ReadPrint.describe` made it, with cuts; None where the image was not read."""
    codes: Codes = field(default_factory=Codes)
    """Read on the image."""
    facts: ImageFacts | None = None
    """Its row of the table; None where it has none."""

    def all_codes(self, today: date) -> Codes:
        """Codes read on the image and codes in the columns of its product."""
        return self.codes | listed_codes(self.facts.attributes, today) if self.facts else self.codes
