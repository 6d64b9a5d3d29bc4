"""The search for copies: photos of which nothing is left, whose best match may be looked at last."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from simsearch.core.config import DuplicateSettings
from simsearch.duplicates.copies import Detail
from simsearch.duplicates.copy_search import CopySearch
from simsearch.duplicates.pair_evidence import PhotoEvidence
from simsearch.duplicates.pair_look import Looked, PairLook
from simsearch.duplicates.same_photo import Placement
from simsearch.recognition.verification import FEATURES

HERE = Placement(np.array([[1.0, 0, 0], [0, 1, 0]]), 0.0, 0.0)
BLANK = 2


def search() -> CopySearch:
    """Of four photos; of one of them nothing is left."""
    look: Any = SimpleNamespace(
        files=SimpleNamespace(sizes=np.full((4, 2), 100.0)),
        scorer=SimpleNamespace(orb=SimpleNamespace(settings=SimpleNamespace(size=512))),
        thumbnails=SimpleNamespace(stored=dict.fromkeys),
        photos=SimpleNamespace(
            is_blank=lambda file, stored: file == BLANK, details=lambda pair, stored: (Detail(), Detail())
        ),
    )
    return CopySearch(cast("PairLook", look), DuplicateSettings())


def agreeing(remaining: float, *, bits: float = 1.0, cosine: float = 0.0) -> Looked:
    row = np.zeros(len(FEATURES))
    row[FEATURES.index("hash_similarity")], row[FEATURES.index("cosine")] = bits, cosine
    return Looked(row, PhotoEvidence(HERE, True, remaining=remaining), False)


def test_a_photo_of_which_nothing_is_left_goes_to_the_best_of_all_blocks() -> None:
    copies = search()
    first = agreeing(1.0)
    copies._set_aside({(0, BLANK): first})  # one block of pairs
    copies._set_aside({(1, BLANK): agreeing(0.3)})  # and the next one
    assert not first.one_photo, "nothing is said before all were looked at"
    assert list(copies.join_faint()) == [(1, BLANK)]
    assert copies.known.roots((1, BLANK)) is None
    assert copies.known.roots((0, BLANK)) is not None


def test_where_two_agree_about_equally_it_goes_to_none() -> None:
    copies = search()
    copies._set_aside({(0, BLANK): agreeing(0.33)})
    copies._set_aside({(1, BLANK): agreeing(0.3)})
    assert copies.join_faint() == {}


def test_in_another_frame_the_network_must_see_little_difference() -> None:
    copies = search()
    copies._set_aside({(0, 1): agreeing(0.3, bits=0.5, cosine=0.93), (0, 3): agreeing(0.3, bits=0.5, cosine=0.95)})
    assert list(copies.join_faint()) == [(0, 3)]
