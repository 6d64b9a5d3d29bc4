"""What one code says, and what a catalog's columns say."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.core.codes import COLUMNS, Codes, column_codes, listed_codes, payload, read_codes
from simsearch.core.gs1 import Payload
from simsearch.core.product_numbers import Gtin, Ndc, Pzn

TODAY = date(2026, 5, 20)
COLA = Gtin("00036000291452")
ITEM = Gtin("09506000134352")
MAY = date(2026, 5, 31)


# -- one code --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "symbology", "said"),
    [
        ("0036000291452", "]E0", Payload(gtin=COLA)),
        ("036000291452", "]E0", Payload(gtin=COLA)),
        ("07838604", "]E0", Payload(gtin=Gtin("00078000003864"))),  # UPC-E that the reader left as it is
        ("96385074", "]E4", Payload(gtin=Gtin("00000096385074"))),
        ("003600029145212345", "]E3", Payload(gtin=COLA)),  # with an add-on of five digits
        ("0036000291453", "]E0", Payload(problem="the check digit of 0036000291453 is wrong")),
        ("12", "]E1", Payload()),
        ("10857326005540", "]I1", Payload(gtin=Gtin("10857326005540"))),
        ("10857326", "]I1", Payload(problem="the check digit of 10857326 is wrong")),
        ("857326", "]I0", Payload()),
        ("-1234562", "]A0", Payload(pzn=Pzn("01234562"))),
        ("-12345678", "]A0", Payload(pzn=Pzn("12345678"))),
        ("-1234563", "]A0", Payload(problem="-1234563 was misread: the check digit of this PZN is wrong")),
        ("ABC-123", "]A0", Payload()),
        ("0109506000134352", "]C1", Payload(gtin=ITEM)),
        ("010950600013435217260500", "]d2", Payload(gtin=ITEM, expiry=MAY)),
        ("0109506000134352", "]e0", Payload(gtin=ITEM)),
        ("010950600013435217260500", "]C0", Payload(gtin=ITEM, expiry=MAY)),  # a printer without FNC1
        ("010950600013435217260500", "]d1", Payload(gtin=ITEM, expiry=MAY)),
        ("010950600013435317260500", "]d1", Payload()),  # only looks like it
        ("4006381333931", "]C0", Payload()),  # thirteen digits in Code 128 are no EAN
        ("https://id.gs1.org/01/09506000134352", "]Q1", Payload(gtin=ITEM)),
        ("https://maker.example", "]Q1", Payload()),
        ("[)>\x1e06\x1d9N111234567842\x1e\x04", "]d1", Payload(pzn=Pzn("12345678"))),
        ("x" * 5000, "]Q1", Payload()),
        ("", "]E0", Payload()),
        # As printed beside a code, or typed
        ("0 36000 29145 2", "", Payload(gtin=COLA)),
        ("07838604", "", Payload(gtin=Gtin("00078000003864"))),
        ("(01) 09506000134352 (17) 260500", "", Payload(gtin=ITEM, expiry=MAY)),
        ("NDC 0002-7510-01", "", Payload(ndc=Ndc(("00002751001",)))),
        ("PZN-01234562", "", Payload(pzn=Pzn("01234562"))),
        ("PZN 01234563", "", Payload(problem="01234563 was misread: the check digit of this PZN is wrong")),
        ("B.No. MCB48", "", Payload()),
    ],
)
def test_one_code(text: str, symbology: str, said: Payload) -> None:
    assert payload(text, symbology, TODAY) == said


def test_a_photo_has_the_codes_of_all_that_was_read() -> None:
    found = read_codes(
        [("0036000291452", "]E0"), ("-1234562", "]A0"), ("-1234563", "]A0"), ("62000000078715", "]C0")], TODAY
    )
    assert found == Codes(
        gtins=frozenset({COLA}),
        pzns=frozenset({Pzn("01234562")}),
        own=frozenset({"62000000078715"}),
        problems=("-1234563 was misread: the check digit of this PZN is wrong",),
    )
    assert found.names_a_product
    assert not read_codes([], TODAY)
    assert not read_codes([("https://qrco.de/bbsf9d", "]Q1")], TODAY)
    shop = read_codes([("2012345678903", "]E0")], TODAY)
    assert shop
    assert not shop.names_a_product


def test_a_code_without_a_product_is_no_number_of_its_maker() -> None:
    assert read_codes([("10A1B2C3", "]C1")], TODAY) == Codes()


# -- columns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["gtin", "ean", "upc", "barcode", "GTIN", "Upc"])
@pytest.mark.parametrize(
    "value",
    ["036000291452", "0036000291452", "00036000291452", "36000291452", 36000291452, 36000291452.0, "36000291452.0",
     "'0036000291452", "3.6000291452E+10", " 0 36000 29145 2 ", "UPC: 036000291452", "(01)00036000291452"],
)  # fmt: skip
def test_a_gtin_in_any_column_and_form(column: str, value: object) -> None:
    assert column_codes(column, value, TODAY) == Codes(gtins=frozenset({COLA}), listed=True)


@pytest.mark.parametrize(
    ("column", "value", "gtins"),
    [
        ("upc", "07838604", ["00078000003864"]),
        ("upc", 7838604, ["00078000003864"]),
        ("gtin", "07838604", ["00078000003864"]),
        ("ean", "96385074", ["00000096385074"]),
        ("gtin", "4006381333931; 0036000291452", ["04006381333931", "00036000291452"]),
        (
            "barcode",
            "4006381333931|36000291452\n10857326005540",
            ["04006381333931", "00036000291452", "10857326005540"],
        ),
        ("barcode", "010950600013435217260500", ["09506000134352"]),
        ("barcode", "https://id.gs1.org/01/09506000134352", ["09506000134352"]),
        ("ndc", "300027510019", ["00300027510019"]),
        ("gtin", 4006381333931, ["04006381333931"]),
        ("gtin", "4.00638E+12", []),  # the spreadsheet lost the digits
        ("gtin", "4006381333932", []),
        ("gtin", True, []),
        ("gtin", None, []),
        ("gtin", "", []),
        ("gtin", float("nan"), []),
        ("gtin", "n/a", []),
    ],
)
def test_gtins_of_a_cell(column: str, value: object, gtins: list[str]) -> None:
    assert column_codes(column, value, TODAY).gtins == {Gtin(number) for number in gtins}


@pytest.mark.parametrize(
    ("value", "forms"),
    [
        ("0002-7510-01", ["00002751001"]),
        ("00002751001", ["00002751001"]),
        (2751001, ["00002751001", "00027051001", "00027510001"]),
        ("0002751001", ["00002751001", "00027051001", "00027510001"]),
    ],
)
def test_ndcs_of_a_cell(value: object, forms: list[str]) -> None:
    assert column_codes("ndc", value, TODAY) == Codes(ndcs=frozenset({Ndc(tuple(forms))}), listed=True)


def test_pzns_of_a_cell() -> None:
    for value in ("01234562", "1234562", 1234562, "PZN-01234562", "-1234562"):
        assert column_codes("pzn", value, TODAY).pzns == {Pzn("01234562")}
    assert column_codes("barcode", "-1234562", TODAY).pzns == {Pzn("01234562")}
    wrong = column_codes("pzn", "1234563", TODAY)
    assert (wrong.pzns, wrong.own) == (frozenset(), frozenset())
    assert wrong.problems == ("the check digit of the PZN 1234563 is wrong",)


def test_a_number_that_is_refused_is_told() -> None:
    found = column_codes("ean", "4006381333932", TODAY)
    assert found.problems == ("4006381333932 in the column ean has no sound check digit",)
    assert not found


def test_a_barcode_may_be_any_number_of_the_maker() -> None:
    assert column_codes("barcode", "62000000078715", TODAY).own == {"62000000078715"}
    assert column_codes("barcode", "0011863", TODAY).own == {"11863"}
    assert column_codes("barcode", "abc-123", TODAY).own == {"ABC-123"}


def test_a_row_has_the_codes_of_its_columns_and_of_no_other() -> None:
    row = {"name": "Dolo", "EAN": "4006381333931", "ndc": "0002-7510-01", "pzn": None, "phone": "0036000291452"}
    assert listed_codes(row, TODAY) == Codes(
        gtins=frozenset({Gtin("04006381333931")}), ndcs=frozenset({Ndc(("00002751001",))}), listed=True
    )
    assert listed_codes({"name": "Dolo"}, TODAY) == Codes()


@given(st.sampled_from(COLUMNS), st.one_of(st.text(max_size=100), st.integers(), st.floats(), st.none(), st.booleans()))
def test_any_cell_is_read(column: str, value: object) -> None:
    found = column_codes(column, value, TODAY)
    assert all(len(number) <= 64 and number.isascii() for number in found.own)
    assert len(found.gtins) + len(found.ndcs) + len(found.pzns) <= 16


def test_a_cell_without_end_is_read_as_far_as_anybody_would() -> None:
    assert len(column_codes("gtin", "4006381333931;" * 100_000, TODAY).gtins) == 1
    assert len(column_codes("barcode", ";".join(f"ABC{i:04}" for i in range(1000)), TODAY).own) == 16
    assert not column_codes("barcode", "A" * 10_000_000, TODAY)
