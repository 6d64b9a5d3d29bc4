"""Tables in JSON: one object a line (JSONL), or one array of objects."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from simsearch.ingest.rows import Decimal
from simsearch.ingest.skus import tidy
from simsearch.ingest.tables import MAX_LINE, LineRefusal, Lines, LongLine, Record

_BLANK = re.compile(r"[ \t\r\n]*")
_START = re.compile(r"\s*(?:\{|\[\s*[\]{])")
_NO_JSON = "is not JSON"


class _Repeated(dict[str, Any]):
    """An object that names a key twice; `repeated` is that key."""

    repeated = ""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        found = _Repeated(found)
        found.repeated = next(key for i, (key, _) in enumerate(pairs) if key in {k for k, _ in pairs[:i]})
    return found


# Numbers keep the spelling of the file: an integer of any length is exact, and 1.0 is told from 1.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=str, parse_float=Decimal, parse_constant=Decimal, strict=False
)


def looks_like_json(start: str) -> bool:
    """Whether a file that begins with `start` holds an object or an array of them, whatever its name says."""
    return bool(_START.match(start))


def json_records(path: Path, stream: TextIO) -> Iterator[Record | LineRefusal]:
    """The objects of a file, and the lines or entries that are none."""
    start = stream.read(MAX_LINE)
    stream.seek(0)
    if start.lstrip().startswith("["):
        yield from _array(path, stream.read())
    elif (one := _single(start)) is not None:
        found = _record(f"{path} line 1", one)
        needed = "is one object; a list of objects is needed, or one object a line"
        yield found if "sku" in one else LineRefusal(f"{path} line 1", needed)
    else:
        yield from _by_line(path, Lines(stream))


def _single(text: str) -> Mapping[str, Any] | None:
    """The object of a file that holds one over several lines; None where it is JSONL."""
    lines = text.strip().splitlines()
    if len(lines) < 2 or not isinstance(_decoded(lines[0]), _NoJson):
        return None
    found = _decoded(text)
    return found if isinstance(found, dict) else None


def _by_line(path: Path, lines: Lines) -> Iterator[Record | LineRefusal]:
    while True:
        try:
            line = next(lines)
        except StopIteration:
            return
        except LongLine:
            yield LineRefusal(f"{path} line {lines.number}", f"is longer than {MAX_LINE} characters")
            continue
        if line.strip():
            yield _record(f"{path} line {lines.number}", _decoded(line))


def _array(path: Path, text: str) -> Iterator[Record | LineRefusal]:
    """The entries of an array. Behind a damaged one nothing can be told apart, so that the rest is one refusal."""
    at, number, line, counted = _skip(text, text.index("[") + 1), 0, 1, 0
    while text[at : at + 1] != "]":
        number += 1
        line, counted = line + text.count("\n", counted, at), at
        where = f"{path} entry {number} (line {line})"
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            yield LineRefusal(where, f"{_NO_JSON} from here on, and nothing behind it was read")
            return
        yield _record(where, value)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            yield LineRefusal(f"{where} and behind", f"{_NO_JSON} from here on, and nothing behind it was read")
            return
    if text[_skip(text, at + 1) :]:
        yield LineRefusal(f"{path} behind entry {number}", f"{_NO_JSON}; one array must be the whole file")


def _skip(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


class _NoJson:
    """Stands for a text that is no JSON."""


def _decoded(text: str) -> Any:
    """The value, or a `_NoJson`."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return _NoJson()


def _record(where: str, value: Any) -> Record | LineRefusal:
    if isinstance(value, _NoJson):
        return LineRefusal(where, _NO_JSON)
    if not isinstance(value, dict):
        return LineRefusal(where, "is not a JSON object")
    found = {tidy(key).lower(): part for key, part in value.items()}
    if isinstance(value, _Repeated) or len(found) < len(value):
        repeated = value.repeated if isinstance(value, _Repeated) else "a column"
        return LineRefusal(where, f"names {repeated!a} twice")
    return where, found
