"""Strengths as labels and registers write them, compared as whole expressions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.core.quantities import Comparison, compare_texts, parse, repeats

EQUAL, DIFFERENT, UNKNOWN = Comparison.EQUAL, Comparison.DIFFERENT, Comparison.UNKNOWN


def both_ways(a: str, b: str, forms: tuple[str, str] = ("", "")) -> Comparison:
    found = compare_texts(a, b, forms)
    assert found is compare_texts(b, a, forms[::-1])
    return found


@pytest.mark.parametrize(
    ("a", "b"),
    [
        # combinations
        ("875/125 mg", "500/125 mg"), ("875/125 mg", "250/125 mg"), ("875/125 mg", "875/62.5 mg"),
        ("15 mg + 5 mg", "15 mg + 10 mg"), ("5/160/12.5mg", "10/160/12.5mg"), ("50/500mg", "50/850 mg"),
        ("1 g/200 mg", "500 mg/100 mg"), ("5-325 mg", "10-325 mg"), ("400/57 mg/5 ml", "200/28.5 mg/5 ml"),
        ("5 mg amlodipine / 10 mg benazepril", "10 mg amlodipine / 5 mg benazepril"),
        ("500 mg + 250 IU", "600 mg + 250 IU"),
        # amounts
        ("100 mg", "100 µg"), ("100 mg", "100 mcg"), ("1 g", "100 mg"), ("500 mg", "5000 mg"), ("0.5 mg", "5 mg"),
        ("2.5 mg", "25 mg"), ("1 000 mg", "2 000 mg"), ("1.000 mg", "2.000 mg"), ("1.000 mg", "500 mg"),
        ("10.000 IU", "5.000 IU"), ("5 MIU", "5 mIU"), ("10 mmol", "20 mmol"), ("8 MEQ", "10 MEQ"),
        ("40毫克", "80 mg"), ("۵۰۰ mg", "۲۵۰ mg"),
        # in so much of something
        ("15 mg/5 ml", "30 mg/5 ml"), ("3 mg/ml", "15 mg/ml"), ("100 mcg/dose", "200 mcg/dose"), ("1 %", "2 %"),
        ("0.05 % w/v", "0.1 % w/v"), ("25 mcg/h", "50 mcg/h"), ("1 % w/w", "20 mg/g"),
        # what the packages hold
        ("10 mg/ml 2 ml", "10 mg/ml 5 ml"), ("1 % 20 g", "1 % 30 g"),
        ("100 mcg/dose, 200 doses", "100 mcg/dose, 120 doses"),
        ("4 mg/2 ml", "8 mg/4 ml"), ("40 mg/0.4 ml", "60 mg/0.6 ml"),  # two ampoules, two syringes
        ("1000 IU (25 µg)", "400 IU"),
    ],
)  # fmt: skip
def test_what_is_unequal_is_called_so(a: str, b: str) -> None:
    assert both_ways(a, b) is DIFFERENT


@pytest.mark.parametrize(
    "texts",
    [
        ("875/125 mg", "875 mg/125 mg", "125 mg + 875 mg", "875mg/125mg", "875 mg & 125 mg", "0.875 g/125 mg",
         "875,0/125,0 mg"),
        ("0.5 g", "500 mg", "500MG", "500mg", "0,5 g", ".5 g", "½ g", "0·5 g", "0.5 gm", "500 milligrams",
         "５００ｍｇ", "500㎎"),
        ("100 mcg", "100 µg", "100 μg", "100 ug", "100 microgram", "100 micrograms", "0.1 mg", "0,1 mg",
         "100 мкг", "100微克"),
        ("1000 mg", "1 000 mg", "1'000 mg", "1’000 mg", "1\u202f000 mg", "1\u00a0000 mg", "1\u2009000 mg", "1 g",
         "1000.0 mg"),
        ("10000 IU", "10 000 I.U.", "10000 UI", "10000 U.I.", "10000 I.E.", "10000 IE", "10000 E", "10000 МЕ",
         "10000 units",
         "10000 UNT", "10 thousand IU"),
        ("100000 IU", "1,00,000 IU", "1 lakh IU", "100 000 IU"), ("1200000 IU", "1.2 Mio. I.E.",
         "1.2 million units", "1.2 MIU"),
        ("50 mg/ml", "250 mg/5 ml", "50 mg per mL", "1.25 g/25 ml", "250 mg per 5 mL", "250 mg in 5 ml",
         "50mg/mL", "50 mg/cc",
         "5 % w/v", "5 % (w/v)", "5 % m/v", "each 5 ml contains 250 mg", "50 mg/1 ml"),
        ("0.05 % w/v", "0.5 mg/ml", "500 µg/ml"), ("1 % w/w", "10 mg/g", "1 g/100 g", "10 mg/1 g", "1 % (m/m)"),
        ("100 mcg/dose", "100 micrograms/dose", "0.1 mg per actuation", "100 µg/Hub", "100 mcg/puff",
         "100 micrograms/dose pump spray",
         "100 mcg/dose, 200 doses"),
        ("500 mg", "500 mg/tablet", "500 mg / 30 tablets", "500 mg per capsule", "500 mg tablets", "0.5 g"),
        ("50 µg/24 h", "50 mcg/day", "50 micrograms/24 hours"),
        ("400/57 mg/5 ml", "400 mg/57 mg/5 ml", "400 mg/57 mg per 5 ml", "80 mg/ml + 11.4 mg/ml",
         "400 mg + 57 mg/5ml"),
        ("100 mg + 1.5 mg + 22.5 mg", "iron 100 mg + folic acid 1.5 mg + zinc 22.5 mg", "22.5 mg, 100 mg, 1500 mcg"),
        ("Paracetamol 500 mg + Caffeine 65 mg", "caffeine 65 mg / paracetamol 500 mg"),
        ("2 billion CFU", "2 x 10⁹ CFU", "2 x 10^9 cfu", "2 × 10⁹ KBE"),
        ("5 mmol", "5 mmol"), ("8 mEq", "8 MEQ"), ("1 g/1 g", "1 g + 1 g", "1000/1000 mg"), ("500 mg", "٥٠٠ mg",
         "۵۰۰ میلی‌گرم", "٥٠٠ ملغ"),
        ("40毫克", "40 mg", "40mg錠"), ("3.75 mg", "3,75 mg", "3.7500 mg"), ("30/70", "70/30"), ("forte", "FORTE"),
        ("5 ml", "5 cc"), ("37 MBq", "37 MBq"),
    ],
)  # fmt: skip
def test_one_strength_in_many_spellings(texts: tuple[str, ...]) -> None:
    for a in texts:
        for b in texts:
            assert both_ways(a, b) is EQUAL, (a, b)


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ("250 mg/5 ml", "250 mg", UNKNOWN), ("100 mcg/dose", "100 mcg", UNKNOWN), ("500 mg", "500 IU", UNKNOWN),
        ("1 % w/w", "10 mg/ml", UNKNOWN), ("1 %", "10 mg/ml", UNKNOWN), ("1 %", "1 % w/w", UNKNOWN), ("1 %",
         "1 % w/v", UNKNOWN),
        ("500 mg", "500/125 mg", UNKNOWN),  # what is not given is open
        ("400 mg", "500/125 mg", DIFFERENT), ("forte", "mite", UNKNOWN), ("", "5 mg", UNKNOWN),
        ("1-2 mg", "1 mg", UNKNOWN), ("1-2 mg", "5 mg", DIFFERENT), ("2 to 4 mg", "2-4 mg", EQUAL),
        ("5 miu", "5 mIU", UNKNOWN),  # neither milli nor mega
        ("1.5", "1500 mcg", EQUAL), ("650", "650 mg", EQUAL), ("650", "500 mg", UNKNOWN), ("650", "500", DIFFERENT),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_unknown(a: str, b: str, found: Comparison) -> None:
    assert both_ways(a, b) is found


@pytest.mark.parametrize("text", ["1.000 mg", "1,000 mg"])
@pytest.mark.parametrize("other", ["1 mg", "1000 mg", "1 g", "1 000 mg"])
def test_a_mark_that_may_be_either_equals_either(text: str, other: str) -> None:
    assert both_ways(text, other) is EQUAL


@pytest.mark.parametrize(
    ("a", "b", "found"),
    [
        ("1.000 mg", "1,000 mg", UNKNOWN), ("10.000 I.E.", "10.000 IU", EQUAL), ("10.000 I.E.", "10 IU", EQUAL),
        ("12.500 IU", "12,5 IU", EQUAL), ("1.000 mg + 0,5 mg", "1 mg + 0.5 mg", DIFFERENT),
        ("1.000 mg + 0,5 mg", "1000 mg + 0.5 mg", EQUAL), ("1,000.5 mg", "1.000,5 mg", EQUAL), ("0.125 mg",
         "125 mg", DIFFERENT),
        ("1.234.567 IU", "1,234,567 IU", EQUAL), ("1234.567 mg", "1234567 mg", DIFFERENT),
    ],
)  # fmt: skip
def test_other_numbers_of_a_text_tell_its_decimal_mark(a: str, b: str, found: Comparison) -> None:
    assert both_ways(a, b) is found


@pytest.mark.parametrize(
    ("a", "form_a", "b", "form_b", "found"),
    [
        ("0.05 %", "solution", "0.5 mg/ml", "", EQUAL), ("1 %", "cream", "10 mg/g", "", EQUAL),
        ("1 %", "Eye drops", "1 % w/v", "", EQUAL), ("1 %", "ointment", "1 % w/v", "", UNKNOWN),
        ("1 %", "eye ointment", "10 mg/g", "ointment", EQUAL), ("0.05 % of a solution", "", "0.5 mg/ml", "", EQUAL),
        ("1 %", "gel", "2 %", "gel", DIFFERENT), ("20 g", "cream", "30 g", "cream", DIFFERENT),
    ],
)  # fmt: skip
def test_the_form_tells_of_what_a_percentage_is(a: str, form_a: str, b: str, form_b: str, found: Comparison) -> None:
    assert both_ways(a, b, (form_a, form_b)) is found


@pytest.mark.parametrize("printed", ["5 mg", "6.9 mg"])
@pytest.mark.parametrize(
    "text",
    ["amlodipine besylate 6.9 mg eq. to amlodipine 5 mg", "6.9 mg amlodipine besylate equivalent to 5 mg amlodipine",
     "5 mg (as besylate 6.9 mg)", "5 mg (= 6.9 mg)"],
)  # fmt: skip
def test_a_strength_that_is_given_twice_agrees_with_either(text: str, printed: str) -> None:
    assert both_ways(text, printed) is EQUAL
    assert both_ways(text, "10 mg") is DIFFERENT


def test_a_salt_without_its_own_amount_agrees_with_the_base() -> None:
    assert both_ways("amlodipine besylate eq. to amlodipine 5 mg", "5 mg") is EQUAL
    assert both_ways("1000 IU (25 µg)", "25 mcg") is EQUAL


def test_a_number_that_repeats_the_strength() -> None:
    assert repeats("650", parse("650 mg"))
    assert repeats("80", parse("80 mg + 5 mg"))
    assert repeats("1.5", parse("1500 mcg"))
    assert not repeats("250", parse("120 mg/5 ml"))


# -- properties ------------------------------------------------------------------------------------------------------

numbers = st.decimals(min_value="0.001", max_value=99999, places=3).map(lambda d: d.normalize()).filter(lambda d: d > 0)
units = st.sampled_from(["mg", "g", "mcg", "IU", "mmol"])
per = st.sampled_from(["", "/ml", "/5 ml", "/dose", "/g"])


@st.composite
def strengths(draw: st.DrawFn) -> tuple[tuple[tuple[Fraction, str, str], ...], str]:
    """Parts of a strength, and a spelling of it with one reading."""
    parts, words = [], []
    denominator = draw(per)
    for _ in range(draw(st.integers(1, 3))):
        number, unit = draw(numbers), draw(units)
        parts.append((Fraction(number), unit, denominator))
        words.append(f"{_written(draw, f'{number:f}')}{draw(st.sampled_from(['', ' ']))}{unit}{denominator}")
    return tuple(parts), " + ".join(words)


def _written(draw: st.DrawFn, digits: str) -> str:
    """A number with marks that leave no doubt."""
    whole, _, decimals = digits.partition(".")
    if len(whole) > 3 and draw(st.booleans()):
        whole = f"{whole[:-3]}{draw(st.sampled_from([' ', chr(0x202F), chr(0xA0), chr(39)]))}{whole[-3:]}"
    if len(decimals) == 3 and whole[0] != "0":
        decimals += "0"
    return f"{whole}.{decimals}" if decimals else whole


@given(strengths())
def test_what_is_written_is_read(drawn: tuple[tuple[tuple[Fraction, str, str], ...], str]) -> None:
    parts, text = drawn
    plainly = " + ".join(f"{float(n):.10f} {unit}{per}" for n, unit, per in parts)
    assert both_ways(text, plainly) is EQUAL
    assert len(parse(text).readings) == 1


@given(strengths(), strengths(), strengths())
def test_equal_is_an_equivalence(x: tuple[object, str], y: tuple[object, str], z: tuple[object, str]) -> None:
    a, b, c = x[1], y[1], z[1]
    assert both_ways(a, a) is EQUAL
    if both_ways(a, b) is EQUAL and both_ways(b, c) is EQUAL:
        assert both_ways(a, c) is EQUAL


@given(st.text(max_size=40) | st.text("0123456789.,' x/+-()%mgµlIUE½²٥毫克", max_size=30), st.text(max_size=20))
def test_any_text_can_be_compared(a: str, b: str) -> None:
    both_ways(a, b)
    assert both_ways(a, a) is EQUAL
