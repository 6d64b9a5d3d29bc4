"""Which candidates are compared by print, and what their verdicts become."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import cast

import pytest

from simsearch.catalog import Catalog
from simsearch.core.config import ReadingSettings
from simsearch.core.types import PhotoPrint, PrintAlone, PrintComparison, PrintedFact, PrintedLine, Verification
from simsearch.features.codes import CodeMethod, CodeSettings
from simsearch.recognition.calibration import LOGIT, Calibration
from simsearch.recognition.contenders import Thresholds, lacking
from simsearch.recognition.print_alone import ALONE_FEATURES
from simsearch.recognition.print_evidence import PrintEvidence, judged, worth_comparing
from simsearch.recognition.printed import PRINT_FEATURES, prints_together
from simsearch.recognition.score_fusion import Fusion, Monotone

SEEN = Verification(probability=0.9, similarity=0.8, siamese=0.7, inliers=40, hash_similarity=0.6)
NAMES = (LOGIT, *PRINT_FEATURES)
ONES = (1.0,) * len(NAMES)
PRINTED = Fusion(NAMES, (0.0,) * len(NAMES), ONES, (1.0, *(0.5 for _ in PRINT_FEATURES)), 0.0)
APPEARANCE = Fusion(("cosine",), (0.0,), (1.0,), (1.0,), 0.0)
WITH_PRINT = Calibration(APPEARANCE, Monotone(), {"match": 0.9, "match_print": 0.8, "pair": 0.5}, {}, {}, PRINTED)
ALONE = Fusion(ALONE_FEATURES, (0.0,) * len(ALONE_FEATURES), (1.0,) * len(ALONE_FEATURES), (2.0,) * 7, -1.0)
WITH_ALONE = replace(WITH_PRINT, alone=ALONE, thresholds={**WITH_PRINT.thresholds, "match_alone": 0.95})
TWICE = PrintedFact("strength", "500 mg", "250 mg")


def test_the_most_probable_products_are_compared_in_any_case() -> None:
    assert worth_comparing(["a", "b", "c", "d"], [1e-6, 0.4, 1e-5, 1e-4], {}, 2) == [1, 3]
    assert worth_comparing(["a", "b", "c"], [1e-6, 0.9, 1e-7], {}, 1) == [1]


def test_candidates_that_are_nearly_as_probable_are_compared_beyond_the_first() -> None:
    skus = [f"s{i}" for i in range(12)]
    assert worth_comparing(skus, [0.99] * 12, {}, 2) == list(range(6))  # three times as many at most
    far = [0.99, 0.98, *[0.001] * 10]
    assert worth_comparing(skus, far, {}, 2) == [0, 1]


def test_what_the_lane_of_text_found_is_compared_in_its_order() -> None:
    assert worth_comparing(["a", "b", "c", "d"], [0.9, 1e-6, 1e-6, 1e-6], {3: 1, 2: 2, 1: 3}, 2) == [0, 1, 3, 2]


def test_two_images_of_a_product_are_compared_at_most_by_each_order() -> None:
    assert worth_comparing(["a", "a", "a", "b"], [0.9, 0.8, 0.7, 0.6], {}, 1) == [0, 1, 3]


def test_nothing_is_compared_where_there_is_nothing() -> None:
    assert worth_comparing([], [], {}, 5) == []


def test_what_print_says_goes_into_the_probability() -> None:
    found = PrintComparison(features=(0.5,) * len(PRINT_FEATURES))
    p = judged(SEEN, found, WITH_PRINT).probability
    logit = math.log(9) + 0.25 * len(PRINT_FEATURES)
    assert p == pytest.approx(1 / (1 + math.exp(-logit)))


def test_without_print_on_either_side_the_probability_of_appearance_stays() -> None:
    assert judged(SEEN, PrintComparison(), WITH_PRINT) == replace(SEEN, printed=PrintComparison())


def test_a_calibration_without_print_keeps_the_probability_of_appearance() -> None:
    found = PrintComparison(features=(0.5,) * len(PRINT_FEATURES))
    seen = judged(SEEN, found, replace(WITH_PRINT, printed=None))
    assert seen.probability == SEEN.probability
    assert Thresholds(0.8, 0.7).of(seen) == 0.8
    assert Thresholds(0.8, 0.7, match_pills=0.9).of(replace(seen, loose_pills=True)) == 0.9
    assert Thresholds(0.8, 0.7).of(judged(SEEN, found, WITH_PRINT)) == 0.7


def test_an_equal_code_decides_for_a_product_that_nothing_speaks_against() -> None:
    coded = PrintComparison(features=tuple(float(name == "code") for name in PRINT_FEATURES))
    assert judged(replace(SEEN, probability=0.05), coded, WITH_PRINT).probability > 0.998
    assert 0.8 < judged(replace(SEEN, probability=0.001), coded, WITH_PRINT).probability < 0.99
    case = PrintComparison(features=tuple(0.5 * (name == "code") for name in PRINT_FEATURES))
    assert judged(SEEN, case, WITH_PRINT).probability == SEEN.probability


def test_a_contradiction_stands_beside_the_probability() -> None:
    found = PrintComparison(contradictions=(TWICE,))
    seen = judged(SEEN, found, WITH_PRINT)
    assert seen.contradicted
    assert seen.probability == SEEN.probability


def words(value: float, *, named: bool = True) -> PrintAlone:
    return PrintAlone((value,) * len(ALONE_FEATURES), ("hemipan",), named)


def test_print_alone_counts_where_it_says_more_than_the_picture() -> None:
    unlike = replace(SEEN, probability=0.01, inliers=0)
    found = PrintComparison((PrintedFact("strength", "500 mg", "500 mg"),), features=(0.0,) * len(PRINT_FEATURES))
    seen = judged(unlike, found, WITH_ALONE, words(0.5))
    assert seen.probability == pytest.approx(1 / (1 + math.exp(-6.0)))
    assert seen.printed is not None
    assert seen.printed.alone == words(0.5)
    against = judged(unlike, found, WITH_ALONE, words(0.05))  # below a half: it does not speak for the product
    assert against == judged(unlike, found, WITH_ALONE)
    less = judged(unlike, found, WITH_ALONE, words(-1.0))
    assert less == judged(unlike, found, WITH_ALONE)
    assert less.probability == pytest.approx(0.01)


def test_a_photo_that_says_nothing_telling_is_judged_by_appearance() -> None:
    found = PrintComparison((TWICE,), features=(0.5,) * len(PRINT_FEATURES))
    seen = judged(SEEN, found, WITH_ALONE, words(9.0), tells=False)
    assert seen == replace(SEEN, printed=replace(found, features=()))
    against = replace(found, agreements=(), contradictions=(TWICE,))
    assert judged(SEEN, against, WITH_ALONE, tells=False).contradicted
    coded = PrintComparison(features=tuple(float(name == "code") for name in PRINT_FEATURES))
    assert judged(replace(SEEN, probability=0.05), coded, WITH_ALONE, tells=False).probability > 0.998


def test_print_alone_needs_a_calibration_of_its_own() -> None:
    found = PrintComparison(features=(0.0,) * len(PRINT_FEATURES))
    assert judged(SEEN, found, WITH_PRINT, words(9.0)) == judged(SEEN, found, WITH_PRINT)
    assert judged(SEEN, found, WITH_ALONE, None) == judged(SEEN, found, WITH_PRINT)


def test_print_alone_has_a_threshold_of_its_own_and_needs_name_strength_and_form() -> None:
    thresholds = Thresholds(0.1, 0.2, 0.95)
    dose = PrintedFact("strength", "500 mg", "500 mg")
    pack = PrintedFact("pack", "20 tablets", "20 tablets")

    def seen(p: float, *agreements: PrintedFact, named: bool = True) -> Verification:
        printed = PrintComparison(agreements, features=(0.0,), alone=words(0.5, named=named))
        return replace(SEEN, probability=p, printed=printed)

    assert thresholds.of(seen(0.9)) == 0.95
    assert thresholds.met(seen(0.96, dose, pack))
    assert not thresholds.met(seen(0.94, dose, pack))
    assert not thresholds.met(seen(0.96, dose)), "an injection may have the strength of the tablets"
    assert not thresholds.met(seen(0.96))
    assert not thresholds.met(seen(0.96, dose, pack, named=False))
    assert lacking(seen(0.5, pack)) == ("strength",)
    assert lacking(seen(0.5, named=False)) == ("name", "strength", "form")
    assert (lacking(seen(0.5, dose, pack)), lacking(SEEN)) == ((), ())
    assert not Thresholds(0.1, 0.2).met(seen(1.0, dose, pack)), "without a calibration it never matches"


def test_several_photos_tell_each_thing_once() -> None:
    line = PrintedLine("HEMIPAN 500 mg", 0.98, ((0, 0), (1, 0), (1, 0.1), (0, 0.1)))
    front = PhotoPrint(lines=(line,), strengths=("500 mg",))
    back = PhotoPrint(strengths=("500 mg",), packs=("24 tablets",))
    assert prints_together([front, None, back]) == PhotoPrint((line,), ("500 mg",), ("24 tablets",))
    assert prints_together([None]) is None


@pytest.mark.parametrize(
    ("mode", "installed", "reads"),
    [("auto", True, True), ("always", True, True), ("never", True, False), ("auto", False, False)],
)
def test_photos_keep_their_larger_picture_only_where_some_are_read(mode: str, installed: bool, reads: bool) -> None:
    codes = CodeMethod(CodeSettings())
    codes.missing = "" if installed else "reading codes needs zxing-cpp"
    evidence = PrintEvidence(cast(Catalog, None), {}, {"codes": codes}, ReadingSettings(mode=mode))
    assert evidence.reads is reads


def test_print_that_no_picture_bears_out_names_nothing() -> None:
    found = PrintComparison((TWICE,), features=(0.5,) * len(PRINT_FEATURES))
    thresholds = Thresholds(0.1, 0.2, 0.95)
    seen = replace(SEEN, probability=0.99, inliers=9, printed=found)
    assert not thresholds.met(seen)
    assert thresholds.met(replace(seen, inliers=10))
    coded = replace(found, agreements=(PrintedFact("code", "04012345678901", "04012345678901"),))
    assert thresholds.met(replace(seen, printed=coded))
    assert thresholds.met(replace(seen, printed=replace(found, features=()))), "its print did not count"
    assert thresholds.met(replace(seen, printed=None))
