"""What a run of indexing did, and whether that is a success."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simsearch.core.errors import SourceError
from simsearch.core.types import Refusal
from simsearch.ingest.passed_over import PassedOverGroup
from simsearch.ingest.reading_report import ReadingReport


@dataclass(frozen=True)
class FilingReport:
    """What a check of how the catalog is filed found after indexing."""

    new: int = 0
    """Doubts that no earlier check had found."""
    open: int = 0
    """All that nobody has decided."""
    doubted: int = 0
    """Of the photos that came in, how many are doubted to be of their product."""
    why: str = ""
    """Why nothing was checked; empty where it was."""

    @property
    def words(self) -> str:
        """ "3 new doubts, 12 open: `simsearch check`"."""
        if self.why:
            return f"not checked: {self.why}"
        return f"{self.new} new doubt{'s' * (self.new != 1)}, {self.open} open: `simsearch check`"

    @property
    def json(self) -> dict[str, Any]:
        """As programs read it."""
        return {"new": self.new, "open": self.open, "doubted": self.doubted, "why": self.why or None}


@dataclass(frozen=True)
class IndexReport:
    """What a run did. All counts are of images."""

    added: int
    changed: int
    redescribed: int
    """Unchanged files that got descriptors of new weights or settings."""
    unchanged: int
    retired: int
    refused: int
    """Rows and photos that the sources list and that cannot be used; `refusals` has the reasons."""
    refusals: tuple[Refusal, ...]
    seconds: float
    kept: int = 0
    """No longer listed, but not retired: a refused row or folder may stand for them."""
    generation: str = ""
    """Name of the one that was built at the end of the run; empty where none was."""
    passed_over: tuple[PassedOverGroup, ...] = ()
    """What lies in the folders and is no photo of a product."""
    corrected: int = 0
    """Photos that are filed under another SKU than their row says, as people corrected it (`simsearch check`)."""
    left_out: int = 0
    """Photos that the sources list and that people left out of the catalog."""
    reading: ReadingReport | None = None
    """What the second stage read of the whole catalog; None where it was not wanted, or is switched off."""
    filing: FilingReport | None = None
    """Doubts about how photos and rows are filed; None where nothing came in, or no check was wanted."""

    @property
    def described(self) -> int:
        """Number of photos that were decoded and described."""
        return self.added + self.changed + self.redescribed

    @property
    def nothing_usable(self) -> bool:
        """Whether everything that the sources list was refused."""
        return self.refused > 0 and not self.described and not self.unchanged


def check_usable(report: IndexReport) -> None:
    """Raise where everything that the sources list was refused: nothing came in, and that is no success.

    Raises:
        SourceError: so it is. The catalog has noted the refusals; what it held before is still there.
    """
    if report.nothing_usable:
        raise SourceError(
            f"nothing that the sources list can be used: {report.refused} refused, the first: "
            f"{report.refusals[0].message}; `simsearch status --refused` lists all"
        )
