"""What a run of the reading stage did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simsearch.core.types import Refusal


@dataclass(frozen=True)
class ReadingReport:
    """What was read of the catalog, in images."""

    read: int = 0
    """Images that are read now and were not before."""
    copied: int = 0
    """Those of them whose content had been read before, under another path or product."""
    failed: tuple[Refusal, ...] = ()
    """Photos that could not be read, each with the reason. The next run tries them again."""
    left: int = 0
    """Images that are still to be read, those that failed among them."""
    left_out: int = 0
    """Images of loose pills, which are not read."""
    seconds: float = 0.0
    why: str = ""
    """Why nothing was read, or not everything, and the way out; empty where all was tried."""

    @property
    def per_second(self) -> float:
        """Photos read a second, without those that were copied."""
        return round((self.read - self.copied) / self.seconds, 1) if self.seconds > 0 else 0.0

    def json(self, shown: int | None = None) -> dict[str, Any]:
        """As programs read it, with the first `shown` of the photos that could not be read; None: with all."""
        failures = [{"where": r.where, "code": r.code, "message": r.message} for r in self.failed[:shown]]
        return {
            "read": self.read, "copied": self.copied, "failed": len(self.failed), "left": self.left,
            "left_out": self.left_out, "seconds": round(self.seconds, 2), "images_per_s": self.per_second,
            "why": self.why or None, "failures": failures,
        }  # fmt: skip


def pace(done: int, total: int, seconds: float) -> str:
    """How fast photos are read, and how long the rest takes: "reading print: 3.2 a second, 12 min left"."""
    if seconds <= 0 or not done:
        return "reading print"
    return f"reading print: {done / seconds:.1f} a second, {_in_words((total - done) * seconds / done)} left"


def _in_words(seconds: float) -> str:
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
