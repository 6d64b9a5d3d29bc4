"""Thumbnails of files, each read once where it is wanted soon again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError
from simsearch.duplicates.distinct_files import DistinctFiles
from simsearch.duplicates.pixel_diff import Thumbnail, thumbnail

_HELD = 256
"""Files whose thumbnails are held in memory: about 80 MB."""
_LOCKS = 64


class Thumbnails:
    """Of the files that duplicates are sought among. Any number of threads may ask."""

    def __init__(self, catalog: Catalog, files: DistinctFiles, settings: ImageSettings) -> None:
        self.catalog, self.files, self.settings = catalog, files, settings
        self.unread: set[int] = set()
        """Files that were wanted and could not be read."""
        self._held = lru_cache(_HELD)(self._read)
        self._reading = [Lock() for _ in range(_LOCKS)]  # so that two threads do not read one file at once

    def facts(self, files: Iterable[int]) -> dict[int, ImageFacts]:
        """The image of each file that is still active; one query for all of them."""
        file_of = {int(self.files.ids[file]): file for file in files}
        return {file_of[i]: facts for i, facts in self.catalog.images.facts(file_of).items()}

    def of(self, file: int, facts: Mapping[int, ImageFacts]) -> Thumbnail | None:
        """The thumbnail of a file; None if the file is gone, cannot be read or has another content by now.

        `facts`: as the method of that name gave them.
        """
        own = facts.get(file)
        with self._reading[file % _LOCKS]:
            shown = self._held(own.path, own.sha256) if own else None
        if shown is None:
            self.unread.add(file)  # atomic: several threads do
        return shown

    def _read(self, path: str, sha256: str) -> Thumbnail | None:
        try:
            image = images.load(Path(path), self.settings, keep=False)
        except ImageError:
            return None
        return thumbnail(image.pixels) if image.sha256 == sha256 else None
