"""Whether the package is bare where a word would have to stand."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.core.types import Pixels
from simsearch.features.reading.types import Cut
from simsearch.recognition.printed.blank import lacks_words
from simsearch.recognition.printed.lines import words_apart
from tests.features.reading.prints import line as printed


def cut(text: str) -> Cut:
    return Cut(text, 0.98)


@pytest.mark.parametrize(
    ("catalog", "photo", "share"),
    [
        ("Betnesol-N", "Betnesol", (0.85, 1.0)), ("Panadol Extra", "Panadol", (0.577, 1.0)),
        ("New Panadol", "Panadol", (0.0, 0.318)), ("Panadol", "Panadol", None), ("Panadol Tablets", "Panadol", None),
        ("Panadol 500", "Panadol", None), ("Betnesol", "Other", None), ("Cremaffin", "maffin", None),
    ],
)  # fmt: skip
def test_where_words_stand_that_one_side_alone_has(catalog: str, photo: str, share: tuple[float, float] | None) -> None:
    found = words_apart(cut(catalog), cut(photo))
    assert found == (None if share is None else pytest.approx(share, abs=0.01))


def panadol() -> tuple[Pixels, int]:
    """Print of `Panadol Extra`, and where the second word begins."""
    whole = printed("Panadol Extra", 40)
    return whole, round(whole.shape[1] * 0.577)


def test_bare_package_lacks_the_word() -> None:
    whole, begins = panadol()
    bare = whole.copy()
    bare[:, begins:] = whole[0, 0]
    assert lacks_words(bare, cut("Panadol"), cut("Panadol Extra"))
    assert not lacks_words(bare, cut("Panadol"), cut("Panadol"))


@pytest.mark.parametrize(("ground", "cover"), [(0.7, 255), (1.0, 255), (1.0, 90), (0.5, 180)])
def test_glare_and_fingers_are_not_bare_package(ground: float, cover: int) -> None:
    whole, begins = panadol()
    seen = (whole * ground).astype(np.uint8)
    seen[:, begins:] = cover
    assert not lacks_words(seen, cut("Panadol"), cut("Panadol Extra"))


def test_a_word_that_was_not_read_is_still_there() -> None:
    assert not lacks_words(panadol()[0], cut("Panadol"), cut("Panadol Extra"))
