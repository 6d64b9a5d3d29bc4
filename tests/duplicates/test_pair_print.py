"""Print of suspected duplicates: a contradiction takes a pair out of its group and is the reason of the look-alike."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.core.config import ImageSettings
from simsearch.core.types import Ids, PrintComparison, PrintedFact, Verification
from simsearch.duplicates import DuplicatePair, Findings, PairKind, without_print
from simsearch.features.orb import Geometry
from simsearch.recognition.print_pairs import PrintSide
from simsearch.views.html.duplicates import write_sheet
from tests.duplicates.world import World, marks

PACK = PrintComparison(
    (PrintedFact("strength", "500 mg", "500 mg"),), (PrintedFact("pack", "24 tablets", "48 tablets"),), 0.9
)
AGREES = PrintComparison((PrintedFact("strength", "500 mg", "500 mg"), PrintedFact("name", "A", "A")), (), 0.9)


class Prints:
    """Says of pairs of images, by their marks, what the test wrote down; None of all others."""

    def __init__(self, says: Mapping[str, PrintComparison]) -> None:
        self.says = says
        self.loaded = 0

    def stored(self, catalog: Catalog, facts: Mapping[int, ImageFacts]) -> Mapping[int, PrintSide]:
        self.loaded += len(facts)
        return {i: PrintSide(facts=one) for i, one in facts.items()}

    def unread(self, catalog: Catalog, ids: Ids) -> int:
        return 1

    def compare(self, a: PrintSide, b: PrintSide, geometry: Geometry | None) -> PrintComparison | None:
        assert a.facts
        assert b.facts
        return self.says.get(a.facts.image + b.facts.image)


def test_contradicting_print_takes_a_pair_apart(world: World) -> None:
    world.add("abc")
    strong = {"ab": 0.99, "ac": 0.99, "bc": 0.99}
    assert marks(world.find(strong)[0]) == ["abc"]
    found, _ = world.findings(strong, prints=Prints({"ab": PACK, "ac": AGREES}))
    assert marks(found.groups) == ["ac"]
    [pair] = found.groups[0].pairs
    assert pair.reason == "9 matching points that count as 0, similarity 0.90; print agrees in name and strength"
    reasons = {p.a.image + p.b.image: p.reason for p in found.look_alikes}
    assert {pair: reason.split("; 9 matching")[0] for pair, reason in reasons.items()} == {
        "ab": "a reads 500 mg, 24 tablets; b reads 48 tablets: not the same pack",
        "bc": "not alike enough to the others of a group",
    }


def test_a_person_outranks_print(world: World) -> None:
    world.add("ab")
    world.catalog.reviews.record(Side("a", "a" * 64), Side("b", "b" * 64), ReviewVerdict.CONFIRMED)
    found, _ = world.findings({"ab": 0.99}, prints=Prints({"ab": PACK}))
    assert found.settled == 1


def test_readings_are_loaded_once_and_only_for_what_may_be_kept(world: World) -> None:
    world.add("abcd")
    prints = Prints({})
    found, _ = world.findings({"ab": 0.99}, prints=prints)
    assert prints.loaded <= 4
    assert (marks(found.groups), found.without_print) == (["ab"], 1)


def test_without_a_reader_all_is_as_before_and_said(world: World) -> None:
    world.add("ab")
    found, _ = world.findings({"ab": 0.99})
    assert (marks(found.groups), found.without_print) == (["ab"], 2)
    assert without_print(found).startswith("print of the files was not read")
    assert without_print(Findings((), (), 9, 0, 0, without_print=2)).startswith("print of 2 of the files was not read")
    assert without_print(Findings((), (), 9, 0, 0)) == ""


def test_the_sheet_shows_the_places_that_contradict(tmp_path: Path) -> None:
    place = ((0.2, 0.2), (0.6, 0.2), (0.6, 0.3), (0.2, 0.3))
    images = []
    for number, name in enumerate("ab"):
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), np.full((200, 300, 3), 90 + 100 * number, np.uint8))
        images.append(ImageFacts(number, name, str(path), "", name * 64, name, "Hemipan", "", "", "", {}))
    fact = PrintedFact("pack", "24 <tablets>", "48 tablets", photo_place=place, catalog_place=place)
    seen = Verification(0.99, 0.9, 0.9, 9, 0.9, printed=PrintComparison((), (fact,)))
    pair = DuplicatePair(images[0], images[1], seen, PairKind.LOOK_ALIKE, "not the same pack")
    write_sheet(tmp_path / "sheet.html", Findings((), (pair,), 2, 1, 0, without_print=1), ImageSettings(), limit=5)
    page = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert "a reads <q>24 &lt;tablets&gt;</q>" in page
    assert "b reads <q>48 tablets</q>" in page
    assert '<b class="against">not the same pack</b>' in page
    assert page.count('alt="the place in ') == 2
    assert "print of 1 of the files was not read" in page
