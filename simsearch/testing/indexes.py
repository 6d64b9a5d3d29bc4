"""What every index promises, as tests that an index of one's own can be held to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch import indexes
from simsearch.core.errors import GenerationError
from simsearch.core.types import Ids
from simsearch.indexes import Searcher, VectorIndex

Index = type[VectorIndex]
DIM = 32


def vectors(cls: Index, count: int, seed: int = 0, dim: int = DIM) -> NDArray[Any]:
    random = np.random.default_rng(seed)
    if cls.metric == "hamming":
        return random.integers(0, 256, (count, dim // 8)).astype(np.uint8)
    found = random.normal(size=(count, dim)).astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)


def ids_of(count: int) -> Ids:
    return np.arange(count, dtype=np.int64) * 3 + 2**40  # far apart, and beyond 32 bits


def exact(cls: Index, queries: NDArray[Any], stored: NDArray[Any]) -> NDArray[np.float64]:
    """Similarities (m, n) after the definition in `VectorIndex`."""
    if cls.metric == "cosine":
        return np.asarray(queries.astype(np.float64) @ stored.astype(np.float64).T)
    return np.asarray((np.unpackbits(queries, axis=1)[:, None] == np.unpackbits(stored, axis=1)).mean(axis=2))


def filled(cls: Index, count: int) -> tuple[VectorIndex, Ids, NDArray[Any]]:
    index, ids, stored = cls(DIM), ids_of(count), vectors(cls, count)
    index.add(ids, stored)
    return index, ids, stored


def through_a_file(index: VectorIndex, folder: Path) -> VectorIndex:
    index.save(folder / "saved.index")
    return type(index).load(folder / "saved.index", index.dim)


class SearcherContract:
    """Holds whatever keeps to `indexes.base.Searcher`, and can be filled, to what the seam promises.

    Inherit it in a test module, say by the parameter `cls` what makes an empty one of a dimension, and by
    `opened_again` how one that was filled is opened again. It must be exact in the sizes used here (300 vectors of 32
    dimensions).
    """

    def opened_again(self, index: Any, folder: Path) -> Any:
        """`index` as a later process opens it; nothing is added to it any more."""
        raise NotImplementedError

    def test_says_what_it_is(self, cls: Index, tmp_path: Path) -> None:
        index = cls(DIM)
        assert isinstance(index, Searcher)
        assert index.metric in ("cosine", "hamming")
        assert index.dim == DIM
        assert len(index) == 0

    def test_holds_what_was_added(self, cls: Index, tmp_path: Path) -> None:
        index = cls(DIM)
        ids, stored = ids_of(60), vectors(cls, 60)
        shuffled = np.random.default_rng(1).permutation(60)
        for part in np.array_split(shuffled, 3):
            index.add(ids[part], stored[part])
        index.add(ids[:0], stored[:0])
        assert len(index) == 60
        assert index.ids().dtype == np.int64
        assert np.array_equal(index.ids(), ids)

    def test_finds_the_most_similar(self, cls: Index, tmp_path: Path) -> None:
        index, ids, stored = filled(cls, 200)
        queries = np.concatenate([vectors(cls, 8, seed=9), stored[:4]])
        wanted = exact(cls, queries, stored)
        found, similarities = index.search(queries, 10)
        assert found.shape == similarities.shape == (12, 10)
        assert found.dtype == np.int64
        assert similarities.dtype == np.float32
        np.testing.assert_allclose(similarities, -np.sort(-wanted, axis=1)[:, :10], atol=1e-5)
        # The similarity beside an id is that of its vector: ties may come in any order.
        places = np.searchsorted(ids, found)
        np.testing.assert_allclose(similarities, np.take_along_axis(wanted, places, axis=1), atol=1e-5)
        assert all(len(set(row)) == 10 for row in found.tolist())
        assert found[8:, 0].tolist() == ids[:4].tolist()
        np.testing.assert_allclose(similarities[8:, 0], 1.0, atol=1e-6)

    def test_fills_up_where_there_are_fewer(self, cls: Index, tmp_path: Path) -> None:
        index, ids, stored = filled(cls, 3)
        found, similarities = index.search(stored[:2], 5)
        assert (np.sort(found[:, :3], axis=1) == ids).all()
        assert np.isfinite(similarities[:, :3]).all()
        assert (found[:, 3:] == -1).all()
        assert (similarities[:, 3:] == -np.inf).all()

    def test_is_empty_at_first(self, cls: Index, tmp_path: Path) -> None:
        for index in (cls(DIM), self.opened_again(cls(DIM), tmp_path)):
            found, similarities = index.search(vectors(cls, 2), 4)
            assert (found == -1).all()
            assert (similarities == -np.inf).all()
            assert index.ids().shape == (0,)
            assert len(index) == 0

    def test_answers_no_questions_with_no_answers(self, cls: Index, tmp_path: Path) -> None:
        found, similarities = filled(cls, 5)[0].search(vectors(cls, 0), 3)
        assert found.shape == similarities.shape == (0, 3)

    def test_keeps_equal_vectors_apart(self, cls: Index, tmp_path: Path) -> None:
        index, ids = cls(DIM), ids_of(7)
        same = np.repeat(vectors(cls, 1), 7, axis=0)
        index.add(ids, same)
        found, similarities = index.search(same[:1], 7)
        assert sorted(found[0].tolist()) == ids.tolist()
        np.testing.assert_allclose(similarities, 1.0, atol=1e-6)

    def test_knows_the_ends_of_its_range(self, cls: Index, tmp_path: Path) -> None:
        index = cls(DIM)
        one = vectors(cls, 1)
        opposite = ~one if cls.metric == "hamming" else -one
        index.add(np.array([5, 6]), np.concatenate([one, opposite]))
        found, similarities = index.search(one, 2)
        assert found.tolist() == [[5, 6]]
        np.testing.assert_allclose(similarities, [[1.0, 0.0 if cls.metric == "hamming" else -1.0]], atol=1e-6)

    def test_takes_views_and_leaves_them_alone(self, cls: Index, tmp_path: Path) -> None:
        index, stored = cls(DIM), vectors(cls, 40)
        before = stored.copy()
        index.add(ids_of(40)[::2], stored[::2])
        found, _ = index.search(np.asfortranarray(stored[::2]), 1)
        assert found[:, 0].tolist() == ids_of(40)[::2].tolist()
        frozen = np.frombuffer(stored.tobytes(), stored.dtype).reshape(stored.shape)  # as it comes from the catalog
        index.add(ids_of(40)[1::2], frozen[1::2])
        assert np.array_equal(stored, before)
        assert len(index) == 40

    def test_is_searched_by_many_threads_at_once(self, cls: Index, tmp_path: Path) -> None:
        index, _, stored = filled(cls, 300)
        index = self.opened_again(index, tmp_path)
        wanted = [index.search(stored[i : i + 3], 5)[0].tolist() for i in range(60)]
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda i: index.search(stored[i : i + 3], 5)[0].tolist(), range(60)))
        assert found == wanted

    def test_gives_what_it_returns_away(self, cls: Index, tmp_path: Path) -> None:
        index, ids, stored = filled(cls, 20)
        wanted = [part.copy() for part in index.search(stored[:2], 3)]
        stored[:] = 0  # `add` has copied it
        for part in (*index.search(vectors(cls, 2), 3), index.ids()):
            part[:] = 0
        again = index.search(vectors(cls, 20)[:2], 3)
        assert all(np.array_equal(a, b) for a, b in zip(wanted, again, strict=True))
        assert index.ids().tolist() == ids.tolist()

    def test_answers_as_before_when_it_is_opened_again(self, cls: Index, tmp_path: Path) -> None:
        index, ids, _ = filled(cls, 50)
        queries = vectors(cls, 5, seed=3)
        before = index.search(queries, 60)
        again = self.opened_again(index, tmp_path)
        for a, b in zip(before, again.search(queries, 60), strict=True):
            assert np.array_equal(a, b)
        assert np.array_equal(again.ids(), ids)
        assert len(again) == 50


class IndexContract(SearcherContract):
    """Holds a class that keeps to `indexes.base.VectorIndex` to what the seam promises.

    Inherit it in a test module, and say by the parameter `cls` which classes to test::

        @pytest.mark.parametrize("cls", [Mine])
        class TestMine(IndexContract):
            pass

    The index must be exact, as the four of simsearch are in the sizes used here (300 vectors of 32 dimensions).
    """

    def opened_again(self, index: Any, folder: Path) -> Any:
        """Through a file."""
        return through_a_file(index, folder)

    def test_is_an_index(self, cls: Index, tmp_path: Path) -> None:
        assert isinstance(cls(DIM), VectorIndex)

    def test_answers_from_a_file_as_before(self, cls: Index, tmp_path: Path) -> None:
        index, ids, _ = filled(cls, 50)
        again = through_a_file(index, tmp_path)
        queries = vectors(cls, 5, seed=3)
        for a, b in zip(index.search(queries, 60), again.search(queries, 60), strict=True):
            assert np.array_equal(a, b)
        assert np.array_equal(again.ids(), ids)
        again.add(np.array([1]), queries[:1])
        assert again.search(queries[:1], 1)[0].tolist() == [[1]]
        index.save(tmp_path / "again.index")
        assert (tmp_path / "again.index").read_bytes() == (tmp_path / "saved.index").read_bytes()

    def test_refuses_what_is_no_index(self, cls: Index, tmp_path: Path) -> None:
        path = tmp_path / "x.index"
        filled(cls, 20)[0].save(path)
        whole = path.read_bytes()
        cut = [whole[:n] for n in (0, 1, 3, 4, 10, 30, len(whole) // 2, len(whole) - 1)]
        for content in [*cut, b"\0" * 500, b"\xff" * 500, b"not an index\n" * 50, bytes(reversed(whole))]:
            path.write_bytes(content)
            with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
                cls.load(path, DIM)
        for missing in (tmp_path / "nothing.index", tmp_path):
            with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
                cls.load(missing, DIM)

    def test_refuses_indexes_of_another_kind_or_dim(self, cls: Index, tmp_path: Path) -> None:
        path = tmp_path / "x.index"
        filled(cls, 20)[0].save(path)
        for dim in (DIM // 2, DIM * 2):
            with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
                cls.load(path, dim)
        for kind, other in indexes.INDEXES.items():
            if other.metric != cls.metric:
                with pytest.raises(GenerationError, match=r"run `simsearch rebuild`"):
                    indexes.load(kind, path, DIM)

    def test_says_when_it_cannot_be_written(self, cls: Index, tmp_path: Path) -> None:
        with pytest.raises(GenerationError, match="cannot write"):
            filled(cls, 3)[0].save(tmp_path / "no" / "such" / "tmp_path.index")
