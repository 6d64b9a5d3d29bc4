"""The index of loose pills: answers as comparing does, also where nothing is in it."""

from __future__ import annotations

import numpy as np
import pytest

from simsearch.features.base import NoSettings
from simsearch.features.pills import PillLooks
from simsearch.features.pills.looks import LOOK
from simsearch.indexes import pills as module
from simsearch.indexes.pills import PillIndex
from tests.features.pills.drawn import BLUE, CAPLET, CAPSULE, ORANGE, TABLET, look, photo

METHOD = PillLooks(NoSettings())
PHOTOS = {3: photo(TABLET), 5: photo(TABLET, CAPSULE), 9: photo(CAPLET), 12: photo(look("round", 1.0, BLUE))}
SEEN = dict(zip(PHOTOS, METHOD.describe(list(PHOTOS.values())), strict=True))


def test_it_finds_what_comparing_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    [asked] = METHOD.describe([photo(look("round", 1.0, ORANGE), angle=20)])
    wanted = dict(zip(SEEN, METHOD.compare(asked, list(SEEN.values())).tolist(), strict=True))
    for block in (1, 2, 8192):
        monkeypatch.setattr(module, "_BLOCK", block)
        found = PillIndex.of(SEEN).search(asked)
        assert found == pytest.approx(wanted, abs=1e-4)
    assert sorted(found, key=lambda i: -found[i])[:2] in ([3, 5], [5, 3])


def test_a_part_holds_its_images_alone() -> None:
    part = PillIndex.of(SEEN).part(np.array([5, 12]))
    assert len(part) == 3
    assert set(part.search(SEEN[9])) == {5, 12}


def test_nothing_asked_and_nothing_known_find_nothing() -> None:
    assert PillIndex.of({}).search(SEEN[3]) == {}
    assert PillIndex.of(SEEN).search(np.zeros(0, LOOK)) == {}
