"""Cases and which of them are listed, on photos whose likeness the test writes down."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtKind, DoubtVerdict, FilingAction
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.selection import Filed, ProductFacts
from simsearch.filing.arbiter import judged, settled
from simsearch.filing.cases import PhotoCase, TwiceCase, WordsCase
from simsearch.filing.evidence import ImageSeen, PairSeen, RowSeen
from simsearch.filing.filed import Filing
from simsearch.filing.judging import LOOKS, NAMES, Judge, shipped
from simsearch.filing.keeping import judged_of, kept
from simsearch.filing.telling import Teller
from simsearch.filing.word_cases import looks_cases, words_cases
from simsearch.recognition.score_fusion import Fusion

ALIKE = (6.0, 9.0, 0.7, 1.6, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Two photos of one product: keypoints, text, lines, name and amounts agree."""
APART = (-3.0, 0.0, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
CLASH = (-2.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.7, 0.0, 0.7, 1.0, 0.5, 0.0, 0.69)
"""Two photos whose print contradicts."""


def fusion(kind: str, bias: float, **weights: float) -> Fusion:
    names = NAMES[kind]
    n = len(names)
    return Fusion(names, (0.0,) * n, (1.0,) * n, tuple(weights.get(name, 0.0) for name in names), bias)


JUDGE = Judge(
    {
        "pair": fusion(
            "pair", 0.0, look=0.5, support=0.2, likeness=4.0, lines=0.5, name=1.0, amounts=0.5, against=-3.0
        ),
        "other-product": fusion("other-product", -2.0, own=-0.5, best=0.5, name=-2.0, other_name=2.0, row_lead=1.0),
        "odd-photo": fusion("odd-photo", -1.0, own=-0.6, alone=-1.0, against=2.0, name=-3.0, two=2.0),
        "one-product-twice": fusion("one-product-twice", -4.0, least=0.8),
        "words-differ": fusion("words-differ", -1.0, against=3.0),
        LOOKS: fusion(LOOKS, -4.0, apart=1.0),
        "pair by looks": fusion("pair by looks", 0.0, look=0.5, support=0.2),
        "other-product by looks": fusion("other-product by looks", 2.0, own=-0.5, best=0.5),
        "odd-photo by looks": fusion("odd-photo by looks", 0.0, own=-0.5, alone=-9.0),
        "one-product-twice by looks": fusion("one-product-twice by looks", -2.0, least=1.5),
    },
    {},
)
"""By hand, so that a new fit changes no rule of what is listed."""
OWN_ROW = RowSeen(1.0, ("strength",))
OTHER_ROW = RowSeen(0.0)


def product(sku: str, **facts: str) -> ProductFacts:
    return ProductFacts(hash(sku), sku, facts.get("name", f"Drug {sku}"), facts.get("strength", "5 mg"), "", "", {})


def wordless(seen: Mapping[int, ImageSeen]) -> dict[int, ImageSeen]:
    """The same photos, had nothing been read on any."""

    def bare(pairs: Sequence[PairSeen]) -> tuple[PairSeen, ...]:
        return tuple(replace(pair, features=(*pair.features[:2], *(0.0,) * 11)) for pair in pairs)

    nothing = RowSeen(0.0)
    return {
        i: ImageSeen(False, bare(one.own), bare(one.others), nothing, dict.fromkeys(one.rows, nothing))
        for i, one in seen.items()
    }


class Table:
    """A catalog by its photos: name -> SKU that it is filed under, and the product that it shows in truth."""

    def __init__(self, photos: Mapping[str, tuple[str, str]], order: Sequence[str] = ()) -> None:
        self.photos = photos
        self.ids = {name: number for number, name in enumerate(order or sorted(photos), 1)}
        images = {
            self.ids[name]: Filed(self.ids[name], sku, name * 8, "front", 1, 1) for name, (sku, _) in photos.items()
        }
        skus = sorted({sku for sku, _ in photos.values()})
        groups = {
            sku: tuple(self.ids[n] for n in sorted(photos, key=lambda n: n * 8) if photos[n][0] == sku) for sku in skus
        }
        self.filing = Filing(images, {s: product(s) for s in skus}, groups, frozenset(images))

    def seen(self, **rows: RowSeen) -> dict[int, ImageSeen]:
        """Photos of one product are alike and fit the row of that product; others contradict each other."""
        found = {}
        for name, (sku, shows) in self.photos.items():
            own = [n for n in self.photos if n != name and self.photos[n][0] == sku]
            others = [n for n in self.photos if self.photos[n][0] != sku]
            alike = sorted(others, key=lambda n: (self.photos[n][1] != shows, n))[:2]
            found[self.ids[name]] = ImageSeen(
                True, tuple(self._pair(name, n) for n in own), tuple(self._pair(name, n) for n in alike),
                rows.get(name, OWN_ROW if sku == shows else OTHER_ROW),
                {self.photos[n][0]: OWN_ROW if self.photos[n][0] == shows else OTHER_ROW for n in alike},
            )  # fmt: skip
        return found

    def _pair(self, a: str, b: str) -> PairSeen:
        one = self.photos[a][1] == self.photos[b][1]
        together = self.photos[a][0] == self.photos[b][0]
        return PairSeen(self.ids[b], ALIKE if one else CLASH if together else APART)

    def name(self, image_id: int) -> str:
        return next(name for name, i in self.ids.items() if i == image_id)

    def doubts(self, said: Sequence[Doubt] = (), **rows: RowSeen) -> list[Doubt]:
        """The doubts that are listed, by key."""
        seen = self.seen(**rows)
        listed = settled(judged(seen, self.filing, JUDGE), self.filing, 0.5, said)
        facts = {
            i: ImageFacts(i, f"{n}.jpg", f"/p/{n}.jpg", "front", n * 8, sku, f"Drug {sku}", "5 mg", "", "", {})
            for n, (sku, _) in self.photos.items() for i in [self.ids[n]]
        }  # fmt: skip
        teller = Teller(self.filing, facts, seen, lambda _a, _b: None, lambda _i, _k: None)
        return sorted((teller.doubt(one) for one in listed), key=lambda d: d.key)


SOUND = {"a": ("A", "A"), "b": ("A", "A"), "c": ("B", "B"), "d": ("B", "B"), "e": ("C", "C"), "f": ("C", "C")}


def test_a_catalog_that_is_filed_right_has_no_doubts() -> None:
    assert Table(SOUND).doubts() == []


def test_a_photo_under_another_sku_is_doubted_alone_and_leads_home() -> None:
    [one] = Table(SOUND | {"b": ("B", "A")}).doubts()
    assert (one.kind, one.sku, one.against_sku, one.to_sku) == (DoubtKind.OTHER_PRODUCT, "B", "A", "A")
    assert one.photo is not None
    assert (one.photo.image, one.action) == ("b.jpg", FilingAction.MOVE)
    assert "fits A (Drug A 5 mg) better than B" in one.reason


def test_a_photo_of_a_product_that_is_nowhere_is_odd_and_can_be_left_out() -> None:
    found = Table({**SOUND, "g": ("A", "Z")}).doubts()
    assert [(d.kind, d.photo.image if d.photo else "", d.action) for d in found] == [
        (DoubtKind.ODD_PHOTO, "g.jpg", FilingAction.LEAVE_OUT)
    ]


@pytest.mark.parametrize(("lacks", "twice"), [(0.5, False), (1.0, True)])
def test_siblings_that_print_a_name_more_are_two_products(lacks: float, twice: bool) -> None:
    """Each prints the whole name of its row; where one lacks a word of the other's, they are two."""
    table = Table({"a": ("A", "A"), "b": ("A", "A"), "c": ("A2", "A"), "d": ("A2", "A")})
    table.filing = replace(table.filing, products={**table.filing.products, "A2": product("A2", name="Drug A Junior")})
    beside = {"a": "A2", "b": "A2", "c": "A", "d": "A"}
    seen = {
        i: replace(one, row=OWN_ROW, rows={beside[table.name(i)]: RowSeen(lacks if table.name(i) in "ab" else 1.0)})
        for i, one in table.seen().items()
    }
    found = [one for one in judged(seen, table.filing, JUDGE) if isinstance(one.case, TwiceCase)]
    assert bool(found) is twice


@pytest.mark.parametrize("silent", ["g", "ab"])
def test_where_one_side_says_nothing_a_photo_is_hardly_odd(silent: str) -> None:
    """The back of a strip shares nothing with its front."""
    table = Table({**SOUND, "g": ("A", "Z")})
    seen = {i: replace(one, read=table.name(i) not in silent) for i, one in table.seen().items()}
    found = {table.name(one.case.image_id): one.probability for one in judged(seen, table.filing, JUDGE)
             if isinstance(one.case, PhotoCase) and not one.case.fits}  # fmt: skip
    assert found["g"] == 0.6


def test_what_no_photo_says_surely_is_less_sure() -> None:
    table = Table(SOUND)
    for row, most in ((RowSeen(1.0, against=(("strength", "50 mg", "5 mg"),)), 1.0), (
        RowSeen(1.0, unsure=(("strength", "50 mg", "5 mg"),)), 0.8)):  # fmt: skip
        sure = Judge({**JUDGE.fusions, "words-differ": fusion("words-differ", 9.0)}, {})
        [one] = [x for x in judged(table.seen(a=row), table.filing, sure) if isinstance(x.case, WordsCase)]
        assert one.probability == pytest.approx(most, abs=0.01)


def test_two_skus_for_one_product_are_one_doubt() -> None:
    photos = {"a": ("A", "A"), "b": ("A", "A"), "c": ("A2", "A"), "e": ("C", "C"), "f": ("C", "C")}
    found = Table(photos).doubts(c=OWN_ROW)
    assert [(d.kind, d.sku, d.to_sku, d.action) for d in found] == [
        (DoubtKind.ONE_PRODUCT_TWICE, "A2", "A", FilingAction.MERGE)
    ]


def test_two_skus_whose_photos_print_the_strengths_of_their_own_rows_are_two_products() -> None:
    table = Table({"a": ("A", "A"), "b": ("A", "A"), "c": ("A2", "A"), "e": ("C", "C"), "f": ("C", "C")})
    seen = table.seen(c=OWN_ROW)
    photo = seen[table.ids["c"]]
    other = RowSeen(1.0, (), (("strength", "10 mg", "5 mg"),))
    apart = seen | {table.ids["c"]: replace(photo, rows={**photo.rows, "A": other})}
    pairs = [
        {one.case.pair for one in judged(each, table.filing, JUDGE) if isinstance(one.case, TwiceCase)}
        for each in (seen, apart)
    ]
    assert pairs[0] - pairs[1] == {("A", "A2")}


def test_a_row_that_its_photos_contradict_is_doubted_once() -> None:
    wrong = RowSeen(1.0, (), (("strength", "5 mg", "50 mg"),))
    [one] = Table(SOUND).doubts(a=wrong, b=wrong)
    assert (one.kind, one.sku, one.field, one.action) == (DoubtKind.WORDS_DIFFER, "A", "strength", FilingAction.TABLE)
    assert one.reason == "the row says strength '50 mg', 2 of 2 photos say '5 mg'"


def test_a_row_that_only_a_wrong_photo_contradicts_is_right() -> None:
    found = Table(SOUND | {"b": ("B", "A")}).doubts(b=RowSeen(0.0, (), (("strength", "10 mg", "5 mg"),)))
    assert [d.kind for d in found] == [DoubtKind.OTHER_PRODUCT]


def test_photos_that_were_said_to_belong_together_are_not_doubted_the_other_way_round() -> None:
    table = Table({"a": ("A", "A"), "b": ("A", "Z"), "c": ("B", "B"), "d": ("B", "B")})
    [one] = table.doubts()
    assert one.photo is not None
    assert one.against is not None
    swapped = Doubt(
        f"photo|A|{one.against.sha256}", one.kind, "A", 0.9, "", FilingAction.LEAVE_OUT, one.against, one.photo,
        verdict=DoubtVerdict.DISMISSED,
    )  # fmt: skip
    assert table.doubts([swapped]) == []
    other = replace(swapped, against=DoubtedPhoto(0, "A", "", "", "another"))
    assert table.doubts([other]) == [one]


LETTERS = "abcdefgh"


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("ABCZ")), min_size=2, max_size=len(LETTERS)),
    st.randoms(use_true_random=False),
)
def test_the_order_of_photos_changes_nothing(photos: list[tuple[str, str]], shuffled: random.Random) -> None:
    named = dict(zip(LETTERS, photos, strict=False))
    order = list(named)
    shuffled.shuffle(order)

    def known(table: Table) -> list[tuple[object, ...]]:
        return [
            (
                d.key,
                round(d.probability, 9),
                d.reason,
                d.to_sku,
                d.photo and d.photo.image,
                d.against and d.against.image,
            )
            for d in table.doubts()
        ]

    assert known(Table(named)) == known(Table(named, order))


def test_the_shipped_fit_tells_a_photo_that_fits_another_product_from_one_that_fits_its_own() -> None:
    moved = Table(SOUND | {"b": ("B", "A")})
    for one in judged(moved.seen(), moved.filing, shipped()):
        if one.kind is DoubtKind.OTHER_PRODUCT and one.case.image_id == moved.ids["b"]:  # type: ignore[union-attr]
            assert one.probability > 0.9
    sound = Table(SOUND)
    assert max(one.probability for one in judged(sound.seen(), sound.filing, shipped())) < 0.1


def test_what_was_seen_is_kept_as_it_was() -> None:
    row = RowSeen(
        0.5, ("code",), (("form", "cream", "gel"),), (("colour", 2.5, "red", "WHITE"),), (("pack", "10", "20"),)
    )
    table = Table(SOUND | {"b": ("B", "A")})
    for one in table.seen(a=row).values():
        assert ImageSeen.of(json.loads(json.dumps(one.json()))) == one
    pill = replace(table.seen()[1], row=row)
    found = judged({**table.seen(), 1: pill}, table.filing, JUDGE)
    assert {type(one.case).__name__ for one in found} == {"PhotoCase", "TwiceCase", "WordsCase"}
    for case in found:
        again = judged_of(json.loads(json.dumps(dict(kept(case, table.filing).found))))
        assert (again.kind, again.case, again.probability) == (case.kind, case.case, case.probability)


def test_of_two_photos_that_contradict_each_other_the_doubt_is_about_both_and_the_row_tells_which() -> None:
    both = {"a": ("A", "A"), "b": ("A", "Z"), "c": ("B", "B"), "d": ("B", "B")}
    [one] = Table(both).doubts()
    assert (one.photo and one.photo.image, one.against and one.against.image) == ("b.jpg", "a.jpg")
    alone = [j for j in judged(Table(both).seen(), Table(both).filing, JUDGE) if j.kind is DoubtKind.ODD_PHOTO]
    by_id = {j.case.images(Table(both).filing)[0]: j.probability for j in alone}
    ids = Table(both).ids
    assert one.probability == pytest.approx(max(by_id[ids["a"]], by_id[ids["b"]]))
    silent = RowSeen(0.0)
    [one] = Table(both).doubts(a=silent, b=silent)
    assert "which of the two is wrong the row does not say" in one.reason


def test_a_photo_whose_words_are_those_of_a_row_without_a_photo_belongs_there() -> None:
    table = Table({"a": ("A", "A"), "b": ("A", "Z"), "c": ("B", "B"), "d": ("B", "B")})
    table.filing = replace(table.filing, products={**table.filing.products, "Z": product("Z")})
    seen = table.seen()
    photo = seen[table.ids["b"]]
    seen[table.ids["b"]] = replace(photo, rows={**photo.rows, "Z": OWN_ROW}, named=("Z",))
    [case] = [j for j in judged(seen, table.filing, JUDGE) if j.kind is DoubtKind.OTHER_PRODUCT]
    assert isinstance(case.case, PhotoCase)
    assert (case.case.image_id, case.case.to_sku, case.case.other) == (table.ids["b"], "Z", None)


def test_a_name_that_no_photo_says_is_doubted_where_they_print_that_of_another_product() -> None:
    table = Table(SOUND)
    seen = table.seen(a=RowSeen(0.0), b=RowSeen(0.1))
    assert [c.kind for c in words_cases(seen, table.filing, ["A"])] == []
    said = replace(seen[table.ids["a"]], rows={"B": RowSeen(0.9)}, named=("B",))
    [case] = words_cases({**seen, table.ids["a"]: said}, table.filing, ["A"])
    assert (case.kind, case.said) == ("name", {table.ids["a"]: ("Drug B", "Drug A")})
    own = replace(seen[table.ids["b"]], row=RowSeen(0.8))
    assert words_cases({**seen, table.ids["a"]: said, table.ids["b"]: own}, table.filing, ["A"]) == []


def test_a_pills_column_is_doubted_where_no_photo_makes_it_probable() -> None:
    table = Table(SOUND)
    red = RowSeen(0.0, apart=(("colour", 6.0, "red", "WHITE"), ("shape", 0.1, "round", "ROUND")))
    white = RowSeen(0.0, apart=(("colour", 0.2, "white", "WHITE"),))
    [case] = looks_cases(table.seen(a=red, b=red), table.filing, ["A"])
    assert (case.kind, case.said[table.ids["a"]]) == ("colour", ("red", "WHITE"))
    assert looks_cases(table.seen(a=red, b=white), table.filing, ["A"]) == []


def test_the_fuller_row_stays_then_more_photos_then_the_usual_name() -> None:
    photos = {"a": ("SYN-1", "SYN-1"), "b": ("DUP-1", "SYN-1"), "c": ("SYN-2", "SYN-2"), "d": ("SYN-3", "SYN-3")}
    [one] = Table(photos).doubts(b=OWN_ROW)
    assert (one.sku, one.to_sku) == ("DUP-1", "SYN-1")
    assert one.reason.endswith("SYN-1 stays: more SKUs of the catalog begin as it does")
    [one] = Table({**photos, "e": ("DUP-1", "SYN-1")}).doubts(b=OWN_ROW, e=OWN_ROW)
    assert (one.to_sku, one.reason.rpartition(": ")[2]) == ("DUP-1", "it has more photos")
    table = Table({**photos, "e": ("DUP-1", "SYN-1")})
    fuller = replace(table.filing.products["SYN-1"], manufacturer="Maker")
    table.filing = replace(table.filing, products={**table.filing.products, "SYN-1": fuller})
    [one] = table.doubts(b=OWN_ROW, e=OWN_ROW)
    assert (one.to_sku, one.reason.rpartition(": ")[2]) == ("SYN-1", "its row says more")


@pytest.mark.parametrize(("kind", "falls"), [("other-product", "own"), ("odd-photo", "own"), ("words-differ", "agree")])
def test_what_speaks_for_a_photo_or_row_never_raises_the_doubt(kind: str, falls: str) -> None:
    fitted = shipped().fusions[kind]
    assert fitted.weights[fitted.names.index(falls)] <= 0


@pytest.mark.parametrize("broken", [b"", b"{}", b'{"fusions": {}}', b"[1]"])
def test_a_damaged_fit_is_refused(broken: bytes, tmp_path: object) -> None:
    from pathlib import Path

    from simsearch.core.errors import WeightsError

    assert isinstance(tmp_path, Path)
    path = tmp_path / "fitted.json"
    path.write_bytes(broken)
    with pytest.raises(WeightsError, match=r"fitted.json: cannot be used"):
        Judge.load(path)
    shipped().save(path)
    assert Judge.load(path).fusions == shipped().fusions


def test_where_nothing_is_read_looks_decide_and_are_never_sure() -> None:
    photos = {"a": ("A", "A"), "b": ("A", "A"), "c": ("B", "B"), "d": ("B", "B"), "e": ("A", "B")}
    table = Table(photos)
    found = judged(wordless(table.seen()), table.filing, JUDGE)
    [wrong] = [one for one in found if isinstance(one.case, PhotoCase) and one.case.fits]
    assert (table.name(wrong.case.images(table.filing)[0]), wrong.kind, wrong.probability) == (
        "e", DoubtKind.OTHER_PRODUCT, 0.85,
    )  # fmt: skip
    assert all(one.probability <= 0.85 for one in found if not isinstance(one.case, WordsCase))
    assert all(one.case.by_looks for one in found if not isinstance(one.case, WordsCase))
    # What is read on one of the photos alone does not make others sure.
    seen = wordless(table.seen())
    read = {i: replace(one, read=True) if table.name(i) == "a" else one for i, one in seen.items()}
    sides = {
        table.name(one.case.image_id): one.case.by_looks
        for one in judged(read, table.filing, JUDGE)
        if isinstance(one.case, PhotoCase)
    }
    assert sides == {"a": False, "b": True, "c": True, "d": True, "e": True}


def test_two_skus_of_wordless_photos_that_look_the_same_may_be_one_product() -> None:
    table = Table({"a": ("A", "A"), "b": ("A", "A"), "c": ("B", "A"), "d": ("B", "A")})
    listed = settled(judged(wordless(table.seen()), table.filing, JUDGE), table.filing, 0.5, [])
    assert [(one.case.skus(table.filing), one.probability) for one in listed] == [(("A", "B"), 0.85)]


IN_VIEW = (*ALIKE[:9], 0.25, 0.0, 0.0, 0.69)
"""Two photos that are alike but for a large word: Nilstat, and Nystatin beside it."""


def test_two_brands_in_one_design_are_never_surely_one_product() -> None:
    table = Table({"a": ("A", "A"), "b": ("A", "A"), "c": ("B", "A"), "d": ("B", "A")})
    seen = table.seen()
    surely = {one.case.skus(table.filing): one.probability for one in judged(seen, table.filing, JUDGE)}
    assert surely["A", "B"] > 0.9
    apart = {i: replace(one, others=tuple(PairSeen(p.other, IN_VIEW) for p in one.others)) for i, one in seen.items()}
    unsure = {one.case.skus(table.filing): one.probability for one in judged(apart, table.filing, JUDGE)}
    assert unsure["A", "B"] == 0.8


def test_a_photo_that_lacks_a_large_word_of_the_other_product_does_not_surely_belong_there() -> None:
    table = Table({"a": ("A", "A"), "b": ("A", "A"), "c": ("B", "B"), "d": ("B", "B"), "e": ("A", "B")})
    seen = table.seen()

    def told(of: Mapping[int, ImageSeen]) -> float:
        [one] = [one for one in judged(of, table.filing, JUDGE) if isinstance(one.case, PhotoCase) and one.case.fits]
        return one.probability

    assert told(seen) > 0.9
    others = tuple(replace(p, features=IN_VIEW if p.features == ALIKE else p.features) for p in seen[5].others)
    assert told({**seen, 5: replace(seen[5], others=others)}) == 0.8
