"""Which packages of two photos were compared."""

from __future__ import annotations

from dataclasses import replace

from simsearch.recognition.packages.compared import compared, in_words, where
from tests.recognition.packages.scene import SIDE, geometry, line, reading

OWN = [line("Examplin", 20, 20, 120, 50)]
MORE = [line("Otherine capsules 250 mg", 250, 20, 380, 50), line("ten capsules in a strip", 250, 60, 380, 90)]


def test_nothing_is_said_of_photos_of_one_package() -> None:
    found = compared(reading(*OWN), reading(*OWN), geometry(20, 20, 120, 60), SIDE)
    assert (found, in_words(found)) == ((None, None), "")


def test_the_package_that_agrees_is_named_by_its_place() -> None:
    a, b = compared(reading(*OWN, *MORE), reading(*OWN), geometry(20, 20, 120, 60), SIDE)
    assert a is not None
    assert b is None
    assert in_words((a, b)) == "compared: the upper left package of the first photo"
    a, b = compared(reading(*OWN), reading(*OWN, *MORE), geometry(20, 20, 120, 60), SIDE)
    assert (a, b is None) == (None, False)


def test_where_nothing_agrees_no_package_was_singled_out() -> None:
    none = replace(geometry(20, 20, 120, 60), homography=None)
    for found in (None, none):
        assert compared(reading(*OWN, *MORE), reading(*OWN), found, SIDE) == (None, None)
    assert compared(None, None, geometry(20, 20, 120, 60), SIDE) == (None, None)


def test_places_in_words() -> None:
    assert where(((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6))) == "middle"
    assert where(((0.8, 0.9), (1.0, 0.9), (1.0, 1.0), (0.8, 1.0))) == "lower right"
    assert where(((0.4, 0.0), (0.6, 0.0), (0.6, 0.1), (0.4, 0.1))) == "upper"
