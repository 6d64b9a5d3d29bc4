"""What print says of pairs of files, by the readings and codes that the catalog holds; no file is opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from simsearch.catalog import Catalog
from simsearch.core.types import PrintComparison
from simsearch.duplicates.distinct_files import DistinctFiles
from simsearch.features.orb import Geometry
from simsearch.recognition.pair_scorer import StoredPrint
from simsearch.recognition.print_pairs import PrintSide

_HELD = 8192
"""Files whose readings are held in memory: about 40 MB."""


def has_lines(side: PrintSide | None) -> bool:
    """Whether lines were read on a photo."""
    return side is not None and side.reading is not None and len(side.reading.lines) > 0


class FilePrint:
    """Print of distinct files. `load` is called by one thread; `compare` by any number."""

    def __init__(self, catalog: Catalog, files: DistinctFiles, prints: StoredPrint | None) -> None:
        self.catalog, self.files = catalog, files
        self.unread = prints.unread(catalog, files.ids) if prints else len(files)
        """Files on which nothing was read."""
        self.prints = prints if self.unread < len(files) else None
        self._held: dict[int, PrintSide] = {}  # the most recently used last

    def load(self, files: Iterable[int]) -> Mapping[int, PrintSide]:
        """What was read on each of `files`; without a reader nothing."""
        if self.prints is None:
            return {}
        wanted = sorted(files)
        found = {file: self._held.pop(file) for file in wanted if file in self._held}
        file_of = {int(self.files.ids[file]): file for file in wanted if file not in found}
        facts = self.catalog.images.facts(file_of)
        found |= {file_of[i]: side for i, side in self.prints.stored(self.catalog, facts).items()}
        self._held |= found
        for file in list(self._held)[:-_HELD]:
            del self._held[file]
        return found

    def compare(
        self, pair: tuple[int, int], sides: Mapping[int, PrintSide], geometry: Geometry | None
    ) -> PrintComparison | None:
        """What print says of a pair; None where one of its files was not read. `sides`: as `load` gave them."""
        if self.prints is None or not all(file in sides for file in pair):
            return None
        return self.prints.compare(sides[pair[0]], sides[pair[1]], geometry)
