"""Codes as bytes in the catalog: they come back, and damage is noticed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsearch.features.code_records import MOST_BYTES, MOST_CODES, Quad, ReadCode, pack_codes, unpack_codes

SQUARE: Quad = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
EAN = ReadCode("4006381333931", "]E0", SQUARE, True)

units = st.integers(0, 65535).map(lambda value: value / 65535)
codes = st.builds(
    ReadCode,
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=60),
    st.from_regex(r"\][A-Za-z][0-9A-Za-z]", fullmatch=True).filter(str.isascii),
    st.tuples(*[st.tuples(units, units)] * 4),
    st.booleans(),
)


@given(st.lists(codes, max_size=MOST_CODES))
def test_codes_come_back(found: list[ReadCode]) -> None:
    packed = pack_codes(found)
    assert packed.dtype == np.uint8
    assert packed.ndim == 1
    assert unpack_codes(packed) == tuple(sorted(found))


def test_no_codes_take_no_bytes() -> None:
    assert pack_codes([]).shape == (0,)
    assert unpack_codes(pack_codes([])) == ()


def test_one_code_takes_few_bytes() -> None:
    assert len(pack_codes([EAN])) == 2 + 21 + 13


def test_the_bytes_are_pinned() -> None:
    # Catalogs hold them: whoever changes the layout raises its version.
    assert pack_codes([EAN]).tobytes().hex() == (
        "0101" "4530" "01" "00000000ffff0000ffffffff0000ffff" "0d00" "34303036333831333333393331"
    )  # fmt: skip


def test_what_has_no_end_is_left_out() -> None:
    long = ReadCode("x" * (MOST_BYTES + 1), "]Q1", SQUARE, True)
    assert unpack_codes(pack_codes([long, EAN])) == (EAN,)
    assert len(unpack_codes(pack_codes([ReadCode("é" * (MOST_BYTES // 2), "]Q1", SQUARE, True)]))) == 1
    assert len(pack_codes([ReadCode("é" * (MOST_BYTES // 2 + 1), "]Q1", SQUARE, True)])) == 0
    many = [ReadCode(f"{i:06}", "]C0", SQUARE, True) for i in range(1000)]
    assert unpack_codes(pack_codes(many)) == tuple(many[:MOST_CODES])


def test_corners_outside_are_brought_to_the_edge() -> None:
    outside = ReadCode("1", "]C0", ((-0.1, 0.0), (1.1, 0.0), (1.0, 2.0), (0.0, 1.0)), True)
    [found] = unpack_codes(pack_codes([outside]))
    assert found.quad == SQUARE


def test_text_that_is_no_unicode_is_kept_as_far_as_it_is() -> None:
    assert [code.text for code in unpack_codes(pack_codes([ReadCode("a\ud800", "]Q1", SQUARE, True)]))] == ["a?"]


@given(st.binary(max_size=200))
def test_any_bytes_are_codes_or_refused(data: bytes) -> None:
    try:
        found = unpack_codes(np.frombuffer(data, np.uint8))
    except ValueError:
        return
    assert len(found) <= MOST_CODES


@pytest.mark.parametrize("at", range(36))
def test_bytes_that_are_cut_off_or_follow_are_noticed(at: int) -> None:
    data = pack_codes([EAN])
    if at:
        with pytest.raises(ValueError, match=r"damaged|buffer|bytes|version"):
            unpack_codes(data[:at])
    with pytest.raises(ValueError, match="behind the last code"):
        unpack_codes(np.concatenate([data, np.zeros(at + 1, np.uint8)]))


@pytest.mark.parametrize(
    ("at", "value"),
    [(0, 2), (1, 0), (1, 33), (1, 2), (2, ord("1")), (2, 0xFF), (3, ord("-")), (4, 2), (21, 0), (22, 255), (23, 0xFF)],
)
def test_a_wrong_byte_is_noticed(at: int, value: int) -> None:
    data = pack_codes([EAN]).copy()
    data[at] = value
    with pytest.raises(ValueError):  # noqa: PT011 - the words are for nobody
        unpack_codes(data)


# R12: a code belongs to the outline that it lies in.
BOX = ((0.2, 0.2), (0.6, 0.25), (0.55, 0.8), (0.15, 0.7))


def at(x: float, y: float, size: float = 0.1) -> ReadCode:
    return ReadCode("1", "]E0", ((x, y), (x + size, y), (x + size, y + size), (x, y + size)), True)


@pytest.mark.parametrize("outline", [BOX, BOX[::-1]])
def test_a_code_belongs_to_the_package_that_it_lies_in(outline: Quad) -> None:
    assert at(0.3, 0.4).lies_in(outline)
    assert at(0.5, 0.35, 0.07).lies_in(outline)
    assert not at(0.7, 0.4).lies_in(outline)  # the neighbour's
    assert not at(0.3, 0.9).lies_in(outline)  # the label on the shelf
    assert not at(0.55, 0.3).lies_in(outline)  # across the edge
