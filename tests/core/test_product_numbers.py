"""GTIN, NDC and PZN: what is one, what is a misread one, and what two ways to write one have in common."""

from __future__ import annotations

import pytest
from biip import ParseError
from biip.gtin import Gtin as BiipGtin
from biip.upc import Upc
from hypothesis import given
from hypothesis import strategies as st

from simsearch.core.product_numbers import Gtin, Ndc, Pzn, check_digit, digits, has_check_digit

COLA = "00036000291452"


# -- GTIN ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("036000291452", COLA),
        ("0036000291452", COLA),
        ("00036000291452", COLA),
        ("0 36000 29145 2", COLA),
        ("0-36000-29145-2", COLA),
        ("0\u00a036000\u201329145\u20112", COLA),
        ("EAN: 4006381333931", "04006381333931"),
        ("EAN-13 4006381333931", "04006381333931"),
        ("EAN4006381333931", "04006381333931"),
        ("GTIN-14: 10857326005540", "10857326005540"),
        ("UPC-A 036000291452", COLA),
        ("gtin 04006381333931", "04006381333931"),
        ("96385074", "00000096385074"),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "04006381333931"),
        ("４００６３８１３３３９３１", "04006381333931"),
        ("036000291453", None),  # check digit
        ("36000291452", None),  # eleven digits, unless zeros were lost
        ("00000000000000", None),
        ("0000000000017", None),  # too small to be more than a counter
        ("4006381333931X", None),
        ("4006381333931" * 9, None),
        ("", None),
        ("-", None),
    ],
)
def test_a_gtin(text: str, number: str | None) -> None:
    found = Gtin.parse(text)
    assert (found.digits if found else None) == number


@pytest.mark.parametrize("text", ["36000291452", "036000291452", "0036000291452"])
def test_a_gtin_that_lost_zeros(text: str) -> None:
    assert Gtin.parse(text, lost_zeros=True) == Gtin(COLA)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("07838604", "00078000003864"),
        ("01234565", "00012345000065"),
        ("04252614", "00042100005264"),
        ("09876538", None),  # check digit
        ("27838604", None),  # number system 2
        ("0783860", None),
    ],
)
def test_upc_e_is_expanded(short: str, long: str | None) -> None:
    found = Gtin.from_upc_e(short)
    assert (found.digits if found else None) == long


@given(st.integers(0, 1), st.text("0123456789", min_size=6, max_size=6))
def test_upc_e_is_expanded_as_by_biip(system: int, body: str) -> None:
    full = Upc.parse(f"{system}{body}{check_of_upc_e(system, body)}")
    found = Gtin.from_upc_e(full.value)
    if found:
        assert found.digits == full.as_upc_a().zfill(14)
    else:  # biip takes numbers of a few digits too
        assert len(full.as_upc_a().lstrip("0")) < 7


def check_of_upc_e(system: int, body: str) -> str:
    return next(c for c in "0123456789" if accepted(f"{system}{body}{c}"))


def accepted(value: str) -> bool:
    try:
        Upc.parse(value)
    except ParseError:
        return False
    return True


@given(st.text("0123456789", min_size=13, max_size=13).filter(lambda payload: len(payload.lstrip("0")) >= 8))
def test_a_check_digit_is_that_of_biip(payload: str) -> None:
    number = payload + check_digit(payload)
    assert has_check_digit(number)
    found = Gtin.parse(number)
    assert found is not None
    assert found.digits == number
    if payload[:3] != "000":
        assert BiipGtin.parse(number).as_gtin_14() == number


@given(
    st.text("0123456789", min_size=13, max_size=13).filter(lambda payload: payload[0] != "0"),
    st.integers(0, 13),
    st.integers(1, 9),
)
def test_one_wrong_digit_is_found(payload: str, place: int, off: int) -> None:
    number = payload + check_digit(payload)
    wrong = number[:place] + str((int(number[place]) + off) % 10) + number[place + 1 :]
    assert Gtin.parse(wrong) is None


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_none(text: str) -> None:
    for found in (Gtin.parse(text, lost_zeros=True), Gtin.from_upc_e(text)):
        assert found is None or (len(found.digits) == 14 and found.digits.isascii() and has_check_digit(found.digits))
    ndc = Ndc.parse(text, lost_zeros=True)
    assert ndc is None or all(form.isdecimal() and len(form) == 11 for form in ndc.forms)
    assert all(len(pzn.digits) == 8 for pzn in [Pzn.parse(text, lost_zeros=True), Pzn.from_ppn(text)] if pzn)
    assert digits(text) == "" or digits(text).isascii()


@pytest.mark.parametrize(
    ("number", "restricted"),
    [
        ("0212345678905", True), ("2012345678900", True), ("2912345678909", True), ("0412345678903", True),
        ("02345673", True), ("20123451", True), ("212345678992", True),
        ("4006381333931", False), ("0036000291452", False), ("3012345678908", False), ("1912345678901", False),
        ("96385074", False), ("0300027510019", False),
    ],
)  # fmt: skip
def test_numbers_that_a_shop_gives_are_known(number: str, restricted: bool) -> None:
    found = Gtin.parse(number[:-1] + check_digit(number[:-1]))
    assert found is not None
    assert found.restricted is restricted


def test_a_case_has_the_item_of_what_is_in_it() -> None:
    case, each = Gtin("10857326005540"), Gtin("00857326005543")
    assert (case.indicator, each.indicator) == (1, 0)
    assert case.item == each.item == "085732600554"


# -- NDC -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "forms"),
    [
        ("0002-7510-01", ("00002751001",)),
        ("12345-678-90", ("12345067890",)),
        ("12345-6789-0", ("12345678900",)),
        ("12345-6789-01", ("12345678901",)),
        ("NDC 0002-7510-01", ("00002751001",)),
        ("NDC0002-7510-01", ("00002751001",)),
        ("NDC: 0002–7510–01", ("00002751001",)),
        ("00002751001", ("00002751001",)),
        ("0002751001", ("00002751001", "00027051001", "00027510001")),
        ("0002-751-01", None),
        ("0002-7510", None),  # a product without its package
        ("0000-7510-01", None),
        ("123456789012", None),
        ("", None),
    ],
)
def test_an_ndc(text: str, forms: tuple[str, ...] | None) -> None:
    found = Ndc.parse(text)
    assert (found.forms if found else None) == forms


def test_an_ndc_that_lost_zeros_is_what_ten_digits_are() -> None:
    assert Ndc.parse("2751001", lost_zeros=True) == Ndc.parse("0002751001")
    assert Ndc.parse("2751001") is None
    assert Ndc.parse("751001", lost_zeros=True) is None


def test_an_ndc_lies_in_a_upc_and_in_its_gtin() -> None:
    for number in ("300027510019", "00300027510019"):
        found = Gtin.parse(number)
        assert found is not None
        assert found.ndc == Ndc.parse("0002751001")
    assert Gtin(COLA).ndc is None


@given(st.text("0123456789", min_size=10, max_size=10))
def test_each_way_to_hyphenate_ten_digits_is_one_of_its_forms(ten: str) -> None:
    whole = Ndc.parse(ten)
    if whole is None:
        assert "0000" in ten[:5]
        return
    for a, b in ((4, 8), (5, 8), (5, 9)):
        part = Ndc.parse(f"{ten[:a]}-{ten[a:b]}-{ten[b:]}")
        assert part is not None
        assert set(part.forms) <= set(whole.forms)


# -- PZN -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-1234562", "01234562"),
        ("1234562", "01234562"),
        ("-12345678", "12345678"),
        ("12345678", "12345678"),
        ("PZN-12345678", "12345678"),
        ("PZN 01234562", "01234562"),
        ("PZN: - 01234562", "01234562"),
        ("-1234563", None),
        ("12345679", None),
        ("00000000", None),
        ("123456", None),
        ("123456789", None),
    ],
)
def test_a_pzn(text: str, number: str | None) -> None:
    found = Pzn.parse(text)
    assert (found.digits if found else None) == number


def test_a_remainder_of_ten_is_no_pzn() -> None:
    assert Pzn.parse("00000052") is not None  # 5 * 7 = 35: 2
    assert all(Pzn.parse(f"0000003{last}") is None for last in "0123456789")  # 3 * 7 = 21: 10


@given(st.integers(1, 9_999_999), st.integers(0, 6), st.integers(1, 9))
def test_one_wrong_digit_of_a_pzn_is_found(body: int, place: int, off: int) -> None:
    front = f"{body:07}"
    sound = [found for last in "0123456789" if (found := Pzn.parse(front + last))]
    assert len(sound) <= 1
    for found in sound:
        number = found.digits
        wrong = number[:place] + str((int(number[place]) + off) % 10) + number[place + 1 :]
        assert Pzn.parse(wrong) is None


def test_a_pzn_lies_in_a_ppn_and_in_a_german_gtin() -> None:
    assert Pzn.from_ppn("111234567842") == Pzn("12345678")
    assert Pzn.from_ppn("111234567843") is None
    assert Pzn.from_ppn("121234567842") is None
    number = "0415012345678"
    assert Gtin(number + check_digit(number)).pzn == Pzn("12345678")
    assert Gtin(COLA).pzn is None


def test_numbers_are_said_as_people_write_them() -> None:
    assert str(Gtin(COLA)) == COLA
    assert str(Ndc.parse("0002-7510-01")) == "00002-7510-01"
    assert str(Ndc.parse("0002751001")) == "00002-7510-01 or 00027-0510-01 or 00027-5100-01"
    assert str(Pzn("12345678")) == "12345678"
