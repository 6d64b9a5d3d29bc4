"""Workers that some photos kill, or hold for good: for tests/ingest/test_workers.py, whose processes import it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simsearch.features import create
from simsearch.ingest.describing import Describer, Job, Photo, Seen
from simsearch.ingest.workers import Recipe


@dataclass(frozen=True)
class MortalRecipe(Recipe):
    """Photos named kill… end the process that describes them, photos named once… only the first that does."""

    def describer(self) -> Describer:
        return MortalDescriber({name: create(name, settings) for name, settings in self.methods.items()}, self.images)


class MortalDescriber(Describer):
    """See :class:`MortalRecipe`."""

    def describe(self, batch: Sequence[Job | Photo]) -> list[Seen]:
        for one in batch:
            job = one.job if isinstance(one, Photo) else one
            path = Path(job.row.path)
            if path.name.startswith("kill"):
                os.kill(os.getpid(), signal.SIGKILL)
            if path.name.startswith("hang"):
                time.sleep(600)
            mark = path.with_suffix(".seen")
            if path.name.startswith("once") and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return super().describe(batch)
