"""Expiry dates, in codes and in print: the right one or none."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.core.expiry import expired, gs1_date, printed_expiry

TODAY = date(2026, 5, 20)


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("260500", "2026-05-31"),
        ("270131", "2027-01-31"),
        ("280200", "2028-02-29"),
        ("760101", "2076-01-01"),
        ("770101", "1977-01-01"),
        ("990101", "1999-01-01"),
        ("261300", None),
        ("260001", None),
        ("270229", None),
        ("26050", None),
        ("٢٦٠٥٠٠", None),
        ("", None),
    ],
)
def test_a_date_in_a_code(value: str, day: str | None) -> None:
    assert gs1_date(value, TODAY) == (date.fromisoformat(day) if day else None)


def test_two_digit_years_are_relative_to_today() -> None:
    assert gs1_date("760101", date(2020, 1, 1)) == date(1976, 1, 1)
    assert gs1_date("010100", date(2099, 1, 1)) == date(2101, 1, 31)
    assert printed_expiry("EXP 05/46", date(2026, 1, 1)) == date(2046, 5, 31)
    assert printed_expiry("EXP 05/47", date(2026, 1, 1)) is None
    assert printed_expiry("EXP 05/47", date(2027, 1, 1)) == date(2047, 5, 31)


@given(st.dates(date(1977, 1, 1), date(2076, 12, 31)))
def test_a_date_in_a_code_comes_back(day: date) -> None:
    assert gs1_date(day.strftime("%y%m%d"), TODAY) == day


def test_the_last_day_is_not_over() -> None:
    day = printed_expiry("EXP 05/2026", TODAY)
    assert day == date(2026, 5, 31)
    assert not expired(day, TODAY)
    assert not expired(day, date(2026, 5, 31))
    assert expired(day, date(2026, 6, 1))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("EXP 05/2026", "2026-05-31"),
        ("EXP.SEP.27", "2027-09-30"),
        ("2027-09", "2027-09-30"),
        ("09/2027", "2027-09-30"),
        ("MFD 03/2024 EXP 02/2027", "2027-02-28"),
        ("EXP 02/2027 MFD 03/2024", "2027-02-28"),
        ("MFG.MAR.24 EXP.FEB.27", "2027-02-28"),
        ("Mfg. Date Exp. Date\n03/2024 02/2027", "2027-02-28"),
        ("Exp. Date Mfg. Date\n02/2027 03/2024", "2027-02-28"),
        ("Batch No. M12 Mfg. Date: 03/2024 Exp. Date: 02/2027", "2027-02-28"),
        ("Mfg. Lic. No. 4869/SR-34 EXP 02/27", "2027-02-28"),
        ("Manufactured by: ACME Ltd. EXP 02/27", "2027-02-28"),
        ("EXP: 05.26", "2026-05-31"),
        ("EXP 05-28", "2028-05-31"),
        ("EXP02/2027", "2027-02-28"),
        ("EXP.02.2027", "2027-02-28"),
        ("EXP\n02\n2027", "2027-02-28"),
        ("EXP MAY 2026", "2026-05-31"),
        ("Exp: JAN.2027", "2027-01-31"),
        ("SEP'27", "2027-09-30"),
        ("15-SEP-2027", "2027-09-15"),
        ("EXP 2027 SEP", "2027-09-30"),
        ("EXP 2027 SEP 30", "2027-09-30"),
        ("EXP 31 DEC 2027", "2027-12-31"),
        ("EXP 15/06/2027", "2027-06-15"),
        ("EXP 06/15/2027", "2027-06-15"),
        ("EXP 05/05/2027", "2027-05-05"),
        ("EXP 30.11.27", "2027-11-30"),
        ("EXP 2027/11/30", "2027-11-30"),
        ("EXP 092027", "2027-09-30"),
        ("EXP 202709", "2027-09-30"),
        ("EXP 20270930", "2027-09-30"),
        ("Use before: 12-2028", "2028-12-31"),
        ("verwendbar bis 10.2027", "2027-10-31"),
        ("Verw. bis: OKT 2027", "2027-10-31"),
        ("VAL. DÉC 2027", "2027-12-31"),
        ("EXP ۰۹/۲۰۲۷", "2027-09-30"),
        ("LOT 092027 EXP 10/27", "2027-10-31"),
        ("EXP 02/2027 EXP 02/2027", "2027-02-28"),
        ("EXP 29/02/2028", "2028-02-29"),
        ("B.No. 12/345 EXP 01-28", "2028-01-31"),
    ],
)
def test_a_printed_date(text: str, day: str) -> None:
    assert printed_expiry(text, TODAY) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text",
    [
        "EXP 13/2026", "EXP 00/2027", "31/02/2027", "EXP 31/02/2027", "EXP 29/02/2027", "EXP 2027/02/30",
        "EXP 00/05/2027",
        "EXP 05/06/2027",  # the fifth of June or the sixth of May
        "MFD 03/2024", "MFD 03/2024 02/2027", "MFD EXP 03/2024", "Mfg. Date Exp. Date 03/2024",
        "03/2024 02/2027", "EXP 05/2026 EXP 06/2026", "MFD 05/2027 EXP 02/2027",
        "EXP 09/2570", "EXP 07/1405", "EXP 02/2060", "EXP 02/1990",  # Buddhist and Persian years; out of reach
        "20270930", "092027", "12.05", "10/20 mg", "250/2027", "1.5/2027", "500/125", "4869/SR-34",
        "1800-123-4567", "maybe 27", "EXP: 3 YEARS FROM MFG. MFG 03/2024", "EXP", "", "EXP see bottom",
    ],
)  # fmt: skip
def test_no_printed_date(text: str) -> None:
    assert printed_expiry(text, TODAY) is None


@given(st.text(max_size=200))
def test_any_text_has_a_date_within_reach_or_none(text: str) -> None:
    found = printed_expiry(text, TODAY)
    assert found is None or -30 <= found.year - TODAY.year <= 20


@pytest.mark.parametrize("part", ["EXP ", "1/", "1.", "jan ", " ", "12 ", "MFD", "E", "\u0660", "2027-", "12/12/"])
def test_long_text_takes_no_time(part: str) -> None:
    started = time.perf_counter()
    printed_expiry(part * 1_000_000, TODAY)
    assert time.perf_counter() - started < 1


FORMS = ("EXP %Y-%m-%d", "EXP %d %b %Y", "EXP.%d.%b.%Y")


@given(st.dates(date(2000, 1, 1), date(2040, 12, 31)), st.sampled_from(FORMS))
def test_a_printed_day_comes_back(day: date, form: str) -> None:
    assert printed_expiry(day.strftime(form), TODAY) == day
