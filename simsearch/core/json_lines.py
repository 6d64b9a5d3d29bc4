"""What people said in a file of JSON lines: one object a line. The file is not trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from simsearch.core.errors import UsageError

T = TypeVar("T")


def read_json_lines(
    path: Path, parse: Callable[[Any, str], T], *, most_bytes: int, remedy: str
) -> tuple[list[T], list[str]]:
    """What `parse` makes of each line of a file, and why it makes nothing of others, each with file and line.

    Args:
        path: of the file, in UTF-8.
        parse: given the value of a line, and its place in words; raises ValueError where it is none.
        most_bytes: a larger file is refused.
        remedy: how a file that is right is made: the end of a message.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        if path.stat().st_size > most_bytes:
            raise UsageError(f"{path}: has more than {most_bytes:,} bytes; divide it")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8; {remedy}") from None
    found, bad = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append(parse(json.loads(line), f"{path}:{number}"))
            except (ValueError, RecursionError) as error:
                bad.append(f"{path}:{number}: {error}")
    return found, bad
