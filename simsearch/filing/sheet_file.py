"""People's words on doubts as JSON lines, as the sheet of `check --html` saves them.

One object a line: `doubt`, its number, `key`, so that no other doubt is meant, `said` ("accepted" or "dismissed"), and
if there are any `note` and `to`, the SKU that it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simsearch.catalog.doubts import DoubtVerdict
from simsearch.core.json_lines import read_json_lines

_MOST_BYTES = 50_000_000
_LONGEST = 2000
"""Characters of a text."""


@dataclass(frozen=True)
class Word:
    """What a line says of a doubt."""

    where: str
    """The file and the line."""
    doubt: int
    key: str
    said: DoubtVerdict
    note: str = ""
    to: str | None = None


def read_words(path: Path) -> tuple[list[Word], list[str]]:
    """The words in a file, and why lines of it are none: each with the file's name and the line's number.

    Raises:
        UsageError: it cannot be read.
    """
    return read_json_lines(
        path, _word, most_bytes=_MOST_BYTES, remedy="save it on the sheet of `simsearch check --html`"
    )


def _word(value: Any, where: str) -> Word:
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    doubt = value.get("doubt")
    if not isinstance(doubt, int) or isinstance(doubt, bool) or not 0 < doubt < 2**63:
        raise ValueError("doubt: is no number of a doubt")
    texts = {name: value.get(name) or "" for name in ("key", "said", "note", "to")}
    for name, text in texts.items():
        if not isinstance(text, str) or len(text) > _LONGEST:
            raise ValueError(f"{name}: is no text of at most {_LONGEST} characters")
    if texts["said"] not in [verdict.value for verdict in DoubtVerdict]:
        raise ValueError("said: is neither accepted nor dismissed")
    return Word(where, doubt, texts["key"], DoubtVerdict(texts["said"]), texts["note"], texts["to"] or None)
