"""Which stored keypoints are indexed, and what a damaged image costs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import DamagedDescriptor, GenerationError
from simsearch.core.stamps import Stamp
from simsearch.core.types import Descriptor, Ids, Image, SourceRow
from simsearch.features import create
from simsearch.features.base import pack
from simsearch.features.keypoints import column
from simsearch.features.orb import KEYPOINT
from simsearch.indexes import catalog_keypoints, keypoint_votes, vote_build
from simsearch.indexes.catalog_keypoints import indexed_keypoints, keypoints_of, vote_index
from simsearch.indexes.keypoint_votes import VoteIndex, votes
from simsearch.indexes.manifest import Audit, VoteFacts
from simsearch.indexes.vote_build import Keypoints, build_votes
from simsearch.indexes.vote_files import opened
from simsearch.indexes.vote_join import join

ORB = create("orb", {"keypoints": 60})


def keypoints(seed: int) -> Descriptor:
    blocks = np.random.default_rng(seed).integers(0, 256, (12, 16, 3)).astype(np.uint8)
    pixels = np.repeat(np.repeat(blocks, 20, axis=0), 20, axis=1)
    return ORB.describe([Image(pixels, "0" * 64, 320, 240)])[0]


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    """Eight images; what is stored of the sixth is cut short."""
    found = Catalog(tmp_path / "catalog.db", CatalogSettings())
    for number in range(1, 9):
        data = pack(keypoints(number))
        row = SourceRow(f"A{number}", f"/p/{number}.jpg", f"{number}.jpg", "")
        stored = {ORB.fingerprint: data[:-1] if number == 6 else data}
        found.images.apply(add=[NewImage(row, "/p", Stamp(1, 1), "0" * 64, 1, 1, descriptors=stored)])
    yield found
    found.close()


def test_some_are_spread_evenly_over_the_stored_order() -> None:
    stored = keypoints(1)
    bits = column(stored, "bits").reshape(-1, 32)
    assert np.array_equal(indexed_keypoints(stored, 1000), bits)
    some = indexed_keypoints(stored, 10)
    assert some.shape == (10, 32)
    assert np.array_equal(some, bits[np.arange(10) * len(bits) // 10])


def test_a_damaged_image_is_an_error_or_left_out_with_a_warning(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    ids = np.array([2, 5, 6, 99])
    with pytest.raises(DamagedDescriptor, match=r"image 6: its orb-.* descriptor is damaged; restore a backup"):
        keypoints_of(catalog, ORB, 20, ids)
    with pytest.raises(DamagedDescriptor):
        vote_index(catalog, ORB, 20)
    with caplog.at_level(logging.WARNING):
        assert list(keypoints_of(catalog, ORB, 20, ids, skip_damaged=True)) == [2, 5]
    assert "image 6" in caplog.text
    assert vote_index(catalog, ORB, 20, skip_damaged=True).ids().tolist() == [1, 2, 3, 4, 5, 7, 8]


def test_the_same_whatever_is_read_at_once(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = vote_index(catalog, ORB, 20, skip_damaged=True)
    monkeypatch.setattr(catalog_keypoints, "_BLOCK", 3)
    monkeypatch.setattr(catalog_keypoints, "_SAMPLE", 2)
    found = vote_index(catalog, ORB, 20, skip_damaged=True)
    assert len(found) == len(wanted) == 7 * 20
    assert vote_index(catalog, ORB, 20, since=2, skip_damaged=True).ids().tolist() == [3, 4, 5, 7, 8]
    assert vote_index(catalog, ORB, 20, ids=np.array([1, 4])).ids().tolist() == [1, 4]


def test_lists_are_sought_on_any_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = filed(tmp_path, range(60))
    monkeypatch.setattr(keypoint_votes, "lists_for", lambda _: 1500)
    monkeypatch.setattr(catalog_keypoints, "_BLOCK", 4)
    written = []
    for threads in (1, 5):
        monkeypatch.setattr(catalog_keypoints, "cores", lambda threads=threads: threads)
        vote_index(catalog, ORB, 40).save(tmp_path / "one.index")
        written.append((tmp_path / "one.index").read_bytes())
    assert written[0] == written[1]
    catalog.close()


# -- the audit of the votes ------------------------------------------------------------------------------------------


def drawn(seed: int) -> Descriptor:
    """Sixty keypoints of a photo of its own."""
    out = np.zeros(60, KEYPOINT)
    out["bits"] = np.random.default_rng(seed).integers(0, 256, (60, 32))
    return out


def filed(folder: Path, seeds: Sequence[int]) -> Catalog:
    """One image for each seed; equal seeds are one photo filed again."""
    found = Catalog(folder / "filed.db", CatalogSettings())
    rows = [SourceRow(f"A{n}", f"/p/{n}.jpg", f"{n}.jpg", "") for n in range(len(seeds))]
    packed = [{ORB.fingerprint: pack(drawn(seed))} for seed in seeds]
    new = [NewImage(r, "/p", Stamp(1, 1), "0" * 64, 1, 1, descriptors=d) for r, d in zip(rows, packed, strict=True)]
    found.images.apply(add=new)
    return found


def built(folder: Path, catalog: Catalog, expected: Ids, images: int = 1000) -> tuple[list[VoteFacts], Audit]:
    """The votes, `images` a file."""
    return build_votes(folder, catalog, Keypoints(ORB, 40), expected, images)


def test_several_files_of_votes_count_as_one_does(tmp_path: Path) -> None:
    catalog = filed(tmp_path, range(60))
    expected = catalog.descriptors.active_ids(ORB.fingerprint)
    for images in (60, 25):
        folder = tmp_path / str(images)
        folder.mkdir()
        files, audit = built(folder, catalog, expected, images)
        assert (audit.passed, audit.recall) == (True, 1.0)
        assert [facts.file for facts in files] == ["votes.index", "votes-001.index", "votes-002.index"][: len(files)]
    one, several = opened([tmp_path / "60" / "votes.index"], 256), opened([folder / f.file for f in files], 256)
    assert len(one) == len(several)
    np.testing.assert_array_equal(one.ids(), several.ids())
    np.testing.assert_array_equal(several.parts[1].ids(), expected[25:50])  # type: ignore[union-attr]
    for seed in range(0, 60, 7):
        bits = column(drawn(seed), "bits").copy()
        bits[:, 3] ^= 5
        np.testing.assert_array_equal(one.neighbours(bits, 3)[0], several.neighbours(bits, 3)[0])
        for found, wanted in zip(votes([several], bits, k=16), votes([one], bits, k=16), strict=True):
            np.testing.assert_array_equal(found, wanted)
    catalog.close()


@pytest.mark.parametrize("images", [60, 37])
def test_a_file_that_is_joined_from_parts_is_the_file_of_one_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: int
) -> None:
    """Byte for byte: with a list that holds all, and with a thousand of which few are empty."""
    catalog = filed(tmp_path, range(60))
    expected = catalog.descriptors.active_ids(ORB.fingerprint)
    for lists in (1, 1500):
        monkeypatch.setattr(keypoint_votes, "lists_for", lambda _, lists=lists: lists)
        whole, parts = tmp_path / f"whole-{lists}", tmp_path / f"parts-{lists}"
        for folder, held in ((whole, 1000), (parts, 13)):
            folder.mkdir()
            monkeypatch.setattr(vote_build, "_HELD", held)
            files, audit = built(folder, catalog, expected, images)
            assert audit.passed
        assert len(files) == -(-60 // images)
        for one in files:
            assert (parts / one.file).read_bytes() == (whole / one.file).read_bytes()
            assert [p.name for p in sorted(parts.iterdir())] == [f.file for f in sorted(files, key=lambda f: f.file)]
    catalog.close()


def test_a_build_that_is_stopped_ends_at_once_and_leaves_no_part(tmp_path: Path) -> None:
    catalog = filed(tmp_path, range(20))
    expected, stop, folder = catalog.descriptors.active_ids(ORB.fingerprint), Event(), tmp_path / "new"
    stop.set()
    folder.mkdir()
    with pytest.raises(GenerationError, match="the build was stopped"):
        build_votes(folder, catalog, Keypoints(ORB, 40), expected, 1000, stop)
    assert list(folder.iterdir()) == []
    catalog.close()


def test_a_part_of_other_centres_is_refused(tmp_path: Path) -> None:
    ids = np.arange(60, dtype=np.int64)
    for seed in (1, 2):
        index = VoteIndex()
        index.add(ids, column(drawn(seed), "bits"))
        index.save(tmp_path / f"{seed}")
    index.twin().save(tmp_path / "empty")
    (tmp_path / "3").write_bytes((tmp_path / "2").read_bytes()[:-1])
    for parts, wrong in ((("2", "1"), "1: is not a part"), (("2", "3"), "FAISS cannot read it")):
        with pytest.raises(GenerationError, match=wrong):
            join(tmp_path / "empty", [tmp_path / part for part in parts], tmp_path / "all")


def test_a_photo_that_is_filed_hundreds_of_times_is_no_fault(tmp_path: Path) -> None:
    catalog = filed(tmp_path, [1] * 200 + list(range(2, 20)))
    expected = catalog.descriptors.active_ids(ORB.fingerprint)
    _, audit = built(tmp_path, catalog, expected)
    assert (audit.passed, audit.recall) == (True, 1.0)
    catalog.close()


def test_images_that_their_own_keypoints_do_not_find_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = filed(tmp_path, range(20))
    expected = catalog.descriptors.active_ids(ORB.fingerprint)
    others = VoteIndex()
    for image_id in expected.tolist():
        others.add(np.full(60, image_id, np.int64), column(drawn(1000 + image_id), "bits"))
    monkeypatch.setattr(vote_build, "vote_indexes", lambda *_, **__: iter([others]))
    _, audit = built(tmp_path, catalog, expected)
    assert not audit.passed
    assert re.fullmatch(r"only \d+% of sampled images are found by their own keypoints", audit.reason)
    catalog.close()
