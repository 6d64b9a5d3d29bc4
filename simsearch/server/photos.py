"""Photos that were asked, kept for reviewers where `server.keep_photos` says so, and deleted after their days.

Each lies under the number of its answer in `server/photos/` of the home, as it was sent, readable by the server alone.
Where nothing says otherwise none is kept.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from simsearch.core.config import ServerSettings
from simsearch.core.files import replacing
from simsearch.core.types import Decision, Outcome

LOG = logging.getLogger("simsearch.server")
_DAY_S = 86_400


class KeptPhotos:
    """The photos of a home. Safe to share between threads and processes."""

    def __init__(self, home: Path, settings: ServerSettings) -> None:
        self.folder, self.settings = home / "server" / "photos", settings

    def wanted(self, answer: Decision) -> bool:
        """Whether the photos of this answer are to be kept."""
        keep = self.settings.keep_photos
        return answer.record_id is not None and (
            keep == "always" or (keep == "review" and answer.outcome is not Outcome.MATCH)
        )

    def keep(self, answer: Decision, photos: Sequence[bytes]) -> None:
        """Keep the photos of an answer where that is wanted. A photo that cannot be kept costs no answer."""
        if not self.wanted(answer):
            return
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number, data in enumerate(photos):
                with replacing(self._file(answer.record_id or 0, number), durable=False) as part:
                    part.touch(0o600)
                    part.write_bytes(data)
        except OSError as error:
            LOG.warning("a photo could not be kept (%s)", error.strerror or error)

    def find(self, decision: int, number: int = 0) -> Path | None:
        """The photo of an answer, of several the one of that number; None where none is kept, or its days are over."""
        path = self._file(decision, number)
        try:
            old = path.stat().st_mtime < self._oldest()
        except OSError:
            return None
        return None if old else path

    def numbers(self, decisions: Sequence[int]) -> set[int]:
        """Those of `decisions` whose photo is there."""
        return {number for number in decisions if self.find(number) is not None}

    def drop_old(self) -> int:
        """Delete what is past its days; how many."""
        oldest, gone = self._oldest(), 0
        with suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(OSError):  # another worker deletes, too
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(entry.path)
                        gone += 1
        return gone

    def _file(self, decision: int, number: int) -> Path:
        return self.folder / f"{int(decision)}-{int(number)}"

    def _oldest(self) -> float:
        return time.time() - self.settings.keep_photos_days * _DAY_S
