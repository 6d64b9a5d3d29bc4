"""Which image of a group is suggested to be kept."""

from __future__ import annotations

from simsearch.catalog.images import ImageFacts
from simsearch.duplicates.keep import suggestion

SIZES = {1: (300, 300), 2: (1600, 1200), 3: (800, 600)}


def image(number: int, strength: str = "") -> ImageFacts:
    return ImageFacts(
        number, f"{number}.jpg", f"/{number}.jpg", "front", "0" * 64, "a", "Calmorin", strength, "", "", {}
    )


def test_the_fullest_row_then_most_pixels_then_the_first() -> None:
    assert suggestion([image(1), image(2), image(3)], SIZES) == (2, "most pixels (1600 x 1200)")
    full = [image(1), image(2), image(3, "5 mg")]
    assert suggestion(full, SIZES) == (3, "the fullest row (2 fields) and pixels (800 x 600)")
    assert suggestion([image(3), image(1)], {1: (9, 9), 3: (9, 9)}) == (1, "the first of equals")
