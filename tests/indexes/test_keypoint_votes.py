"""Votes of keypoints: what counts, what does not, and the file they lie in."""

from __future__ import annotations

from pathlib import Path

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.errors import GenerationError
from simsearch.indexes.flat import BinaryFlatIndex
from simsearch.indexes.keypoint_votes import ASKED, VoteIndex, nearest, votes

BITS = 256


def drawn(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, BITS // 8), dtype=np.uint8)


def flipped(descriptors: NDArray[np.uint8], bits: int, seed: int = 0) -> NDArray[np.uint8]:
    """Each descriptor with exactly so many bits changed."""
    mask = np.zeros((len(descriptors), BITS), np.uint8)
    mask[:, :bits] = 1
    return descriptors ^ np.packbits(np.random.default_rng(seed).permuted(mask, axis=1), axis=1)


def filled(images: dict[int, NDArray[np.uint8]], **settings: int) -> VoteIndex:
    index = VoteIndex(**settings)
    ids = np.repeat(np.array(list(images), np.int64), [len(d) for d in images.values()])
    index.add(ids, np.concatenate(list(images.values())))
    return index


def ranked(
    *indexes: VoteIndex, photo: NDArray[np.uint8], k: int = 4, without: set[int] | None = None
) -> dict[int, float]:
    ids, counted = votes(indexes, photo, k=k, without=frozenset(without or ()))
    assert ids.dtype == np.int64
    assert counted.dtype == np.float32
    assert (np.diff(counted) <= 0).all()
    return dict(zip(ids.tolist(), counted.tolist(), strict=True))


# -- what counts -----------------------------------------------------------------------------------------------------


def test_the_image_that_shares_descriptors_has_most_votes() -> None:
    images = {i: drawn(60, seed=i) for i in range(10, 50)}
    found = ranked(filled(images), photo=np.concatenate([flipped(images[33][:30], 25), drawn(50, seed=999)]))
    first, second, *_ = found.items()
    assert first[0] == 33
    assert first[1] > 10 * second[1]


def test_a_vote_is_how_much_nearer_than_the_background() -> None:
    # One descriptor, at 10, 40 and 70 bits in images 1, 2 and 3: with k = 2 the third is the background.
    base = drawn(1)
    index = filled({1: flipped(base, 10), 2: flipped(base, 40), 3: flipped(base, 70)})
    assert ranked(index, photo=base, k=2) == {1: 60.0, 2: 30.0}
    assert ranked(index, photo=base, k=1) == {1: 30.0}
    # With k = 3 there is no background in the index: chance stands for it, half the bits.
    assert ranked(index, photo=base, k=3) == {1: 118.0, 2: 88.0, 3: 58.0}


def test_what_occurs_everywhere_does_not_vote() -> None:
    # A ruler: 40 descriptors that 30 images hold exactly alike. The right image shares 6 of its own, and not exactly.
    ruler = drawn(40, seed=1)
    images = {i: np.concatenate([ruler, drawn(20, seed=100 + i)]) for i in range(1, 31)}
    images[77] = drawn(60, seed=77)
    photo = np.concatenate([ruler, flipped(images[77][:6], 30), drawn(20, seed=5)])
    found = ranked(filled(images), photo=photo, k=16)
    assert next(iter(found)) == 77
    distances, _ = filled(images).neighbours(ruler, 17)
    assert not distances.any()  # all 17 at distance 0: counting matches would have named 30 others first


def test_a_repeated_pattern_in_one_image_votes_once() -> None:
    # Image 1 holds the same descriptor five times, image 2 holds three different ones of the photo.
    pattern, others = drawn(1, seed=1), drawn(3, seed=2)
    images = {1: flipped(np.repeat(pattern, 5, axis=0), 20), 2: flipped(others, 20), 3: drawn(50, seed=3)}
    found = ranked(filled(images), photo=np.concatenate([pattern, others]), k=8)
    assert found[1] <= BITS / 2 - 20
    assert found[2] > 2 * found[1]


def test_ties_go_by_id_and_answers_repeat() -> None:
    same = drawn(5)
    index = filled({9: same, 4: same, 7: same, 1: drawn(90, seed=1)})
    answers = [votes([index], same, k=4) for _ in range(2)]
    assert answers[0][0][:3].tolist() == [4, 7, 9]
    assert len(set(answers[0][1][:3].tolist())) == 1
    assert all(np.array_equal(a, b) for a, b in zip(*answers, strict=True))
    again = filled({9: same, 4: same, 7: same, 1: drawn(90, seed=1)})
    assert np.array_equal(votes([again], same, k=4)[1], answers[0][1])


# -- several indexes, retired images ---------------------------------------------------------------------------------


def test_indexes_are_asked_as_if_they_were_one() -> None:
    images = {i: drawn(40, seed=i) for i in range(1, 9)}
    photo = np.concatenate([flipped(images[2][:20], 30), flipped(images[7][:25], 30)])
    whole = ranked(filled(images, expected=40), photo=photo)
    split = ranked(
        filled({i: images[i] for i in range(1, 6)}), VoteIndex(), filled({i: images[i] for i in (6, 7, 8)}), photo=photo
    )
    assert list(split)[:2] == list(whole)[:2] == [7, 2]
    # The background of what is new is the old: an index of its own would think everything in it rare.
    common = drawn(10, seed=50)
    old = filled(dict.fromkeys(range(100, 110), common))
    assert ranked(filled({5: common}), photo=common)[5] > 0
    assert ranked(old, filled({5: common}), photo=common) == {}


@pytest.mark.parametrize("copies", [3, 40, 300])
def test_retired_images_neither_vote_nor_hide_others(copies: int) -> None:
    left = drawn(20, seed=1)
    images = dict.fromkeys(range(100, 100 + copies), left)
    index = filled({**images, 5: flipped(left, 15), 6: drawn(200, seed=6)})
    found = ranked(index, photo=left, without=set(images))
    assert next(iter(found)) == 5
    assert not found.keys() & images.keys()
    assert ranked(index, photo=left, without={*images, 5}).get(5) is None


def test_where_nothing_is_left_there_are_no_votes() -> None:
    photo = drawn(10)
    assert ranked(VoteIndex(), photo=photo) == {}
    assert ranked(photo=photo) == {}
    assert ranked(filled({1: photo}), photo=photo[:0]) == {}
    assert ranked(filled({1: photo}), photo=photo, without={1}) == {}
    assert list(ranked(filled({1: photo[:1]}), photo=photo[:1], k=16)) == [1]


# -- the index -------------------------------------------------------------------------------------------------------


def test_a_small_index_is_exact() -> None:
    stored = drawn(10_000)
    asked = flipped(stored[::50], 80)
    distances, ids = filled({i: stored[i * 100 : (i + 1) * 100] for i in range(100)}).neighbours(asked, 9)
    exact = np.sort(np.bitwise_count(asked[:, None] ^ stored).sum(axis=2), axis=1)[:, :9]
    assert np.array_equal(distances, exact)
    assert ids[:, 0].tolist() == [i // 2 for i in range(200)]


def test_a_large_one_finds_about_half_of_what_is_hardest() -> None:
    # Bits that are drawn have no clusters at all; of real descriptors it finds more.
    stored, rng = drawn(30_000), np.random.default_rng(3)
    index = filled({i: stored[i * 100 : (i + 1) * 100] for i in range(300)})
    asked = rng.choice(len(stored), 400, replace=False)
    distances, ids = index.neighbours(flipped(stored[asked], 30), 5)
    assert np.mean((ids[:, 0] == asked // 100) & (distances[:, 0] == 30)) > 0.4
    assert (np.diff(distances, axis=1) >= 0).all()


def test_it_knows_its_images_however_they_were_added() -> None:
    at_once = filled({i: drawn(9, seed=i) for i in (3, 2**40, 8)})
    in_parts = VoteIndex(expected=27)
    in_parts.add(np.zeros(0, np.int64), drawn(0))
    in_parts.train(drawn(50))
    for i in (8, 3, 2**40):
        in_parts.add(np.full(9, i), drawn(9, seed=i))
    for index in (at_once, in_parts):
        assert len(index) == 27
        assert index.ids().tolist() == [3, 8, 2**40]
        assert index.ids().dtype == np.int64
    assert (len(VoteIndex()), VoteIndex().ids().tolist()) == (0, [])


def test_views_are_taken_and_left_alone() -> None:
    stored = drawn(40)
    before = stored.copy()
    index = VoteIndex()
    index.add(np.arange(80)[::4], stored[::2])
    assert index.neighbours(np.asfortranarray(stored[::2]), 1)[1][:, 0].tolist() == list(range(0, 80, 4))
    assert np.array_equal(stored, before)


# -- the file --------------------------------------------------------------------------------------------------------


def test_a_file_answers_as_before(tmp_path: Path) -> None:
    index = filled({i: drawn(50, seed=i) for i in range(1, 30)})
    index.save(tmp_path / "votes.index")
    again = VoteIndex.load(tmp_path / "votes.index")
    photo = np.concatenate([drawn(50, seed=7), drawn(50, seed=100)])
    (ids, counted), (ids_again, counted_again) = votes([index], photo, k=8), votes([again], photo, k=8)
    assert len(ids)
    assert np.array_equal(ids, ids_again)
    assert np.array_equal(counted, counted_again)
    assert (len(again), again.ids().tolist()) == (len(index), index.ids().tolist())
    assert (tmp_path / "votes.index").stat().st_size < 41 * len(index) + 32 * 1000


def test_an_empty_index_can_be_kept(tmp_path: Path) -> None:
    VoteIndex().save(tmp_path / "votes.index")
    again = VoteIndex.load(tmp_path / "votes.index")
    assert (len(again), again.ids().tolist(), ranked(again, photo=drawn(3))) == (0, [], {})


def test_what_is_no_such_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "votes.index"
    filled({1: drawn(300)}).save(path)
    whole = path.read_bytes()
    for content in [*(whole[:n] for n in (0, 3, 10, 60)), b"\0" * 500, b"not an index\n" * 50]:
        path.write_bytes(content)
        with pytest.raises(GenerationError, match=r"votes\.index: .*run `simsearch rebuild`"):
            VoteIndex.load(path)
    for missing in (tmp_path / "nothing.index", tmp_path):
        with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
            VoteIndex.load(missing)
    with pytest.raises(GenerationError, match="cannot write"):
        filled({1: drawn(3)}).save(tmp_path / "no" / "such" / "folder.index")


def test_an_index_of_another_kind_or_width_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "votes.index"
    filled({1: drawn(30)}).save(path)
    with pytest.raises(GenerationError, match="is not an index of keypoints of 128 bits"):
        VoteIndex.load(path, 128)
    other = BinaryFlatIndex(BITS)
    other.add(np.arange(30), drawn(30))
    other.save(path)
    with pytest.raises(GenerationError, match="is not an index of keypoints"):
        VoteIndex.load(path)
    single = faiss.IndexBinaryFlat(BITS)
    single.add(drawn(3))
    faiss.write_index_binary(single, str(path))
    with pytest.raises(GenerationError, match="is not an index with several descriptors per image"):
        VoteIndex.load(path)


def test_what_lies_elsewhere_counts_each_image_once_and_not_its_own() -> None:
    rng = np.random.default_rng(4)
    photo = rng.integers(0, 256, (3, 32), dtype=np.uint8)
    near = photo.copy()
    near[:, 0] ^= 1  # one bit away
    index = VoteIndex()
    index.add(np.array([7, 7, 7, 7, 7, 7, 9, 9, 9]), np.concatenate([photo, near, near]))
    found = nearest([index], photo, k=9)
    assert found.ids[0, :3].tolist() == [7, 7, 9]
    everywhere = found.elsewhere([])
    assert everywhere.asked.tolist() == [0, 1, 2]
    assert np.sort(everywhere.distances, axis=1)[:, :3].tolist() == [[0, 1, 256]] * 3
    assert np.sort(found.elsewhere([7]).distances, axis=1)[:, :2].tolist() == [[1, 256]] * 3
    assert (found.elsewhere([7, 9]).distances == 256).all()


def test_votes_of_images_by_their_ids() -> None:
    rng = np.random.default_rng(6)
    photo = rng.integers(0, 256, (4, 32), dtype=np.uint8)
    index = VoteIndex()
    others = rng.integers(0, 256, (40, 32), np.uint8)
    index.add(np.array([3, 3, 8, *range(100, 140)]), np.concatenate([photo[:3], others]))
    found = nearest([index], photo, k=5)
    counted = dict(zip(*(part.tolist() for part in found.tally), strict=True))
    assert found.votes([8, 3, 77]) == [counted[8], counted[3], 0.0]
    assert counted[3] > counted[8] > max(v for i, v in counted.items() if i >= 100)


def test_of_many_descriptors_some_are_looked_up_all_over() -> None:
    photo = np.random.default_rng(5).integers(0, 256, (500, 32), dtype=np.uint8)
    index = VoteIndex()
    index.add(np.full(500, 3), photo)
    found = nearest([index], photo, k=2)
    assert (len(found.asked), found.asked[0], found.asked[-1] > 490) == (ASKED, 0, True)
    assert (found.distances[:, 0] == 0).all()
    nothing = nearest([VoteIndex()], photo[:0], k=2)
    assert (len(nothing.asked), nothing.tally[0].tolist()) == (0, [])
