"""The index of text: rare words and misread ones find their document, and files give the same answers or none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsearch.core.errors import GenerationError
from simsearch.indexes import text_file
from simsearch.indexes.text import CANDIDATES, Document, TextIndex
from simsearch.indexes.text_asked import Asked, heaviest
from simsearch.indexes.text_audit import audit_text, exact
from simsearch.indexes.text_sketch import BITS, knows, sketch, sketches, table
from simsearch.indexes.text_terms import Text, places, text_of
from simsearch.indexes.text_weights import TextWeights
from simsearch.synthetic.words import brand

COMMON = ["Film-coated tablets", "Store below 30 C", "Keep out of the reach of children", "For oral use"]


def names(count: int) -> list[str]:
    random = np.random.default_rng(3)
    found: dict[str, None] = {}
    while len(found) < count:
        found[brand(random)] = None
    return list(found)


def boxes(count: int = 300) -> list[Text]:
    """The print of as many boxes: all in the same words but for the name."""
    return [text_of([name, f"{100 + 5 * (i % 9)} mg", *COMMON[: 1 + i % 4]]) for i, name in enumerate(names(count))]


def filled(texts: Sequence[Text]) -> tuple[TextIndex, TextWeights]:
    """Document i is of product i + 1, whose image is 10 i + 7."""
    weights = TextWeights.of((t.terms for t in texts if t), len(texts))
    documents = (Document(i + 1, np.array([10 * i + 7], np.int64), text) for i, text in enumerate(texts))
    return TextIndex.of(documents, weights), weights


@pytest.fixture(scope="module")
def shelf() -> tuple[TextIndex, TextWeights]:
    return filled(boxes())


def products(shelf: tuple[TextIndex, TextWeights], *lines: str) -> list[int]:
    """The products that some print finds, the most alike first."""
    index, weights = shelf
    rows, _ = index.nearest(Asked.of(text_of(lines), weights), CANDIDATES)
    return [int(product) for product in index.arrays.products[rows]]


def first(shelf: tuple[TextIndex, TextWeights], *lines: str) -> int:
    """The first of them."""
    return products(shelf, *lines)[0]


def test_a_text_finds_itself_first_and_nothing_is_more_alike(shelf: tuple[TextIndex, TextWeights]) -> None:
    index, weights = shelf
    for i, text in list(enumerate(boxes()))[::17]:
        rows, similarities = index.nearest(Asked.of(text, weights), CANDIDATES)
        assert (rows[0], similarities[0]) == (i, 1.0)
        assert (np.diff(similarities) <= 0).all()
        assert similarities.min() > 0


def test_similarities_are_the_cosines_of_weighted_terms(shelf: tuple[TextIndex, TextWeights]) -> None:
    index, weights = shelf
    texts = boxes()
    asked = Asked.of(texts[5], weights)
    rows, similarities = index.nearest(asked, len(index))
    assert len(rows) == len(index)  # all have a word in common

    def square(terms: np.ndarray) -> float:
        return float((weights.units(terms).astype(float) ** 2).sum())

    for row, similarity in zip(rows[::31].tolist(), similarities[::31].tolist(), strict=True):
        shared = np.intersect1d(texts[5].terms, texts[row].terms)
        right = square(shared) / np.sqrt(square(texts[5].terms) * square(texts[row].terms))
        assert similarity == pytest.approx(right)
    assert np.array_equal(exact(index, [asked])[0][rows], similarities)


def test_misread_names_are_found(shelf: tuple[TextIndex, TextWeights]) -> None:
    for i, name in list(enumerate(names(300)))[::7]:
        misread = name.replace("m", "rn", 1) if "m" in name else name.replace("o", "0", 1)
        assert i + 1 in products(shelf, misread, *COMMON[: 1 + i % 4], "Batch 12345", "www.example.org")[:5]


def test_a_single_word_on_a_bottle_finds_its_product(shelf: tuple[TextIndex, TextWeights]) -> None:
    for i, name in list(enumerate(names(300)))[::7]:
        assert first(shelf, name) == i + 1


def test_a_long_text_is_found_by_one_rare_word() -> None:
    """Half of the leaflet is on every box: of two hundred n-grams those of the name are a few."""
    random = np.random.default_rng(1)
    leaflet = [f"{random.integers(10**6):06d} {random.integers(10**6):06d}" for _ in range(60)]
    shelf = filled([text_of([*random.permutation(leaflet)[:30], name]) for name in names(200)])
    assert [first(shelf, name) for name in names(200)] == list(range(1, 201))


def test_nothing_in_common_finds_nothing(shelf: tuple[TextIndex, TextWeights]) -> None:
    index, weights = shelf
    for lines in ([], [""], ["中文"], ["9q9q9q"]):
        rows, similarities = index.nearest(Asked.of(text_of(lines), weights), CANDIDATES)
        assert len(rows) == len(similarities) == 0


def test_an_empty_index_finds_nothing_and_survives_a_file(tmp_path: Path) -> None:
    index, weights = filled([text_of([])])
    assert len(index) == 0
    index.save(tmp_path / "text.index")
    for one in (index, TextIndex.load(tmp_path / "text.index")):
        assert len(one.nearest(Asked.of(text_of(["abc"]), weights), 5)[0]) == 0
        assert one.ids().tolist() == []
        assert one.part(np.array([1])).ids().tolist() == []
        assert audit_text(one, np.zeros(0, np.int64), weights).passed


def test_a_part_finds_its_own_images_alone() -> None:
    texts = boxes(40)
    weights = TextWeights.of((t.terms for t in texts), 40)
    index = TextIndex.of(
        (Document(i, np.array([i, 100 + i, 200 + i], np.int64), text) for i, text in enumerate(texts)), weights
    )
    part = index.part(np.array([3, 104, 204, 205, 999]))
    assert (len(part), part.ids().tolist()) == (3, [3, 104, 204, 205])
    rows, _ = part.nearest(Asked.of(texts[4], weights), CANDIDATES)
    assert sorted(rows.tolist()) == [3, 4, 5]
    assert [part.images_of(row).tolist() for row in (3, 4, 5)] == [[3], [104, 204], [205]]
    assert part.part(np.array([204, 205])).ids().tolist() == [204, 205]
    assert first((index.part(np.array([7])), weights), names(40)[4], *COMMON) == 7  # by common print alone
    assert index.ids().tolist() == sorted(i + n for i in range(40) for n in (0, 100, 200))


# -- sketches ----------------------------------------------------------------------------------------------------------


def test_sketches_of_like_texts_are_alike() -> None:
    texts = boxes(20)
    units = [np.full(len(t.terms), 64) for t in texts]
    bits = [sketch(t.terms, u) for t, u in zip(texts, units, strict=True)]
    assert bits[0].shape == (BITS // 8,)
    half = texts[0].terms[::2]
    apart = [int(np.bitwise_count(sketch(half, np.full(len(half), 64)) ^ other).sum()) for other in bits]
    assert apart[0] == min(apart) < BITS / 3


def test_what_is_made_of_many_documents_is_what_is_made_of_each() -> None:
    texts = [*boxes(20), text_of([]), text_of(names(300))]
    index, weights = filled(texts)
    terms, units, owners = heaviest([t.terms for t in texts], weights, 60)
    together = sketches(terms, units, owners, len(texts))
    for number, text in enumerate(texts):
        own = owners == number
        rarest = sorted(
            zip(weights.units(text.terms).tolist(), text.terms.tolist(), strict=True), key=lambda t: (-t[0], t[1])
        )
        assert terms[own].tolist() == [term for _, term in rarest[:60]]
        assert units[own].tolist() == weights.units(terms[own]).tolist()
        assert np.array_equal(together[number], sketch(terms[own], units[own]))
    assert heaviest([], weights, 60)[0].tolist() == []
    assert len(index) == len(texts) - 1


def test_a_table_knows_every_term_that_is_in_it() -> None:
    terms = text_of(names(50)).terms
    other = text_of(COMMON).terms
    other = other[~np.isin(other, terms)]
    known = table(terms)
    assert knows(known, terms).all()
    assert knows(known, other).mean() < 0.6
    assert not knows(table(terms[:0]), terms).any()
    assert len(np.unique(places(terms))) == len(terms)


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_gives_the_same_answers(shelf: tuple[TextIndex, TextWeights], tmp_path: Path) -> None:
    index, weights = shelf
    index.save(tmp_path / "a.index")
    again = TextIndex.load(tmp_path / "a.index")
    again.save(tmp_path / "b.index")
    assert (tmp_path / "a.index").read_bytes() == (tmp_path / "b.index").read_bytes()
    assert again.ids().tolist() == index.ids().tolist()
    for text in boxes()[::29]:
        asked = Asked.of(text, weights)
        for one, other in zip(index.nearest(asked, CANDIDATES), again.nearest(asked, CANDIDATES), strict=True):
            assert np.array_equal(one, other)


def test_a_document_is_bounded(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    texts = [text_of([f"{random.integers(10**9)}" for _ in range(2000)]) for _ in range(3)]
    assert min(len(t.terms) for t in texts) > 5000
    index, _ = filled(texts)
    index.save(tmp_path / "text.index")
    assert (tmp_path / "text.index").stat().st_size < 3 * 4000


def damaged(path: Path) -> str:
    with pytest.raises(GenerationError) as caught:
        TextIndex.load(path)
    assert "run `simsearch rebuild`" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", ["image_starts", "term_starts", "rare_rows", "bits", "known", "squares"])
def test_arrays_that_do_not_fit_are_refused(shelf: tuple[TextIndex, TextWeights], tmp_path: Path, name: str) -> None:
    """Nothing outside of the arrays is ever looked at, whatever a file says."""
    path = tmp_path / "text.index"
    arrays = {n: getattr(shelf[0].arrays, n) for n in shelf[0].arrays.__dataclass_fields__}
    wrong = arrays[name].copy()
    if name in ("bits", "squares", "known"):
        wrong = wrong[:-1]
    else:
        wrong[len(wrong) // 2] = 10**6
    text_file.write(path, arrays | {name: wrong})
    assert "is not an index of text" in damaged(path)


def test_other_files_are_refused(shelf: tuple[TextIndex, TextWeights], tmp_path: Path) -> None:
    path = tmp_path / "text.index"
    damaged(path)  # there is none
    shelf[0].save(path)
    whole = path.read_bytes()
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    reached = {**header, "terms": {**header["terms"], "data_offsets": [0, 10**12]}}
    said = json.dumps(reached).encode()
    for content in (
        b"", b"x" * 7, b"x" * 100, whole[: len(whole) // 2], b"\xff" * 8 + whole[8:], whole[:8] + b"[" + whole[9:],
        len(said).to_bytes(8, "little") + said + whole[8 + int.from_bytes(whole[:8], "little") :],
        (2).to_bytes(8, "little") + b"[]", (2).to_bytes(8, "little") + b"{}",
    ):  # fmt: skip
        path.write_bytes(content)
        damaged(path)


# -- audit -------------------------------------------------------------------------------------------------------------


def test_a_sound_index_passes_its_audit(shelf: tuple[TextIndex, TextWeights]) -> None:
    found = audit_text(shelf[0], shelf[0].ids(), shelf[1])
    assert (found.passed, found.sampled, found.k) == (True, 50, 10)
    assert found.recall is not None
    assert found.recall >= 0.98


def test_images_that_lack_or_do_not_belong_fail_it(shelf: tuple[TextIndex, TextWeights]) -> None:
    found = audit_text(shelf[0], np.append(shelf[0].ids()[1:], 10**6), shelf[1])
    assert (found.passed, found.reason) == (False, "1 images are missing, 1 do not belong to it")


def test_sketches_of_other_documents_fail_it(shelf: tuple[TextIndex, TextWeights]) -> None:
    index, weights = shelf
    mixed = TextIndex(replace(index.arrays, bits=index.arrays.bits[::-1].copy(), rare=np.zeros_like(index.arrays.rare)))
    found = audit_text(mixed, index.ids(), weights)
    assert not found.passed
    assert "recall is" in found.reason
