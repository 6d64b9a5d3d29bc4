"""What print says, in words."""

from __future__ import annotations

from simsearch.core.print_wording import agreed, in_short, listed, reads, says_otherwise, short, told
from simsearch.core.types import PrintComparison, PrintedFact

NAME, STRENGTH = PrintedFact("name", "HEMIPAN", "Hemipan"), PrintedFact("strength", "500 mg", "500mg")
PACK = PrintedFact("pack", "24 tablets", "48")


def test_lists() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]


def test_agreements_are_told_by_kind() -> None:
    assert agreed(None) == agreed(PrintComparison()) == told(None) == ""
    both = PrintComparison((STRENGTH, NAME, PrintedFact("line", "Egypt", "Egypt"), PrintedFact("code", "1", "1")))
    assert agreed(both) == "print agrees in name and strength and the code agrees"
    assert told(both) == "HEMIPAN 500 mg"
    lines = PrintComparison((PrintedFact("line", "Egypt", "Egypt"),) * 2)
    assert (agreed(lines), told(lines)) == ("print agrees in 2 lines", "")


def test_what_was_read_begins_with_the_name() -> None:
    assert reads([PACK, STRENGTH, NAME, NAME]) == "HEMIPAN 500 mg, 24 tablets"
    assert reads([STRENGTH, PACK]) == "500 mg, 24 tablets"
    assert reads([NAME, PrintedFact("name", "FORTE", "")]) == "HEMIPAN, FORTE"
    assert reads([STRENGTH, PrintedFact("name", "Hemipan 500MG", "")]) == "Hemipan 500MG"
    assert reads([]) == ""


def test_a_contradiction_says_what_each_side_says() -> None:
    printed = PrintComparison((NAME, STRENGTH), (PACK,))
    assert says_otherwise(printed, "the catalog's Hemipan (A1)") == (
        "reads HEMIPAN 500 mg, 24 tablets; the catalog's Hemipan (A1) has 48: not the same pack"
    )
    assert says_otherwise(printed, "b.jpg", photo="a.jpg") == (
        "a.jpg reads HEMIPAN 500 mg, 24 tablets; b.jpg reads 48: not the same pack"
    )
    several = PrintComparison(
        (STRENGTH,), (PACK, PrintedFact("strength", "500 mg", "250 mg", True), PrintedFact("form", "syrup", "tablets"))
    )
    assert says_otherwise(several, "it") == (
        "reads 500 mg, 24 tablets, syrup; it has 250 mg by its table, has 48 and is tablets: "
        "not the same strength, pack nor form"
    )


def test_in_short_for_tables() -> None:
    assert short(None) == short(PrintComparison()) == ""
    assert short(PrintComparison((NAME, STRENGTH), (PACK,))) == "not the same: pack; same: name, strength"
    assert short(PrintComparison((NAME,), contested="both have 1")) == "the code says otherwise; same: name"
    assert in_short(["line"], ["volume"]) == "not the same: volume; same: print"
