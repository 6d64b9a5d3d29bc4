"""The index of loose pills: answers as comparing does, also where nothing is in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import GenerationError
from simsearch.features.base import NoSettings, pack
from simsearch.features.pills import PillLooks
from simsearch.features.pills.looks import LOOK
from simsearch.indexes import pills as module
from simsearch.indexes.pills import PillIndex, PillSource, write_pills
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


def test_what_was_written_finds_the_same(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = PillSource(METHOD, {i: pack(looks) for i, looks in reversed(SEEN.items())} | {20: b""})
    facts = write_pills(tmp_path, source)
    assert (facts.fingerprint, facts.pills, facts.images) == (METHOD.fingerprint, 5, 4)
    facts.check(tmp_path, full=True)
    written, wanted = PillIndex.load(tmp_path / facts.file), PillIndex.of(SEEN)
    assert written.ids.tolist() == wanted.ids.tolist() == [3, 5, 5, 9, 12]
    assert written.search(SEEN[9]) == wanted.search(SEEN[9])
    assert not caplog.text
    broken = np.array(SEEN[3], LOOK)
    broken["ratio"] = np.nan
    assert write_pills(tmp_path, PillSource(METHOD, {7: pack(broken), 9: pack(SEEN[9])})).images == 1
    assert "image 7" in caplog.text
    assert write_pills(tmp_path, PillSource(METHOD)).pills == 0
    assert len(PillIndex.load(tmp_path / "pills.index")) == 0


def test_a_file_of_something_else_is_no_index(tmp_path: Path) -> None:
    path = tmp_path / "pills.index"
    for content in (b"", b"something else", None):
        if content is None:
            np.save(tmp_path / "x.npy", np.zeros(3))
            path.write_bytes((tmp_path / "x.npy").read_bytes())
        else:
            path.write_bytes(content)
        with pytest.raises(GenerationError, match="rebuild"):
            PillIndex.load(path)
    with pytest.raises(GenerationError, match="cannot be read"):
        PillIndex.load(tmp_path / "none")
