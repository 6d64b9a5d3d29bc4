"""Cursors: where a list goes on. Clients pass them back as they are."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated

from fastapi import Query

from simsearch.server.problems import Problem

Cursor = Annotated[str | None, Query(max_length=3000, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="Items of a page at most")]


def cursor_of(of: str, place: str | int) -> str:
    """The cursor of the list `of`, behind `place`."""
    return base64.urlsafe_b64encode(json.dumps([of, place]).encode()).decode().rstrip("=")


def text_place(of: str, given: str | None) -> str:
    """The place that a cursor of the list `of` names; "" without one. Problem bad-cursor where it is none."""
    place = _place(of, given) if given is not None else ""
    if not isinstance(place, str):
        raise _bad()
    return place


def number_place(of: str, given: str | None) -> int | None:
    """As :func:`text_place`, for lists whose places are numbers; None without a cursor."""
    place = _place(of, given) if given is not None else None
    if isinstance(place, bool) or not (place is None or (isinstance(place, int) and 0 <= place < 2**63)):
        raise _bad()
    return place


def _place(of: str, given: str) -> object:
    try:
        padded = given.encode("ascii") + b"=" * (-len(given) % 4)
        found = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _bad() from None
    if not isinstance(found, list) or len(found) != 2 or found[0] != of:
        raise _bad()
    return found[1]


def _bad() -> Problem:
    return Problem("bad-cursor", "cursor: is none that this list gave; begin without it")
