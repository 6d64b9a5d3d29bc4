"""Do the files still hold what was indexed? Every photo is read and compared by its sha256; none is decoded."""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor

from simsearch.catalog import Catalog
from simsearch.core.status import PhotoCheck
from simsearch.core.threads import cores
from simsearch.core.types import Progress

_AT_ONCE = 1024
"""Files that wait for a thread."""


def check_photos(catalog: Catalog, progress: Progress) -> PhotoCheck:
    """Compare each file of an active, accepted image with the content that was indexed; told after every photo."""
    wanted = catalog.selection.files()
    found: dict[str, list[str]] = {"sound": [], "changed": [], "missing": [], "unreadable": []}
    with ThreadPoolExecutor(cores()) as pool:
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            for place, says in enumerate(pool.map(lambda file: _look(*file), part), start):
                found[says].append(wanted[place][0])
                progress(place + 1, len(wanted), says if says != "sound" else "")
    return PhotoCheck(len(found["sound"]), *(tuple(found[what]) for what in ("changed", "missing", "unreadable")))


def _look(path: str, sha256: str) -> str:
    """sound, changed, missing or unreadable."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return "changed" if os.path.isdir(path) else "unreadable"  # a pipe might never end
        with open(path, "rb") as stream:
            return "sound" if hashlib.file_digest(stream, "sha256").hexdigest() == sha256 else "changed"
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except (OSError, ValueError):
        return "unreadable"
