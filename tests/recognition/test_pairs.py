"""Pair verification, and lists of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simsearch import open_app
from simsearch.core.config import NEEDED, ImageSettings
from simsearch.core.errors import ImageError, SourceError
from simsearch.core.types import Description, Image, PairVerdict, PrintComparison, PrintedFact, Verification
from simsearch.features import create
from simsearch.features.hashes import PHash
from simsearch.features.orb import Geometry
from simsearch.recognition.pairs import PairVerifier, compare_pairs, read_pairs
from simsearch.recognition.print_pairs import PrintSide

if TYPE_CHECKING:
    from tests.conftest import Kit, Shop


def test_verdicts_in_order_and_an_error_for_each_pair_of_an_unreadable_photo(
    shop: Shop, kit: Kit, tmp_path: Path
) -> None:
    a, b = (str(shop.photo(p.sku)) for p in shop.single[:2])
    missing = str(tmp_path / "gone.jpg")
    with open_app(tmp_path / "home", kit.config) as app:
        needed = {name: app.methods[name] for name in NEEDED}
        verifier = PairVerifier(needed, app.verifier, 0.5, app.config.images)
        found = verifier.verify([(a, a), (missing, b), (a, b), (a, missing)])
        assert verifier.verify([]) == []
    assert [(v.a, v.b, v.same) for v in found] == [
        (a, a, True), (missing, b, None), (a, b, False), (a, missing, None),
    ]  # fmt: skip
    assert [v.error.code if v.error else "" for v in found] == ["", "missing", "", "missing"]
    assert [v.verification is not None for v in found] == [True, False, True, False]
    assert all(v.similarity is None for v in found)


def test_a_bare_similarity_comes_only_where_a_method_is_named(shop: Shop, kit: Kit, tmp_path: Path) -> None:
    a = str(shop.photo(shop.single[0].sku))
    with open_app(tmp_path / "home", kit.config) as app:
        [plain] = app.verify([(a, a)], method="phash")
        [bare] = compare_pairs([(a, a)], app.method("phash"), app.config.images)
        [same] = app.verify([(a, a)])
    assert plain == bare
    assert (plain.similarity, plain.same, plain.verification) == (1.0, None, None)
    assert (same.similarity, same.same) == (None, True)


class Sure:
    """Takes any two photos for one product."""

    def verify(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[object] | None = None,
        votes: Sequence[float] | None = None,
    ) -> list[Verification]:
        return [Verification(0.9, 0.8, 0.9, 7, 1.0, support=7) for _ in others]


def test_a_verdict_does_not_depend_on_the_number_of_methods(shop: Shop) -> None:
    a, b = (str(shop.photo(p.sku)) for p in shop.single[:2])
    verifier = PairVerifier({"phash": create("phash")}, Sure(), 0.9, ImageSettings())
    [verdict] = verifier.verify([(a, b)])
    assert (verdict.same, verdict.similarity) == (True, None)
    assert verdict.reason == "7 matching points, similarity 0.80"


def test_similarities_of_one_method(shop: Shop, kit: Kit, tmp_path: Path) -> None:
    a, b = (str(shop.photo(p.sku)) for p in shop.single[:2])
    with open_app(tmp_path / "home", kit.config) as app:
        method = app.method("phash")
        assert isinstance(method, PHash)
        found = compare_pairs([(a, a), (a, b), (str(tmp_path), a)], method, app.config.images)
    assert found[0].similarity == 1.0
    assert found[1].similarity is not None
    assert found[1].similarity < 1.0
    assert isinstance(found[2].error, ImageError)


def test_pairs_from_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("B;a;note\nx.jpg;/y.jpg;1\n;z.jpg;\n\nv.jpg;w.jpg\n", encoding="utf-8")
    pairs, bad = read_pairs(path)
    assert pairs == [
        (f"{path} line 2", "/y.jpg", str(tmp_path / "x.jpg")),
        (f"{path} line 5", str(tmp_path / "w.jpg"), str(tmp_path / "v.jpg")),
    ]
    assert [r.message for r in bad] == [f"{path} line 3: needs a photo in each of the columns a and b"]
    with pytest.raises(SourceError, match=r"cannot be read \(No such file or directory\)"):
        read_pairs(tmp_path / "nothing.csv")
    path.write_text("sku,image\n1,2\n", encoding="utf-8")
    with pytest.raises(SourceError, match="has no column 'a'"):
        read_pairs(path)
    path.write_text("a,b\n", encoding="utf-8")
    with pytest.raises(SourceError, match="holds no pairs"):
        read_pairs(path)


# -- print -----------------------------------------------------------------------------------------------------------


class Prints:
    """Reads nothing, and says of every pair what the test says."""

    def __init__(self, says: PrintComparison) -> None:
        self.says = says
        self.looked = 0
        self.with_pixels: list[bool] = []

    def look(self, photo: Image) -> PrintSide:
        self.looked += 1
        return PrintSide(pixels=photo.sharp)

    def compare(self, a: PrintSide, b: PrintSide, geometry: Geometry | None) -> PrintComparison:
        self.with_pixels += [a.pixels is not None, b.pixels is not None]
        return self.says


AGREES = PrintComparison((PrintedFact("strength", "500 mg", "500 mg"), PrintedFact("name", "HEMIPAN", "Hemipan")))
DIFFERS = PrintComparison(AGREES.agreements, (PrintedFact("pack", "24 tablets", "48 tablets"),))


def verified(shop: Shop, says: PrintComparison, threshold: float = 0.9) -> tuple[PairVerdict, Prints]:
    a, b = (str(shop.photo(p.sku)) for p in shop.single[:2])
    prints = Prints(says)
    verifier = PairVerifier({"phash": create("phash")}, Sure(), threshold, ImageSettings(), prints)
    return verifier.verify([(a, b)])[0], prints


def test_a_contradiction_in_print_beats_any_likeness(shop: Shop) -> None:
    verdict, prints = verified(shop, DIFFERS)
    assert verdict.same is False
    assert verdict.verification is not None
    assert verdict.verification.printed is DIFFERS
    assert verdict.reason == (
        "the first photo reads HEMIPAN 500 mg, 24 tablets; the second photo reads 48 tablets: not the same pack; "
        "7 matching points, similarity 0.80"
    )
    assert (prints.looked, prints.with_pixels) == (2, [False, False])


def test_print_that_agrees_is_a_reason(shop: Shop) -> None:
    same, _ = verified(shop, AGREES)
    assert (same.same, same.reason) == (True, "7 matching points, similarity 0.80; print agrees in name and strength")
    below, _ = verified(shop, AGREES, threshold=0.95)
    assert below.same is False
    assert below.reason.endswith("print agrees in name and strength: 90.0% is less than the 95.0% that a pair needs")


def test_one_file_twice_is_not_read(shop: Shop) -> None:
    a = str(shop.photo(shop.single[0].sku))
    prints = Prints(DIFFERS)
    verifier = PairVerifier({"phash": create("phash")}, Sure(), 0.9, ImageSettings(), prints, always=True)
    assert verifier.verify([(a, a)])[0].same is True
    assert prints.looked == 0


def test_a_pair_is_read_along_the_points_that_agree(shop: Shop) -> None:
    resized = next(planted for planted in shop.planted if planted.kind == "resized")
    a, copy = str(shop.photo(resized.sku_a)), str(shop.table.parent / f"images/{resized.sku_b}.jpg")
    prints = Prints(AGREES)
    methods = {name: create(name) for name in ("phash", "orb")}
    PairVerifier(methods, Sure(), 0.9, ImageSettings(), prints).verify([(a, copy)])
    assert prints.with_pixels == [True, False], "where there is a homography, the first photo is cut anew"
