"""What element strings, Digital Links and German codes hold, with and without their separators."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from simsearch.core.gs1 import Payload, digital_link, element_strings, ifa_message
from simsearch.core.product_numbers import Gtin, Ndc, Pzn, check_digit

TODAY = date(2026, 5, 20)
SAID = "09506000134352"
ITEM = Gtin(SAID)
MAY = date(2026, 5, 31)


def said(text: str) -> Payload | None:
    return element_strings(text, TODAY)


WHOLE = Payload(gtin=ITEM, expiry=MAY, lot="A1B2C3", serial="XYZ")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"01{SAID}1726050010A1B2C3\x1d21XYZ", WHOLE),
        (f"01{SAID}1726050010A1B2C3␝21XYZ", WHOLE),
        (f"01{SAID}1726050010A1B2C3<GS>21XYZ", WHOLE),
        (f"01{SAID}1726050010A1B2C3{{GS}}21XYZ", WHOLE),
        (f"\x1d01{SAID}\x1d172605\x30\x3010A1B2C3\x1d21XYZ\x1d", WHOLE),
        (f"01{SAID}21XYZ\x1d10A1B2C3\x1d17260500", WHOLE),
        (f"10A1B2C3\x1d21XYZ\x1d01{SAID}17260500", WHOLE),
        (f"(01){SAID}(17)260500(10)A1B2C3(21)XYZ", WHOLE),
        (f"(01) {SAID} (17) 260500 (10) A1B2C3 (21) XYZ", WHOLE),
        (f"01{SAID}", Payload(gtin=ITEM)),
        (f"01{SAID}1726050010A1B2C3", Payload(gtin=ITEM, expiry=MAY, lot="A1B2C3")),
        (f"01{SAID}11240301172605\x30\x3010A1", Payload(gtin=ITEM, expiry=MAY, lot="A1")),
        # The printer left the separators out: the lot may end before the serial number or hold it.
        (f"01{SAID}172605001012345621998877", Payload(gtin=ITEM, expiry=MAY)),
        (f"01{SAID}1726050010A1B2C321XYZ", Payload(gtin=ITEM, expiry=MAY)),
        (f"01{SAID}1726050021998877101234", Payload(gtin=ITEM, expiry=MAY)),
        (f"01{SAID}10A1B2C317260500", Payload(gtin=ITEM)),
        # ... and where it can only end in one place, all is said. A serial number has twenty characters at most.
        (
            "010896400139774821035000121039152018001723120010M210038",
            Payload(Gtin("08964001397748"), expiry=date(2023, 12, 31), lot="M210038", serial="03500012103915201800"),
        ),
        # With separators, a lot may look like anything.
        (f"01{SAID}1012345621998877\x1d17260500", Payload(gtin=ITEM, expiry=MAY, lot="12345621998877")),
        # What cannot be read ends the message; what stands before it holds.
        (f"01{SAID}17261300", Payload(gtin=ITEM)),
        (f"01{SAID}17260500?!", Payload(gtin=ITEM, expiry=MAY)),
        (f"01{SAID}1726023110A", Payload(gtin=ITEM, lot="A")),
        # National numbers
        (f"01{SAID}17260500710" + "01234562", Payload(gtin=ITEM, expiry=MAY, pzn=Pzn("01234562"))),
        (f"01{SAID}\x1d71500002751001", Payload(gtin=ITEM, ndc=Ndc(("00002751001",)))),
        # Other identifiers are passed over.
        (f"01{SAID}310300125030" + "12\x1d10A", Payload(gtin=ITEM, lot="A")),
        (f"01{SAID}99anything\x1d10A", Payload(gtin=ITEM, lot="A")),
        ("00" + "106141412345678908" + "10A", Payload(lot="A")),
    ],
)
def test_element_strings(text: str, found: Payload) -> None:
    assert said(text) == found


def test_a_wrong_check_digit_is_told() -> None:
    found = said("0109506000134353" + "17260500")
    assert found == Payload(expiry=MAY, problem="the check digit of its GTIN is wrong")


@pytest.mark.parametrize("text", ["", "hello", "8008", "1" * 3000, f"01{SAID}é", "\x00", "(", "()", "(01)", "(xx)1"])
def test_what_is_no_element_string(text: str) -> None:
    assert said(text) is None


VALUES = st.text("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789-/.", min_size=1, max_size=20)


@given(st.text("0123456789", min_size=13, max_size=13), VALUES, VALUES, st.permutations(range(4)))
def test_what_separators_divide_comes_back(body: str, lot: str, serial: str, order: list[int]) -> None:
    number = body + check_digit(body)
    assume(Gtin.parse(number))
    elements = [f"01{number}", "17260500", f"10{lot}\x1d", f"21{serial}\x1d"]
    found = said("".join(elements[i] for i in order))
    assert found == Payload(Gtin(number), lot=lot, serial=serial, expiry=MAY)


@given(VALUES, VALUES)
def test_without_separators_nothing_wrong_is_said(lot: str, serial: str) -> None:
    found = said(f"01{SAID}1726050010{lot}21{serial}")
    assert found is not None
    assert found.gtin == ITEM
    assert found.lot in ("", lot)
    assert found.serial in ("", serial)


@given(st.text(max_size=200))
def test_any_text_says_something_or_nothing(text: str) -> None:
    for judged in (element_strings, digital_link, ifa_message):
        assert judged(text, TODAY) is None or isinstance(judged(text, TODAY), Payload)


@pytest.mark.parametrize("part", ["10", "21", "1021", "240", "9", "(01)", "\x1d", "10A\x1d"])
def test_long_text_takes_no_time(part: str) -> None:
    started = time.perf_counter()
    said((f"01{SAID}" + part * 1000)[:2048])
    assert time.perf_counter() - started < 2


# -- Digital Link ----------------------------------------------------------------------------------------------------

LINKED = Payload(gtin=ITEM, lot="ABC123", expiry=date(2027, 1, 31))


@pytest.mark.parametrize(
    ("link", "found"),
    [
        (f"https://id.gs1.org/01/{SAID}/10/ABC123?17=270131", LINKED),
        (f"http://maker.example/some/path/01/{SAID}/10/ABC123?17=270131&linkType=all", LINKED),
        (f"HTTPS://MAKER.EXAMPLE/01/{SAID}/10/ABC123?17=270131#x", LINKED),
        (f"https://maker.example/01/{SAID}?17=270131&10=ABC123", LINKED),
        (f"https://maker.example/01/{SAID}", Payload(gtin=ITEM)),
        ("https://maker.example/01/9506000134352/21/S%2F1", Payload(gtin=ITEM, serial="S/1")),
        (f"https://maker.example/01/{SAID}/22/2A/10/L/21/S", Payload(gtin=ITEM, lot="L", serial="S")),
        ("https://maker.example/01/09506000134353", None),
        ("https://www.maker.example/products/dolo", None),
        ("https://maker.example/2024/01/20240115/news", None),
        ("https://qrco.de/bbsf9d", None),
        (f"ftp://maker.example/01/{SAID}", None),
        (f"https:///01/{SAID}", None),
        (f"file:///etc/01/{SAID}", None),
        (f"javascript:01/{SAID}", None),
        (f"http://[bad/01/{SAID}", None),
        (f"https://maker.example/01/{SAID}?" + "&".join(f"x{i}=1" for i in range(60)), None),
        (f"https://maker.example/{'a/' * 2000}01/{SAID}", None),
        ("", None),
    ],
)
def test_digital_links(link: str, found: Payload | None) -> None:
    assert digital_link(link, TODAY) == found


def test_a_link_is_never_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert digital_link(f"https://id.gs1.org/01/{SAID}", TODAY) == Payload(gtin=ITEM)


# -- IFA -------------------------------------------------------------------------------------------------------------


def test_a_german_code() -> None:
    text = "[)>\x1e06\x1d9N111234567842\x1d1T12345ABCD\x1dD270600\x1dS12345ABCDEF98765\x1e\x04"
    found = Payload(pzn=Pzn("12345678"), lot="12345ABCD", serial="12345ABCDEF98765", expiry=date(2027, 6, 30))
    assert ifa_message(text, TODAY) == found
    assert ifa_message(text.replace("842", "843"), TODAY) == Payload(
        lot="12345ABCD",
        serial="12345ABCDEF98765",
        expiry=date(2027, 6, 30),
        problem="the check digits of its product number are wrong",
    )
    assert ifa_message(f"[)>\x1e06\x1d8P{SAID}\x1e\x04", TODAY) == Payload(gtin=ITEM)
    assert ifa_message("[)>\x1e12\x1d9N111234567842\x1e\x04", TODAY) is None
    assert ifa_message("hello", TODAY) is None
