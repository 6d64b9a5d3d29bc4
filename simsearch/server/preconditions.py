"""ETag, If-Match and If-None-Match: nobody changes what somebody else has just changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Header

from simsearch.server.problems import Problem

Match = Annotated[
    str | None, Header(alias="If-Match", max_length=1000, description="ETag of the state that is to be changed")
]
NoneMatch = Annotated[str | None, Header(alias="If-None-Match", max_length=1000, description="`*`: there must be none")]


def etag(value: Any) -> str:
    """A strong entity tag of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


@dataclass(frozen=True)
class Preconditions:
    """What must hold before a change."""

    match: str | None = None
    none_match: str | None = None

    def check(self, present: str | None) -> None:
        """Compare with the ETag of what is there; None where nothing is.

        Raises:
            Problem: somebody-was-faster. Its `etag` is the present one.
        """
        wanted, unwanted = _listed(self.match), _listed(self.none_match)
        holds = self.match is None or (present is not None and ("*" in wanted or present in wanted))
        clash = present is not None and ("*" in unwanted or present in unwanted)
        if not holds or clash:
            text = "the state is no longer the one that you saw; look again"
            raise Problem("somebody-was-faster", text, etag=present)


def fresh(none_match: str | None, present: str) -> bool:
    """Whether a client that says If-None-Match has the present state already."""
    listed = _listed(none_match)
    return "*" in listed or present in listed


def _listed(header: str | None) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in (header or "").split(",") if tag.strip()}
