"""What Python callers hand to an App, brought into one form. One thing where several are meant is taken as one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from simsearch.core.errors import UsageError
from simsearch.core.types import Photo, PhotoLike

_ONE = (str, bytes, bytearray, memoryview, os.PathLike, Photo)


def photos(given: object) -> list[PhotoLike]:
    """The photos: one or any number of paths, contents of image files, or contents under a name.

    Raises:
        UsageError: something else, for instance decoded pixels.
    """
    if isinstance(given, _ONE):
        return [_photo(given, "photos")]
    return [_photo(one, f"photos[{place}]") for place, one in enumerate(_several(given, "photos", _PHOTO))]


_PHOTO = "give the path of an image file, its content as bytes, or Photo(name, content)"


def _photo(given: Any, where: str) -> PhotoLike:
    if isinstance(given, str | bytes | Photo):
        return given
    if isinstance(given, bytearray | memoryview):
        return bytes(given)
    if isinstance(given, os.PathLike):
        return Path(_path(given, where))
    raise UsageError(f"{where}: {_kind(given)} is no photo; {_PHOTO}")


def sources(given: object) -> list[str]:
    """The sources: one or any number of paths.

    Raises:
        UsageError: something else.
    """
    if isinstance(given, str | os.PathLike):
        return [_path(given, "sources")]
    return [_path(one, f"sources[{n}]") for n, one in enumerate(_several(given, "sources", "give a path or a list"))]


def conditions(given: object) -> list[str]:
    """The conditions on products: one or any number of strings.

    Raises:
        UsageError: something else.
    """
    way_out = 'give strings, for instance "form=tablet"'
    found = [given] if isinstance(given, str) else _several(given, "where", way_out)
    for place, one in enumerate(found):
        if not isinstance(one, str):
            raise UsageError(f"where[{place}]: {_kind(one)} is no condition; {way_out}")
    return found


def pairs(given: object) -> list[tuple[str, str]]:
    """The pairs of paths. Two paths, as a tuple or list, are one pair.

    Raises:
        UsageError: something else.
    """
    way_out = 'give pairs of paths, for instance [("a.jpg", "b.jpg")]'
    found = _several(given, "pairs", way_out)
    if len(found) == 2 and all(isinstance(one, str | os.PathLike) for one in found):
        found = [found]
    made = []
    for place, pair in enumerate(found):
        where = f"pairs[{place}]"
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise UsageError(f"{where}: {_kind(pair)} is no pair; {way_out}")
        made.append((_path(pair[0], where), _path(pair[1], where)))
    return made


def count(given: int | None, name: str, most: int = 1000) -> int | None:
    """A number from 1 to `most`, or None.

    Raises:
        UsageError: something else.
    """
    if given is not None and (isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most):
        raise UsageError(f"{name}: {given!r} is no number from 1 to {most}")
    return given


def _several(given: Any, name: str, way_out: str) -> list[Any]:
    # An open file is refused: it would be iterated line by line.
    odd = isinstance(given, str | bytes | bytearray | Mapping | os.PathLike) or hasattr(given, "read")
    if not odd:
        with suppress(TypeError):  # some say that they can be iterated, and cannot: an array without axes
            return list(given)
    raise UsageError(f"{name}: {_kind(given)} cannot be used here; {way_out}")


def _path(given: Any, where: str) -> str:
    path = os.fspath(given) if isinstance(given, str | os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(f"{where}: {_kind(given)} is no path")
    return path


def _kind(given: object) -> str:
    return "None" if given is None else f"an object of {type(given).__module__}.{type(given).__qualname__}"
