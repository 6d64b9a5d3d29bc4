"""People's reviews of pairs as JSON lines: what `duplicates export`, `reviews --json` and the sheet write.

One object a line: `a` and `b`, each with `sku` and `sha256` (null: every photo of the SKU), `said` ("confirmed" or
"dismissed"), and if there are any `note`, `at` and `by`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simsearch.catalog.reviews import EVERY, Review, ReviewVerdict, Side
from simsearch.core.json_lines import read_json_lines

_MOST_BYTES = 200_000_000
_LONGEST = 2000
"""Characters of an SKU or a note."""


def read_reviews(path: Path) -> tuple[list[Review], list[str]]:
    """The reviews in a file, and why lines of it are none: each with the file's name and the line's number.

    Raises:
        UsageError: it cannot be read.
    """
    return read_json_lines(
        path,
        lambda value, _: _review(value),
        most_bytes=_MOST_BYTES,
        remedy="write it with `simsearch duplicates export`",
    )


def _review(value: Any) -> Review:
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    a, b = sorted(_side(value, name) for name in ("a", "b"))
    if a == b:
        raise ValueError("a and b are the same")
    said, note, by = value.get("said"), value.get("note") or "", value.get("by") or ""
    if said not in tuple(ReviewVerdict):
        raise ValueError("said: is neither confirmed nor dismissed")
    if not isinstance(note, str) or len(note) > _LONGEST:
        raise ValueError(f"note: is no text of at most {_LONGEST} characters")
    if not isinstance(by, str) or len(by) > _LONGEST:
        raise ValueError(f"by: is no name of at most {_LONGEST} characters")
    return Review(a, b, ReviewVerdict(said), note, datetime.now(UTC).replace(tzinfo=None), by)


def _side(value: dict[str, Any], name: str) -> Side:
    side = value.get(name)
    if not isinstance(side, dict):
        raise ValueError(f"{name}: is no object with sku and sha256")
    sku, sha256 = side.get("sku"), side.get("sha256") or EVERY
    if not isinstance(sku, str) or not 0 < len(sku) <= _LONGEST:
        raise ValueError(f"{name}.sku: is no SKU")
    if not isinstance(sha256, str) or (sha256 and (len(sha256) != 64 or set(sha256) - set("0123456789abcdef"))):
        raise ValueError(f"{name}.sha256: is no sha256 in hexadecimal digits")
    return Side(sku, sha256)
