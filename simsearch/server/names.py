"""Names in paths: a SKU or the name of an image may hold a slash, which a client writes as %2F.

ASGI servers decode the whole path, and an encoded slash would part it. The gate has such slashes travel as a letter for
private use, and the type `Name` turns them back.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import Path
from pydantic import AfterValidator

_SLASH = "\uf8ff"


def path(raw: bytes) -> str:
    """The decoded path of a request, in which encoded slashes part nothing. `raw`: without the query."""
    return unquote(raw.decode("ascii", "replace").replace("%2F", _ENCODED).replace("%2f", _ENCODED), errors="replace")


def unmarked(text: str) -> str:
    """The name that a client meant."""
    return text.replace(_SLASH, "/")


_ENCODED = "%EF%A3%BF"
Name = Annotated[
    str, Path(min_length=1, max_length=2000, description="A slash in it is written %2F"), AfterValidator(unmarked)
]
