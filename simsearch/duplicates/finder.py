"""The search for duplicates: candidate pairs of all lanes, each checked, then linked into groups and sorted by kind."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from datetime import datetime

import numpy as np

from simsearch.catalog import Catalog
from simsearch.core.config import DuplicateSettings, ImageSettings
from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Progress, silent
from simsearch.duplicates.candidates import SelfJoin, candidate_pairs, mirror_pairs
from simsearch.duplicates.distinct_files import DistinctFiles, distinct_files
from simsearch.duplicates.grouping import Grouping, Least
from simsearch.duplicates.left_out import LeftOut
from simsearch.duplicates.pair_check import PairChecker
from simsearch.duplicates.pair_evidence import PairCheck
from simsearch.duplicates.results import DuplicateGroup, DuplicatePair, Findings
from simsearch.features.base import Method
from simsearch.recognition.pair_scorer import PairScorer, StoredPrint


class DuplicateFinder:
    """Compares the catalog with itself."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        scorer: PairScorer,
        settings: DuplicateSettings,
        threshold: float,
        reading: ImageSettings,
        prints: StoredPrint | None = None,
        pills_threshold: float | None = None,
    ) -> None:
        """`threshold`: smallest probability of one product; `pills_threshold`: of loose pills, None: the same.

        `prints`: compares what the catalog holds of print; None: print has no say.
        """
        self.catalog, self.methods, self.scorer, self.prints = catalog, methods, scorer, prints
        self.settings, self.reading = settings, reading
        self.least = Least(threshold, threshold if pills_threshold is None else pills_threshold, settings.look_alike)

    @SingleThreaded()
    def find(self, progress: Progress = silent, *, since: datetime | None = None) -> Findings:
        """All findings that nobody has settled; with `since`, only those with a photo that was added after it."""
        left_out = LeftOut()
        files = distinct_files(self.catalog, self.methods, left_out)
        new = None if since is None else self.catalog.selection.added_after(since)
        asked = None if new is None else files.of_images(new)
        join = SelfJoin(self.catalog, self.methods, self.settings, files, left_out, asked)
        pairs = candidate_pairs(join, progress)
        checker = PairChecker(join, self.scorer, self.reading, min(self.least), self.prints)
        with closing(checker):
            checks: dict[tuple[int, int], PairCheck] = {}
            start = 0
            while start < len(pairs):
                found, start = checker.check_block(pairs, start)
                checks |= found
                progress(start, len(pairs), f"{len(checks)} pairs kept")
            checks |= checker.faint_copies()
            if self.settings.mirrored:
                checks |= checker.mirror_images([pair for pair in mirror_pairs(join) if not _one_photo(checks, pair)])
            checks |= checker.through_copies(checks)
            groups, look_alikes, settled = self._grouped(files, checker, checks, new)
        compared = len(np.setdiff1d(files.members, np.fromiter(left_out.ids, np.int64, len(left_out))))
        without_print = checker.look.print.unread
        unread = len(checker.look.thumbnails.unread)
        return Findings(groups, look_alikes, compared, len(pairs), settled, len(left_out), unread, without_print)

    def _grouped(
        self,
        files: DistinctFiles,
        checker: PairChecker,
        checks: Mapping[tuple[int, int], PairCheck],
        new: AbstractSet[int] | None,
    ) -> tuple[tuple[DuplicateGroup, ...], tuple[DuplicatePair, ...], int]:
        """Groups, look-alikes and the number of settled groups.

        Linkage reads keypoints that no earlier step needed. If some are damaged, it starts again without that file.
        """
        while True:
            grouping = Grouping(self.catalog, files, checker, checks, self.least, new)
            left_out = len(checker.left_out)
            groups, settled = grouping.groups()
            if len(checker.left_out) == left_out:
                return groups, grouping.look_alikes(groups), settled


def _one_photo(checks: Mapping[tuple[int, int], PairCheck], pair: tuple[int, int]) -> bool:
    return pair in checks and checks[pair].evidence.photo is not None
