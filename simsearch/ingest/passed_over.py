"""What was passed over in folders, counted by what it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from simsearch.core.types import PassedOver

REASONS = {
    "kind": "pictures of a kind that is not read",
    "other": "no pictures",
    "system": "left by a system or file server",
    "hidden": "beginning with a dot",
    "unfinished": "downloads under way, temporary files, older copies",
    "folder_link": "not followed",
    "no_file": "nothing to read",
    "empty": "nothing in them",
}
"""Reason -> in words; in the order of reports: first what a user may miss."""


@dataclass(frozen=True)
class PassedOverGroup:
    """Files and folders that were passed over for one reason under one name."""

    reason: str
    what: str
    count: int
    paths: tuple[str, ...]


def passed_over_groups(found: Iterable[PassedOver]) -> tuple[PassedOverGroup, ...]:
    """The entries grouped by reason and by what they are, the largest group of a reason first."""
    by_kind: dict[tuple[str, str], list[str]] = {}
    for entry in found:
        by_kind.setdefault((entry.reason, entry.what), []).append(entry.path)
    groups = [PassedOverGroup(reason, what, len(paths), tuple(paths)) for (reason, what), paths in by_kind.items()]
    order = list(REASONS)
    return tuple(sorted(groups, key=lambda g: (order.index(g.reason), -g.count, g.what)))


def in_words(groups: Sequence[PassedOverGroup]) -> str:
    """One line: "333 .tga, 12 .ico (pictures of a kind that is not read); 4 @eaDir (left by a system ...)"."""
    parts = []
    for reason, words in REASONS.items():
        if counts := [f"{g.count} {g.what}" for g in groups if g.reason == reason]:
            parts.append(f"{', '.join(counts)} ({words})")
    return "; ".join(parts)
