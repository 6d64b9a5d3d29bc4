"""Corrections of filing: carried out whole or not at all, kept, and undone to the last column."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsearch.catalog import Catalog, corrections
from simsearch.catalog.checked import Due, KeptCase, Seen
from simsearch.catalog.copying import _digest
from simsearch.catalog.corrections import EVERY, Correction
from simsearch.catalog.doubts import Doubt, DoubtedPhoto, DoubtKind, DoubtVerdict, FilingAction
from simsearch.catalog.tables import CheckedRow, ImageRow, StateRow, Table
from simsearch.core.errors import UsageError
from simsearch.core.types import SourceRow

HASHED = {"phash-1": bytes(8)}
MakeNew = Callable[..., Any]


def sha(letter: str) -> str:
    return letter * 64


def doubt(sku: str, letter: str, *, to: str = "", action: FilingAction = FilingAction.MOVE) -> Doubt:
    shown = DoubtedPhoto(0, sku, f"{letter}.jpg", f"/p/{letter}.jpg", sha(letter))
    kind = DoubtKind.OTHER_PRODUCT if to else DoubtKind.ODD_PHOTO
    return Doubt(f"photo|{sku}|{sha(letter)}", kind, sku, 0.9, "why", action, shown, None, to, to)


@pytest.fixture
def filled(catalog: Catalog, new: MakeNew) -> Catalog:
    """A has a and b, B has c, C has d; each is named, and a shows a code."""
    listed = [("A", "a"), ("A", "b"), ("B", "c"), ("C", "d")]
    catalog.images.apply(
        add=[new(sku, f"/p/{x}.jpg", HASHED, sha256=sha(x), name=f"Drug {sku}", attributes={"gtin": "4006381333931"})
             for sku, x in listed]
    )  # fmt: skip
    catalog.readings.add({1: {"codes-1": b"x"}}, {1: ["gtin:1"]})
    catalog.doubts.keep(
        [
            doubt("A", "a", to="B"),
            doubt("A", "b", action=FilingAction.LEAVE_OUT),
            doubt("B", "c", to="C", action=FilingAction.MERGE),
        ]
    )
    return catalog


def dump(catalog: Catalog) -> dict[str, str]:
    """A digest of all rows of each table but the counter of revisions, which only grows."""
    with catalog.database.read() as c:
        return {t.name: _digest(c, t) for t in Table.metadata.sorted_tables if t.name != StateRow.__tablename__}


def filed(catalog: Catalog) -> dict[str, list[str]]:
    """SKU -> the photos that are found under it."""
    found: dict[str, list[str]] = {}
    for each in catalog.selection.contents():
        found.setdefault(each.sku, []).append(each.sha256[0])
    return found


def test_a_photo_is_moved_with_its_codes_and_the_table_is_not_forgotten(filled: Catalog) -> None:
    assert filled.corrections.accept(1, FilingAction.MOVE, "A", sha("a"), "B") == 1
    assert filed(filled) == {"A": ["b"], "B": ["a", "c"], "C": ["d"]}
    assert filled.corrections.all() == [Correction(1, FilingAction.MOVE, "A", sha("a"), "B")]
    [known] = [k for k in filled.images.known(["phash-1"]) if k.path == "/p/a.jpg"]
    assert (known.sku, known.filed, known.left_out) == ("B", "A", False)
    for sku in "AB":  # the source lists it under A, and it is an image of B
        assert "/p/a.jpg" in [k.path for k in filled.images.known(["phash-1"], skus=[sku])]
    assert filled.codes.images(["gtin:1"]) == [1]
    changes = filled.changes(1)
    assert {1, 2, 3} <= set(changes.renamed_ids.tolist()), "the words of both products hold for other images now"


def test_an_sku_is_merged_with_all_its_photos(filled: Catalog, new: MakeNew) -> None:
    assert filled.corrections.accept(3, FilingAction.MERGE, "B", EVERY, "C") == 1
    assert filed(filled) == {"A": ["a", "b"], "C": ["c", "d"]}
    index = filled.corrections.index()
    later = index.of("B", sha("e"))
    assert later is not None
    assert later.to_sku == "C", "a photo of B that comes later belongs to C too"
    filled.images.apply(add=[new("B", "/p/e.jpg", HASHED, sha256=sha("e"))], retire=())
    assert index.of("A", sha("a")) is None


def test_a_photo_that_is_left_out_is_known_and_found_no_more(filled: Catalog) -> None:
    filled.corrections.accept(2, FilingAction.LEAVE_OUT, "A", sha("b"), "")
    assert filed(filled) == {"A": ["a"], "B": ["c"], "C": ["d"]}
    for skus in (None, ["A"]):
        assert [k.path for k in filled.images.known(["phash-1"], skus=skus) if k.left_out] == ["/p/b.jpg"]
    assert filled.changes(1).retired.tolist() == [2]
    assert filled.housekeeping.drop_descriptors(["phash-1"], filled.revision()) == 1, (
        "the codes alone: it can come back"
    )
    assert filled.descriptors.of("phash-1", [2]) == {2: bytes(8)}


ACCEPTED = st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3, unique=True)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ACCEPTED)
def test_whatever_was_accepted_undone_in_turn_leaves_the_catalog_as_it_was(filled: Catalog, order: list[int]) -> None:
    before = dump(filled)
    for number in order:
        accept(filled, number)
    assert dump(filled) != before
    for number in reversed(order):
        assert filled.corrections.undo(number) >= 1
    assert dump(filled) == before


def accept(catalog: Catalog, number: int) -> None:
    one = catalog.doubts.get(number)
    assert one is not None
    assert one.photo is not None
    content = EVERY if one.action is FilingAction.MERGE else one.photo.sha256
    catalog.corrections.accept(number, one.action, one.sku, content, one.to_sku)


def test_what_indexing_filed_by_a_correction_is_undone_with_it(filled: Catalog, new: MakeNew) -> None:
    from dataclasses import replace

    accept(filled, 3)
    filled.images.apply(add=[replace(new("B", "/p/e.jpg", HASHED, sha256=sha("e")), to_sku="C")])
    assert filed(filled)["C"] == ["c", "d", "e"]
    filled.corrections.undo(3)
    assert filed(filled) == {"A": ["a", "b"], "B": ["c", "e"], "C": ["d"]}


def test_after_a_build_what_is_undone_is_new_to_it(filled: Catalog) -> None:
    accept(filled, 2)
    filled.builds.record("g000001", 3, "built", {})
    built = filled.revision()
    filled.corrections.undo(2)
    assert filled.changes(built).ids.tolist() == [2], "the generation lacks it, so it has to be in its delta"


def test_a_photo_that_was_moved_goes_on_with_the_sku_that_is_merged(filled: Catalog) -> None:
    accept(filled, 1)
    accept(filled, 3)
    assert filed(filled) == {"A": ["b"], "C": ["a", "c", "d"]}
    found = filled.corrections.index().of("A", sha("a"))
    assert found is not None
    assert found.to_sku == "C"


def test_a_chain_is_undone_from_its_end(filled: Catalog) -> None:
    accept(filled, 1)
    [kept] = filled.doubts.keep([*filled.doubts.open(), doubt("B", "a", to="C")])[-1:]
    filled.corrections.accept(kept.id, FilingAction.MOVE, "B", sha("a"), "C")
    assert filed(filled) == {"A": ["b"], "B": ["c"], "C": ["a", "d"]}
    found = filled.corrections.index().of("A", sha("a"))
    assert found is not None
    assert found.to_sku == "C"
    before = dump(filled)
    with pytest.raises(UsageError, match="was accepted later"):
        filled.corrections.undo(1)
    assert dump(filled) == before
    filled.corrections.undo(kept.id)
    filled.corrections.undo(1)
    assert filed(filled) == {"A": ["a", "b"], "B": ["c"], "C": ["d"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((1, FilingAction.MOVE, "A", sha("a"), "Z"), "Z: is no product of the catalog"),
        ((1, FilingAction.MOVE, "A", sha("z"), "B"), "no longer holds what doubt 1 is about"),
    ],
)
def test_what_cannot_be_done_changes_nothing(filled: Catalog, arguments: Any, words: str) -> None:
    before = dump(filled)
    with pytest.raises(UsageError, match=words):
        filled.corrections.accept(*arguments)
    assert dump(filled) == before


def test_a_file_that_is_there_already_is_not_moved_there(filled: Catalog, new: MakeNew) -> None:
    filled.images.apply(add=[new("B", "/p/a.jpg", HASHED, sha256=sha("a"))])
    with pytest.raises(UsageError, match=r"/p/a.jpg: is filed under B already; accept with --leave-out"):
        filled.corrections.accept(1, FilingAction.MOVE, "A", sha("a"), "B")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("step", ["_file", "_note_change"])
def test_a_killed_accept_is_not_done(filled: Catalog, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(filled)
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(corrections, step, lambda *_: os.kill(os.getpid(), 9))
        filled.corrections.accept(1, FilingAction.MOVE, "A", sha("a"), "B")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == 9
    assert dump(filled) == before


# -- doubts ----------------------------------------------------------------------------------------------------------


def test_a_doubt_keeps_its_number_and_is_not_listed_again_once_dismissed(filled: Catalog) -> None:
    [first, *others] = filled.doubts.open()
    assert [d.id for d in filled.doubts.keep([first, *others])] == [d.id for d in [first, *others]]
    filled.doubts.dismiss(first.id, "another face", "anna")
    assert first.key not in [d.key for d in filled.doubts.keep([first, *others])]
    [word] = filled.doubts.said()
    assert (word.verdict, word.note, word.by) == (DoubtVerdict.DISMISSED, "another face", "anna")
    filled.doubts.reopen(first.id)
    assert {d.id for d in filled.doubts.open()} == {1, 2, 3}


def test_what_is_found_no_more_is_gone_and_what_was_said_stays(filled: Catalog) -> None:
    filled.doubts.dismiss(1)
    assert filled.doubts.keep([]) == []
    assert filled.doubts.open() == []
    assert filled.doubts.counts() == {}
    assert [d.id for d in filled.doubts.said()] == [1]


def test_doubts_are_kept_whole(filled: Catalog) -> None:
    from dataclasses import replace

    from simsearch.catalog.doubts import Clash

    place = ((0.0, 0.1), (1.0, 0.1), (1.0, 0.2), (0.0, 0.2))
    one = replace(doubt("A", "a", to="B"), clashes=(Clash("strength", "5 mg", "10 mg", place),), field="strength")
    [kept] = filled.doubts.keep([one])
    assert replace(kept, id=0, new=False) == one
    assert filled.doubts.open(skus=["B"]) == [replace(kept, new=False)]
    assert filled.doubts.open(skus=["C"]) == []


def test_what_was_seen_of_an_image_goes_with_it(filled: Catalog) -> None:
    filled.checked.note({1: ({"x": 1}, [3]), 99: ({}, [])}, "t", 3)
    filled.checked.note({1: ({"x": 2}, [3, 4, 3])}, "u", 4)
    assert (filled.checked.seen([1, 99], "t"), filled.checked.seen([1, 99], "u")) == ({}, {1: Seen(4, {"x": 2})})
    assert (filled.checked.beside([3]), filled.checked.beside([1])) == ({1}, set())
    with filled.database.read() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(CheckedRow)) == 1
        assert c.scalar(sa.select(sa.func.count()).select_from(ImageRow)) == 4


def see_all(catalog: Catalog) -> int:
    """As if a check had come to its end: a stands beside c, and c beside d; returns the revision."""
    now = catalog.revision()
    catalog.checked.note({1: ({}, [3]), 2: ({}, []), 3: ({}, [4]), 4: ({}, [])}, "s", now)
    return now


def test_nothing_is_due_after_a_check_and_all_by_another_method(filled: Catalog) -> None:
    assert filled.checked.due(None, "s").images == {1, 2, 3, 4}
    now = see_all(filled)
    assert filled.checked.due(now, "s") == Due(*[frozenset()] * 4)
    assert filled.checked.due(now, "other") == Due(frozenset({1, 2, 3, 4}), frozenset(), frozenset(), frozenset("ABC"))
    # A check that was killed noted no state: what it saw is not due again, and is judged.
    assert filled.checked.due(None, "s") == Due(frozenset(), frozenset(), frozenset(), frozenset("ABC"))


def test_a_new_photo_makes_its_sku_due_and_a_changed_row_what_stands_beside_it(filled: Catalog, new: MakeNew) -> None:
    now = see_all(filled)
    filled.images.apply(add=[new("A", "/p/e.jpg", HASHED, sha256=sha("e"))])
    assert filled.checked.due(now, "s") == Due(frozenset({5}), frozenset({1, 2}), frozenset(), frozenset("A"))
    filled.checked.note({i: ({}, [3]) for i in (1, 2, 5)}, "s", filled.revision())
    assert filled.checked.due(now, "s") == Due(frozenset(), frozenset(), frozenset(), frozenset("A")), (
        "seen, but not judged"
    )
    now = filled.revision()
    filled.images.update_products([SourceRow("C", "", "", "", name="Another")])
    assert filled.checked.due(now, "s") == Due(frozenset({3, 4}), frozenset(), frozenset("C"), frozenset("C"))
    filled.images.apply(retire=[3])
    gone = Due(frozenset({1, 2, 4, 5}), frozenset(), frozenset("C"), frozenset("BC"))
    assert filled.checked.due(now, "s") == gone, "B has no photo any more, and is judged"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_correction_and_its_undoing_make_due_what_they_touch(filled: Catalog, number: int) -> None:
    now = see_all(filled)
    accept(filled, number)
    first = filled.checked.due(now, "s")
    assert first.skus
    filled.checked.note({i: ({}, []) for i in first.images}, "s", filled.revision())
    now = filled.revision()
    assert filled.checked.due(now, "s").images == set()
    filled.corrections.undo(number)
    one = filled.doubts.get(number)
    assert one is not None
    assert one.sku in filled.checked.due(now, "s").skus


def test_cases_are_replaced_by_sku(filled: Catalog) -> None:
    def case(key: str, sku: str, against: str = "") -> KeptCase:
        return KeptCase(key, sku, against, {})

    every = [case("a", "A"), case("b", "B", "C"), case("c", "C")]
    filled.checked.keep_cases(every, None)
    filled.checked.keep_cases([case("d", "C")], {"C"})
    assert [c.key for c in filled.checked.cases()] == ["a", "d"]
    filled.checked.keep_cases([], set())
    assert [c.key for c in filled.checked.cases()] == ["a", "d"]
    filled.checked.keep_cases([], None)
    assert filled.checked.cases() == []
