"""Indexing: sources -> photos -> descriptors -> catalog.

An unchanged photo costs one `stat`. A file with another stamp (`core.stamps`) costs one reading, and is described anew
if its sha256 differs. A crash loses what was not committed yet: at most `commit_every` photos.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Self

from simsearch.catalog import Catalog
from simsearch.catalog.corrections import CorrectionIndex
from simsearch.catalog.images import KnownImage, NewImage
from simsearch.core.config import Config, ImageSettings, IndexingSettings
from simsearch.core.stamps import Stamp
from simsearch.core.threads import SingleThreaded, cores, stay_on_this_thread
from simsearch.core.types import Description, Progress, Refusal, SourceRow
from simsearch.features.base import ExpectantMethod, Method, pack
from simsearch.ingest.describing import Describer, Job, Seen
from simsearch.ingest.index_report import IndexReport
from simsearch.ingest.passed_over import passed_over_groups
from simsearch.ingest.retirement import Gone, check_share, find_gone
from simsearch.ingest.sources import Source, check_filled
from simsearch.ingest.workers import Recipe, Workers, open_workers

_SYSTEMATIC = 20
"""If the first so many photos all fail unexpectedly, the program is at fault and not a photo: the run ends."""


@dataclass
class _Step:
    """Changes for the next transaction."""

    add: list[NewImage] = field(default_factory=list)
    retire: list[int] = field(default_factory=list)
    redescribe: dict[int, NewImage] = field(default_factory=dict)
    touch: dict[int, tuple[str, Stamp]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.add) + len(self.retire) + len(self.redescribe) + len(self.touch)


class Indexer:
    """Describes the photos that sources list and the catalog lacks."""

    def __init__(
        self,
        catalog: Catalog,
        methods: Mapping[str, Method],
        settings: IndexingSettings,
        image_settings: ImageSettings,
        workers: tuple[Workers, Recipe] | None = None,
    ) -> None:
        """`workers`: processes that describe, and what they make their methods from; None: threads of this one."""
        self.workers = workers
        self.catalog, self.methods, self.settings = catalog, methods, settings
        self.describer = Describer(methods, image_settings)
        self.fingerprints = sorted(m.fingerprint for m in methods.values())
        self.corrections = CorrectionIndex(())

    @classmethod
    def of(cls, catalog: Catalog, methods: Mapping[str, Method], config: Config) -> Self:
        """An indexer that describes where `indexing.describe_on` says.

        Raises:
            ConfigError: that names nothing.
        """
        workers = open_workers(config)
        fingerprints = {name: method.fingerprint for name, method in methods.items()}
        recipe = Recipe({name: config.methods.get(name, {}) for name in methods}, config.images, fingerprints)
        return cls(catalog, methods, config.indexing, config.images, (workers, recipe) if workers else None)

    def run(
        self,
        sources: Sequence[Source],
        *,
        retire_share: float | None = None,
        reread: bool = False,
        progress: Progress,
    ) -> IndexReport:
        """Bring the catalog up to what `sources` list.

        Args:
            sources: what was read; see `read_source`.
            retire_share: retire images that their source no longer lists, at most this share of the images of all
                `sources`; None retires none.
            reread: read every file, also those whose size, times and number are as they were.
            progress: told after every photo.

        Raises:
            SourceError: more images than `retire_share` are no longer listed; nothing was changed.
        """
        started = time.perf_counter()
        counts: Counter[str] = Counter()
        refusals = [refusal for source in sources for refusal in source.refusals]
        listed = {row.sku for source in sources for row in source.rows}
        keys = [] if retire_share is None else [source.key for source in sources]
        known = {(k.filed, k.path): k for k in self.catalog.images.known(self.fingerprints, skus=listed, sources=keys)}
        self.corrections = self.catalog.corrections.index()
        gone = Gone((), 0, 0)
        if retire_share is not None:
            gone = find_gone(known.values(), sources)
            check_share(gone, retire_share, sources)
            check_filled(sources, {image.source for image in known.values()})
        self._carry_out(self._plan(sources, known, counts, reread), counts, refusals, progress)
        self.catalog.images.apply(retire=gone.ids)
        self.catalog.images.update_products([row for source in sources for row in source.rows])
        for source in sources:
            self.catalog.images.note_refusals(source.key, source.refusals)
        return IndexReport(
            added=counts["added"], changed=counts["changed"], redescribed=counts["redescribed"],
            unchanged=counts["unchanged"], retired=len(gone.ids), kept=gone.kept, refused=len(refusals),
            refusals=tuple(refusals), seconds=time.perf_counter() - started,
            passed_over=passed_over_groups(entry for source in sources for entry in source.passed_over),
            corrected=counts["corrected"], left_out=counts["left_out"],
        )  # fmt: skip

    def redescribe(self, rows: Sequence[tuple[str, SourceRow]], progress: Progress) -> None:
        """Describe active images again from their files. `rows`: (source, row) of each; see `catalog.images.stale`."""
        filed = {row.sku for _, row in rows}
        known = {(k.filed, k.path): k for k in self.catalog.images.known(self.fingerprints, skus=filed)}
        jobs = [Job(row, source, known[row.sku, row.path]) for source, row in rows if (row.sku, row.path) in known]
        self._carry_out(jobs, Counter(), [], progress)

    def _carry_out(
        self, jobs: Sequence[Job], counts: Counter[str], refusals: list[Refusal], progress: Progress
    ) -> None:
        """Do `jobs`, commit every `commit_every` changes, and add to `counts` and `refusals`."""
        step = _Step()
        failed = 0
        for done, seen in enumerate(self._work(jobs), 1):
            failed += seen.error is not None and seen.error.code == "unexpected"
            if failed == done == _SYSTEMATIC and seen.error is not None:
                raise seen.error.__cause__ or seen.error  # of another process the cause does not come along
            self._settle(seen, step, counts, refusals)
            if len(step) >= self.settings.commit_every:
                step = self._commit(step)
            progress(done, len(jobs), f"{len(refusals)} refused" if refusals else "")
        self._commit(step)

    def _plan(
        self,
        sources: Sequence[Source],
        known: Mapping[tuple[str, str], KnownImage],
        counts: Counter[str],
        reread: bool,
    ) -> list[Job]:
        """The images whose file must be read. Counts the unchanged ones; nothing is read here."""
        jobs: list[Job] = []
        listed: set[tuple[str, str]] = set()
        seen: dict[int, tuple[str, Stamp]] = {}
        for source in sources:
            for row in source.rows:
                key = (row.sku, row.path)
                if key in listed:
                    continue
                listed.add(key)
                have, stamp = known.get(key), Stamp.of(row.path)
                if have is None or reread or not have.stamp.agrees(stamp):
                    jobs.append(Job(row, source.key, have))
                    continue
                if (have.source, have.stamp) != (source.key, stamp):
                    seen[have.id] = (source.key, stamp)
                counts["corrected"] += have.sku != have.filed
                if have.left_out:
                    counts["left_out"] += 1
                    continue
                # A refused photo is tried again: its reason (a limit, a missing decoder) may be gone.
                if have.verdict == "refused" or not have.described:
                    jobs.append(Job(row, source.key, have))
                else:
                    counts["unchanged"] += 1
        self.catalog.images.apply(touch=seen)
        return jobs

    def _work(self, jobs: Sequence[Job]) -> Iterator[Seen]:
        """Do every job, and yield the results in order. At most one batch more than there are threads is read ahead.

        Each thread computes on one core, and takes the next photo when it is done with one (`Describer.submit`).
        """
        if self.workers is not None:
            elsewhere, recipe = self.workers
            yield from elsewhere.run(jobs, recipe, self.settings.batch)
            return
        for method in self.methods.values() if jobs else ():
            if isinstance(method, ExpectantMethod):
                method.expect(len(jobs))
        workers = self.settings.workers or cores()
        size = self.settings.batch
        waiting: deque[Future[list[Seen]]] = deque()
        batches = (jobs[i : i + size] for i in range(0, len(jobs), size))
        with SingleThreaded(), ThreadPoolExecutor(workers, initializer=stay_on_this_thread) as pool:
            try:
                while True:
                    while len(waiting) <= workers and (batch := next(batches, None)) is not None:
                        waiting.append(self.describer.submit(pool, batch))
                    if not waiting:
                        break
                    yield from waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _packed(self, description: Description) -> dict[str, bytes]:
        """Fingerprint -> bytes of each descriptor."""
        return {method.fingerprint: pack(description[name]) for name, method in self.methods.items()}

    def _settle(self, seen: Seen, step: _Step, counts: Counter[str], refusals: list[Refusal]) -> None:
        """Turn what was seen into changes to write."""
        job, known = seen.job, seen.job.known
        if seen.error is not None:
            refusals.append(Refusal(job.row.path, seen.error.code, str(seen.error)))
            if known is None:
                step.add.append(_refused(seen))
            elif seen.digest is not None and seen.digest != known.sha256:  # the content changed, and is unusable
                step.retire.append(known.id)
                step.add.append(_refused(seen))
            # Else the file is missing or as unusable as before: the catalog keeps what it has.
        elif known is None:
            self._add(seen, step, counts, "added")
        elif seen.description is None or (known.left_out and known.sha256 == seen.digest):
            step.touch[known.id] = (job.source, seen.stamp)
            counts["left_out" if known.left_out else "unchanged"] += 1
            counts["corrected"] += known.sku != known.filed
        elif known.verdict == "ok" and known.sha256 == seen.digest:
            step.redescribe[known.id] = self._accepted(seen)
            counts["redescribed"] += 1
        else:
            step.retire.append(known.id)
            self._add(seen, step, counts, "changed")

    def _add(self, seen: Seen, step: _Step, counts: Counter[str], what: str) -> None:
        """File a new image: as its row says, or as a correction of its content or of its SKU does."""
        correction = self.corrections.of(seen.job.row.sku, seen.digest)
        if correction is not None and not correction.to_sku:
            counts["left_out"] += 1
            return
        image = self._accepted(seen)
        if correction is not None and correction.to_sku != image.row.sku:
            image = replace(image, to_sku=correction.to_sku)
            counts["corrected"] += 1
        step.add.append(image)
        counts[what] += 1

    def _accepted(self, seen: Seen) -> NewImage:
        row, described = seen.job.row, seen.description
        assert described is not None
        return NewImage(
            row, seen.job.source, seen.stamp, seen.digest, seen.width, seen.height,
            surface=row.surface or described.surface.value,
            surface_probability=None if row.surface else described.surface_probability or 0.0,
            descriptors=self._packed(described),
        )  # fmt: skip

    def _commit(self, step: _Step) -> _Step:
        self.catalog.images.apply(add=step.add, retire=step.retire, redescribe=step.redescribe, touch=step.touch)
        return _Step()


def _refused(seen: Seen) -> NewImage:
    assert seen.error is not None
    return NewImage(
        seen.job.row, seen.job.source, seen.stamp, seen.digest, reason_code=seen.error.code,
        reason=str(seen.error),
    )  # fmt: skip
