"""Whether the codes of two sides name one product. The cases R01 to R13 are those of public reports."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.core.code_agreement import Agreement, Relation, compare, contested, keys
from simsearch.core.codes import Codes, column_codes, listed_codes, payload, read_codes
from simsearch.core.expiry import expired, printed_expiry
from simsearch.core.product_numbers import Gtin, check_digit

TODAY = date(2026, 5, 20)
EQUAL, CASE_OF, DIFFERENT, NOTHING = Relation


def read(text: str, symbology: str) -> Codes:
    return read_codes([(text, symbology)], TODAY)


def row(column: str, value: object) -> Codes:
    return column_codes(column, value, TODAY)


# -- R01 to R13 ------------------------------------------------------------------------------------------------------

COLA = [("036000291452", "]E0"), ("0036000291452", "]E0"), ("00036000291452", "]I1"), ("0100036000291452", "]d2")]


@pytest.mark.parametrize("code", COLA)
@pytest.mark.parametrize("value", ["036000291452", "0036000291452", "00036000291452", 36000291452, "36000291452"])
@pytest.mark.parametrize("column", ["gtin", "ean", "upc", "barcode"])
def test_r01_one_number_in_all_its_lengths(code: tuple[str, str], value: object, column: str) -> None:
    assert compare(read(*code), row(column, value)).relation is EQUAL


def test_r02_upc_e_is_not_padded() -> None:
    for found in (read("07838604", "]E0"), row("upc", "07838604"), row("upc", 7838604)):
        assert found.gtins == {Gtin("00078000003864")}
    assert compare(read("0078000003864", "]E0"), row("upc", "07838604")).relation is EQUAL


def test_r03_a_case_of_the_product() -> None:
    case, each = read("10857326005540", "]I1"), row("gtin", "00857326005543")
    assert compare(case, each) == Agreement(CASE_OF, "10857326005540 is a case of 00857326005543")
    assert compare(each, case) == Agreement(CASE_OF, "10857326005540 is a case of 00857326005543")
    pallet = read("50857326005548", "]I1")
    assert compare(case, pallet) == Agreement(CASE_OF, "10857326005540 and 50857326005548 are two cases of one product")


def test_r04_with_and_without_separators() -> None:
    whole = payload("01095060001343521726050010A1B2C3␝21XYZ", "]d2", TODAY)
    assert (str(whole.gtin), whole.expiry, whole.lot, whole.serial) == (
        "09506000134352", date(2026, 5, 31), "A1B2C3", "XYZ",
    )  # fmt: skip
    torn = payload("0109506000134352172605001012345621998877", "]C1", TODAY)
    assert (torn.gtin, torn.expiry, torn.lot, torn.serial) == (whole.gtin, whole.expiry, "", "")


def test_r05_good_until_the_last_day_of_the_month() -> None:
    for day in (payload("17260500", "]C1", TODAY).expiry, printed_expiry("EXP 05/2026", TODAY)):
        assert day == date(2026, 5, 31)
        assert not expired(day, TODAY)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("EXP 13/2026", None), ("31/02/2027", None), ("MFD 03/2024 EXP 02/2027", date(2027, 2, 28)),
        ("EXP.SEP.27", date(2027, 9, 30)), ("2027-09", date(2027, 9, 30)),
    ],
)  # fmt: skip
def test_r06_printed_dates(text: str, day: date | None) -> None:
    assert printed_expiry(text, TODAY) == day


R07 = [row("ndc", "0002-7510-01"), row("ndc", "00002751001"), row("ndc", 2751001), read("0300027510019", "]E0"),
       row("upc", "300027510019"), read("0100300027510019", "]d2")]  # fmt: skip


@pytest.mark.parametrize("one", R07)
@pytest.mark.parametrize("other", R07)
def test_r07_one_product_by_its_ndc(one: Codes, other: Codes) -> None:
    assert compare(one, other).relation is EQUAL


def test_r07_ten_digits_without_hyphens_lead_to_each_ndc_that_they_can_be() -> None:
    asked = read("0300027510019", "]E0")
    one, two, other = row("ndc", "0002-7510-01"), row("ndc", "00027-5100-1"), row("ndc", "12345-678-90")
    assert [bool(keys(asked) & keys(listed)) for listed in (one, two, other)] == [True, True, False]
    assert {compare(asked, listed).relation for listed in (one, two)} == {EQUAL}


def test_r08_a_misread_pzn_is_refused() -> None:
    assert compare(read("-1234562", "]A0"), row("pzn", "01234562")).relation is EQUAL
    assert compare(read("-12345678", "]A0"), row("pzn", 12345678)).relation is EQUAL
    wrong = read("-1234563", "]A0")
    assert not wrong
    assert wrong.problems
    assert compare(wrong, row("pzn", "01234562")).relation is NOTHING


def test_r09_no_code_decides_alone() -> None:
    same, other = Agreement(EQUAL), Agreement(DIFFERENT)
    assert contested(same, picture=False, print_=False)
    assert contested(other, picture=True, print_=True)
    for picture, print_ in ((False, None), (None, False), (True, False), (False, True), (None, None), (True, True)):
        assert not contested(same, picture=picture, print_=print_)
    assert not contested(other, picture=False, print_=False)
    assert not contested(Agreement(CASE_OF), picture=False, print_=False)
    # Code 39 and 128 without a check digit say something only where the catalog's own column has them.
    assert compare(read("62000000078715", "]C0"), read("62000000078715", "]C0")).relation is NOTHING
    assert compare(read("62000000078715", "]C0"), row("barcode", "62000000078715")).relation is EQUAL
    assert compare(read("62000000078716", "]C0"), row("barcode", "62000000078715")).relation is NOTHING


@pytest.mark.parametrize("prefix", ["02", *map(str, range(20, 30))])
def test_r10_a_shop_s_own_number(prefix: str) -> None:
    body = prefix + "1234567890"
    code, another = body + check_digit(body), prefix + "9999999990"[: 12 - len(prefix)]
    assert compare(read(code, "]E0"), read(code, "]E0")).relation is NOTHING
    assert compare(read(code, "]E0"), row("ean", code)).relation is EQUAL
    assert compare(read(code, "]E0"), row("ean", another + check_digit(another))).relation is NOTHING
    assert compare(read(code, "]E0"), row("ean", "4006381333931")).relation is NOTHING


def test_r11_links() -> None:
    found = payload("https://id.gs1.org/01/09506000134352/10/ABC123?17=270131", "]Q1", TODAY)
    assert (str(found.gtin), found.lot, found.expiry) == ("09506000134352", "ABC123", date(2027, 1, 31))
    assert not read("https://www.maker.example/dolo", "]Q1")


@pytest.mark.parametrize("code", [("10XYZ999", "]C1"), ("10XYZ999\x1d21S1", "]d2"), ("10XYZ999\x1d17270131", "]d2")])
def test_r13_a_lot_identifies_no_product(code: tuple[str, str]) -> None:
    assert compare(read(*code), read(*code)) == Agreement(NOTHING)
    one, other = read(f"0109506000134352{code[0]}", "]d2"), read(f"0104006381333931{code[0]}", "]d2")
    assert compare(one, other).relation is DIFFERENT


# -- further ones ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "other", "relation"),
    [
        # Only sound, global numbers contradict.
        (read("4006381333931", "]E0"), row("ean", "0036000291452"), DIFFERENT),
        (read("4006381333931", "]E0"), row("ean", "0036000291453"), NOTHING),
        (read("4006381333932", "]E0"), row("ean", "4006381333931"), NOTHING),
        (read("4006381333931", "]E0"), row("ean", "2012345678903"), NOTHING),
        (read("4006381333931", "]E0"), Codes(), NOTHING),
        (Codes(), Codes(), NOTHING),
        # Several codes on one side: one that agrees is enough.
        (read_codes([("4006381333931", "]E0"), ("0036000291452", "]E0")], TODAY), row("ean", "0036000291452"), EQUAL),
        (read("4006381333931", "]E0"), row("ean", "0036000291452; 4006381333931"), EQUAL),
        (read("4006381333931", "]E0"), row("ean", "0036000291452; 5012345678900"), DIFFERENT),
        # Eight digits
        (read("96385074", "]E4"), row("ean", 96385074), EQUAL),
        (read("96385074", "]E4"), row("ean", "96385081"), DIFFERENT),
        # Cases
        (read("0110857326005540", "]C1"), row("gtin", "857326005543"), CASE_OF),
        (read("90857326005546", "]I1"), row("gtin", "00857326005543"), NOTHING),  # sold by measure
        (read("10857326005540", "]I1"), row("gtin", "10857326005540"), EQUAL),
        (read("10857326005540", "]I1"), row("gtin", "4006381333931"), DIFFERENT),
        (read("10300027510016", "]I1"), row("ndc", "0002-7510-01"), CASE_OF),
        # NDC
        (read("0300027510019", "]E0"), row("ndc", "0002-7510-02"), DIFFERENT),
        (row("ndc", "0002-7510-01"), row("ndc", "0002-7510-02"), DIFFERENT),
        (read("0300027510019", "]E0"), row("ndc", "00027-510-01"), EQUAL),
        (read("0036000291452", "]E0"), row("ndc", "0002-7510-01"), NOTHING),
        (row("ndc", "1234567890"), row("ndc", "0123456789"), DIFFERENT),
        (row("ndc", "1234506789"), row("ndc", "1234567809"), NOTHING),  # may be one: 12345-0678-09
        # PZN
        (read("-12345678", "]A0"), row("pzn", "01234562"), DIFFERENT),
        (read("0415012345678" + check_digit("0415012345678"), "]I1"), row("pzn", "12345678"), EQUAL),
        (read("[)>\x1e06\x1d9N111234567842\x1e\x04", "]d1"), row("pzn", "12345678"), EQUAL),
        (read("-12345678", "]A0"), row("ean", "4006381333931"), NOTHING),
        # Codes of two kinds that contradict each other say nothing.
        (
            listed_codes({"ean": "4006381333931", "pzn": "12345678"}, TODAY),
            listed_codes({"ean": "4006381333931", "pzn": "01234562"}, TODAY),
            NOTHING,
        ),
        (
            read_codes([("4006381333931", "]E0"), ("62000000078715", "]C0")], TODAY),
            listed_codes({"ean": "0036000291452", "barcode": "62000000078715"}, TODAY),
            NOTHING,
        ),
        # Numbers of the maker's own
        (read("8904103314151", "]d1"), row("ean", "8904103314151"), EQUAL),  # an EAN in a plain DataMatrix
        (read("8904103314151", "]d1"), row("ean", "4006381333931"), NOTHING),
        (read("8904103314151", "]d1"), read("8904103314151", "]E0"), NOTHING),
        (read("0011863", "]C0"), row("barcode", 11863), EQUAL),
        (read("abc-123", "]A0"), row("barcode", "ABC-123"), EQUAL),
        (read("123", "]C0"), row("barcode", "123"), NOTHING),
        (read("https://maker.example", "]Q1"), row("barcode", "https://maker.example"), NOTHING),
    ],
)  # fmt: skip
def test_two_sides(query: Codes, other: Codes, relation: Relation) -> None:
    assert compare(query, other).relation is relation
    assert compare(other, query).relation is relation


def test_it_says_why() -> None:
    assert compare(read("4006381333931", "]E0"), row("ean", "36000291452")).text == (
        "the codes differ: 04006381333931 and 00036000291452"
    )
    assert compare(row("ean", "36000291452"), row("ean", "36000291452")).text == "both have the code 00036000291452"
    clash = compare(
        listed_codes({"ean": "4006381333931", "pzn": "12345678"}, TODAY),
        listed_codes({"ean": "4006381333931", "pzn": "01234562"}, TODAY),
    )
    assert clash.text == "both have the code 04006381333931; but the PZNs differ: 12345678 and 01234562"
    assert compare(read("2012345678903", "]E0"), row("ean", "2012345678903")).text == (
        "both have the catalog's own number 2012345678903"
    )


NUMBERS = st.one_of(
    st.tuples(st.sampled_from(["gtin", "ean", "upc", "barcode"]), st.integers(10**7, 10**14 - 1)),
    st.tuples(st.just("ndc"), st.integers(10**6, 10**11 - 1)),
    st.tuples(st.just("pzn"), st.integers(10**4, 10**8 - 1)),
)


@given(NUMBERS, NUMBERS)
def test_comparing_does_not_depend_on_the_side(one: tuple[str, int], other: tuple[str, int]) -> None:
    a, b = row(*one), row(*other)
    assert compare(a, b).relation is compare(b, a).relation
    assert compare(a, a).relation is (EQUAL if a else NOTHING)


def test_keys_are_shared_by_what_agrees_and_by_nothing_else() -> None:
    catalog = {
        "each": row("gtin", "00857326005543"), "cola": row("upc", 36000291452), "ndc": row("ndc", "0002-7510-01"),
        "pzn": row("pzn", "12345678"), "own": row("barcode", "62000000078715"), "shop": row("ean", "2012345678903"),
        "none": Codes(),
    }  # fmt: skip
    known = [
        *COLA, ("10857326005540", "]I1"), ("0300027510019", "]E0"), ("10300027510016", "]I1"), ("-12345678", "]A0"),
        ("62000000078715", "]C0"), ("2012345678903", "]E0"), ("036000291452", "]d1"),
    ]  # fmt: skip
    for code in (*known, ("96385074", "]E4")):
        asked = read(*code)
        wanted = {sku for sku, codes in catalog.items() if compare(asked, codes).relation in (EQUAL, CASE_OF)}
        assert {sku for sku, codes in catalog.items() if keys(asked) & keys(codes)} == wanted
        assert len(wanted) == (code in known)
    assert not keys(Codes())
