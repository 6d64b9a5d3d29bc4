"""What `simsearch duplicates` prints where it lists no group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simsearch.catalog.images import ImageFacts
from simsearch.duplicates import DuplicateGroup, DuplicatePair, Findings, PairKind
from simsearch.views.text.duplicates import findings

_IMAGE = ImageFacts(1, "a.jpg", "/a.jpg", "front", "0" * 64, "A", "Examplin", "10 mg", "", "", {})
_GROUP = DuplicateGroup((_IMAGE, replace(_IMAGE, id=2)), (DuplicatePair(_IMAGE, _IMAGE, None, PairKind.IDENTICAL, ""),))
_ALL = Findings((_GROUP,), (), 2, 1, 0, 0, 0)
_SETTLED = replace(_ALL, groups=(), settled=2)


@pytest.mark.parametrize(
    ("found", "every", "says"),
    [
        (replace(_ALL, groups=()), _ALL, "no group of the kind asked for; there is 1 of other kinds"),
        (_SETTLED, _SETTLED, "no duplicates but those confirmed before"),
        (replace(_ALL, groups=()), replace(_ALL, groups=()), "no duplicates"),
    ],
)  # fmt: skip
def test_no_duplicates_is_said_only_where_there_are_none(
    found: Findings, every: Findings, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    findings(found, every)
    assert capsys.readouterr().out.splitlines()[0] == says
