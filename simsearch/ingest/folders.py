"""A folder as a source: one sub-folder is one product, a photo directly in it a product of its own.

Everything in the folder comes out: as a row, as a refusal, or as passed over with its reason.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from simsearch.core.images import SUFFIXES
from simsearch.core.types import PassedOver, Refusal, SourceRow
from simsearch.ingest.file_kinds import HEAD, NOT_READ, RAW, is_leftover, is_photo, is_picture, unfinished_ending
from simsearch.ingest.rows import CONTROL, inside, printable
from simsearch.ingest.skus import damage, tidy

Found = SourceRow | Refusal | PassedOver
_FILE_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,9}")
"""The `.5` of a photo named `12.5` is no suffix."""


def read_folder(root: Path) -> Iterator[Found]:
    """What lies in the folder `root`, sorted by name.

    Raises:
        OSError: `root` itself cannot be listed.
    """
    for entry in _listed(root):
        if passed_over := _by_name(entry):
            yield passed_over
        elif _is_folder(entry):
            yield from _product(entry, root)
        else:
            yield from _file(entry, _sku(entry), root)


def _product(folder: Path, root: Path) -> Iterator[Found]:
    """The folder of one product, or a link to it. A link that leaves `root`, or leads to `root` itself, is not one."""
    if folder.is_symlink():
        if not inside(folder, root):
            yield _refusal("outside_root", folder, root, f"is a link that leaves {root}")
            return
        if inside(root, folder.resolve()):
            yield _passed_over(folder, "folder_link", "links to folders")
            return
    yield from _walk(folder, folder.name, root)


def _walk(folder: Path, sku: str, root: Path) -> Iterator[Found]:
    """All below `folder`. Links to folders are not followed, because they may form a loop."""
    try:
        entries = _listed(folder)
    except OSError as error:
        yield _refusal("missing", folder, root, f"cannot be listed ({error.strerror})")
        return
    if not entries:
        yield _passed_over(folder, "empty", "empty folders")
    for entry in entries:
        if passed_over := _by_name(entry):
            yield passed_over
        elif not _is_folder(entry):
            yield from _file(entry, sku, root)
        elif entry.is_symlink():
            yield _passed_over(entry, "folder_link", "links to folders")
        else:
            yield from _walk(entry, sku, root)


def _listed(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return sorted(folder / entry.name for entry in entries)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _by_name(entry: Path) -> PassedOver | None:
    """An entry that is passed over by its name alone; None for all others."""
    name = entry.name
    if is_leftover(name):
        return _passed_over(entry, "system", f"{name[:2]}*" if name.startswith(("._", "~$")) else name)
    if name.startswith("."):
        return _passed_over(entry, "hidden", "hidden names")
    if (ending := unfinished_ending(name)) and not _is_folder(entry):
        return _passed_over(entry, "unfinished", ending)
    return None


def _passed_over(path: Path, reason: str, what: str) -> PassedOver:
    return PassedOver(_shown(str(path)), reason, _shown(what))


def _shown(text: str) -> str:
    """`text` as it is where it can be printed; else with the odd characters escaped."""
    return text if printable(text) and not CONTROL.search(text) else ascii(text)


def _file(path: Path, sku: str, root: Path) -> Iterator[Found]:
    """A file: its ending says that it is a photo, or else its first bytes."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        yield _photo(path, sku, root)
        return
    kind = suffix if suffix in NOT_READ or _FILE_SUFFIX.fullmatch(suffix) else "no suffix"
    if not path.is_file():
        yield _passed_over(path, "no_file", "broken links, devices and pipes")
        return
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        yield _refusal("missing", path, root, f"cannot be read ({error.strerror})")
        return
    if suffix not in RAW and is_photo(head):
        yield _photo(path, sku, root)
    elif suffix in NOT_READ or is_picture(head):
        yield _passed_over(path, "kind", kind)
    else:
        yield _passed_over(path, "other", kind)


def _sku(photo: Path) -> str:
    """The SKU of a photo that lies in no sub-folder: its name without the suffix."""
    known = photo.suffix.lower() in SUFFIXES or _FILE_SUFFIX.fullmatch(photo.suffix)
    return photo.stem if known else photo.name


def _photo(photo: Path, name: str, root: Path) -> SourceRow | Refusal:
    image, sku = str(photo.relative_to(root)), tidy(name)
    if not printable(image) or CONTROL.search(image):
        return _refusal("bad_row", photo, root, "its name is not valid text; rename it")
    if not inside(photo, root):
        return _refusal("outside_root", photo, root, f"is a link that leaves {root}")
    if not sku:
        return _refusal("bad_row", photo, root, "is in a folder whose name is blank; a folder is named by its SKU")
    if found := damage(sku):
        return _refusal("bad_row", photo, root, f"its SKU {found}")
    return SourceRow(sku, str(photo), image, str(photo))


def _refusal(code: str, path: Path, root: Path, reason: str) -> Refusal:
    """A refusal under the path as text: bytes that are none are escaped."""
    return Refusal(_shown(str(path.relative_to(root))), code, f"{_shown(str(path))}: {reason}", str(path))
