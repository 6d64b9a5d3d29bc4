"""Every night: scan sources, describe what changed, retire what went, read, build, audit, swap, prune, back up, report.

All of it can be done by hand with `index`, `rebuild` and `status`. The night adds three things: it stops before it does
harm (a source that is suddenly half empty), it leaves a report whatever happens, and its exit code says whether the
newest state of the catalog serves.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from dataclasses import replace as replace_fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from simsearch.core.errors import CatalogError, GenerationError, SimsearchError, SourceError
from simsearch.core.files import remove_unfinished, replace, write_output
from simsearch.core.types import Progress, Refusal
from simsearch.indexes.manifest import Audit, Manifest, to_json
from simsearch.ingest.index_report import FilingReport, IndexReport, check_usable
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.metrics import metrics
from simsearch.ingest.night_reports import last_success
from simsearch.ingest.passed_over import PassedOverGroup
from simsearch.ingest.reading import PrintStage
from simsearch.ingest.reading_report import ReadingReport
from simsearch.ingest.rebuild import Rebuilder
from simsearch.ingest.remote import Remote
from simsearch.ingest.sources import read_sources
from simsearch.ingest.status import disk_usage

_LOG = logging.getLogger("simsearch")
CheckNew: TypeAlias = Callable[[datetime, Progress], FilingReport]
"""Checks how the photos that came after a moment (UTC) are filed."""
_SHOWN = 1000
"""Refusals that a report lists; `changes` counts all of them."""


@dataclass
class NightlyReport:
    """What a night did, filled in as it goes on. Written to `nightly/` in the home, also when the night failed."""

    started_at: str
    """UTC, ISO 8601."""
    outcome: str = "failed"
    """swapped: a new generation serves; unchanged: the one that served is still right; failed: see `error`."""
    generation: str | None = None
    """Which serves at the end."""
    previous: str | None = None
    """Which served before."""
    seconds: float = 0.0
    steps_s: dict[str, float] = field(default_factory=dict)
    """Seconds of scan, describe, redescribe, read, filing, check, build, prune and backup."""
    changes: dict[str, int] = field(default_factory=dict)
    """Images added, changed, redescribed, unchanged, retired, refused; kept: unlisted, but perhaps only refused."""
    refusals: list[Refusal] = field(default_factory=list)
    passed_over: list[PassedOverGroup] = field(default_factory=list)
    """What lies in the folders and is no photo of a product; the first paths of each group."""
    reading: ReadingReport | None = None
    """What was read of what is printed on the photos; None where the settings give it no time, or forbid it."""
    filing: FilingReport | None = None
    """Doubts about how what is new is filed; None where no check was asked for."""
    counts: dict[str, int] = field(default_factory=dict)
    """Of the catalog at the end."""
    audit: Mapping[str, Audit] = field(default_factory=dict)
    """Lane -> audit of the generation that serves."""
    images: int = 0
    """In the generation that serves."""
    pruned: list[str] = field(default_factory=list)
    """Generations that were removed."""
    dropped_descriptors: int = 0
    dropped_decisions: int = 0
    """Recorded answers older than `catalog.keep_decisions_days`."""
    backup: str | None = None
    """Path of the copy of the catalog."""
    disk_bytes: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 1

    @property
    def json(self) -> dict[str, Any]:
        """As it is written."""
        refusals = [{"where": r.where, "code": r.code, "message": r.message} for r in self.refusals]
        read = self.reading.json(_SHOWN) if self.reading else None
        filing = self.filing.json if self.filing else None
        parts = {"refusals": refusals, "reading": read, "filing": filing, "audit": to_json(self.audit)}
        return {**asdict(self), **parts}


class Nightly:
    """One night on one home. The caller holds the lock of the home."""

    def __init__(
        self, rebuilder: Rebuilder, stage: PrintStage, *, keep: int | None = None, filing: CheckNew | None = None
    ) -> None:
        """
        Args:
            rebuilder: of the home.
            stage: that reads what is printed.
            keep: generations to keep; None: as the settings say.
            filing: checks how what came after a moment is filed; None: nothing does.
        """
        self.stage, self.filing = stage, filing
        self.rebuilder, self.settings = rebuilder, rebuilder.config.nightly
        self.catalog, self.generations = rebuilder.catalog, rebuilder.generations
        self.keep = keep or rebuilder.config.generations.keep
        self.folder = rebuilder.home / "nightly"
        self.report = NightlyReport(datetime.now(UTC).isoformat(timespec="seconds"))

    def run(self, sources: Sequence[str | Path], progress: Progress) -> NightlyReport:
        """The whole night. The report is written whatever happens.

        Raises:
            SimsearchError: what went wrong; the old generation goes on serving.
        """
        started, report = time.perf_counter(), self.report
        try:
            with suppress(GenerationError):
                report.previous = self.generations.current()
            self._night(sources, progress)
            report.exit_code, report.error = 0, None
        except BaseException as error:
            report.outcome, report.error = "failed", " ".join(f"{error or type(error).__name__}".split())
            report.exit_code = error.exit_code if isinstance(error, SimsearchError) else 1
            raise
        finally:
            report.seconds = round(time.perf_counter() - started, 3)
            self._write()
        return report

    def _night(self, sources: Sequence[str | Path], progress: Progress) -> None:
        rebuilder, report, config = self.rebuilder, self.report, self.rebuilder.config
        began = datetime.now(UTC).replace(tzinfo=None)
        with self._step("scan"):
            self.generations.clean()
            read = read_sources(sources, remote=Remote.of(config, rebuilder.home))
        with self._step("describe"):
            indexer = Indexer.of(self.catalog, rebuilder.methods, config)
            self._changes(indexer.run(read, retire_share=self.settings.retire_share, progress=progress))
        with self._step("redescribe"):
            report.changes["redescribed"] += rebuilder.describe_stale(progress)
        minutes = config.reading.nightly_minutes
        if minutes and config.reading.mode != "never":
            with self._step("read"):
                report.reading = self.stage.run(progress, minutes=minutes)
        if self.filing is not None:
            with self._step("filing"):
                report.filing = self.filing(began, progress)
                self._check_filing(report.filing)
        with self._step("check"):
            current = self._current()
        if not current:
            with self._step("build"):
                rebuilder.build()
        report.outcome = "unchanged" if current else "swapped"
        with self._step("prune"):
            report.pruned = self.generations.prune(self.keep)
            report.dropped_descriptors = self._drop()
            report.dropped_decisions = self.catalog.decisions.drop_old(config.catalog.keep_decisions_days)
        with self._step("backup"):
            report.backup = self._backup()
        report.generation = self._serving()

    def _check_filing(self, found: FilingReport) -> None:
        """Stop before anything is built where too many of the night's photos seem to be filed wrong.

        Raises:
            SourceError: so it is. What came in stays in the catalog, and is found.
        """
        new = self.report.changes["added"] + self.report.changes["changed"]
        if found.doubted > self.settings.doubt_share * new:
            raise SourceError(
                f"{found.doubted} of {new} new photos are doubted to be of their product: more than "
                f"nightly.doubt_share = {self.settings.doubt_share}; nothing was built; `simsearch check` lists them"
            )

    def _current(self) -> bool:
        """Whether the generation that serves is still right, down to its last byte."""
        state = self.rebuilder.state()
        if state.current:
            state = self.rebuilder.state(full=True)
        if state.problem:
            _LOG.warning("%s; this night builds the indexes anew", state.problem)
        return state.current

    def _changes(self, found: IndexReport) -> None:
        self.report.changes = {
            "added": found.added, "changed": found.changed, "redescribed": found.redescribed,
            "unchanged": found.unchanged, "retired": found.retired, "refused": found.refused,
            "kept": found.kept,
        }  # fmt: skip
        self.report.refusals = list(found.refusals[:_SHOWN])
        self.report.passed_over = [replace_fields(g, paths=g.paths[:_SHOWN]) for g in found.passed_over]
        check_usable(found)

    def _serving(self) -> str:
        """The generation that serves. The night succeeds only if it opens.

        Raises:
            GenerationError: it does not open.
        """
        lanes, reading = {m.name: m.fingerprint for m in self.rebuilder.lanes}, self.rebuilder.reading
        opened = self.generations.open(lanes, None, reading.fingerprint if reading else None)
        name = self.generations.current()
        if opened is None or opened.name != name:
            raise GenerationError(f"generation {name} was built, but does not open; run `simsearch status --verify`")
        manifest = self.generations.manifest(name)
        self.report.images, self.report.audit = manifest.images, manifest.audit
        return name

    def _drop(self) -> int:
        """Drop descriptors that no generation on disk and no setting in force refers to; how many."""
        manifests = list(self._readable())
        printed = self.stage.kept_fingerprints()
        known = {*self.rebuilder.fingerprints.values(), *printed, *(f for m in manifests for f in m.methods.values())}
        oldest = min((m.revision for m in manifests), default=-1)
        return self.catalog.housekeeping.drop_descriptors(known, oldest)

    def _readable(self) -> Iterator[Manifest]:
        for name in self.generations.names():
            with suppress(GenerationError):
                yield self.generations.manifest(name)

    def _backup(self) -> str | None:
        """Copy the catalog and keep the newest few copies; None where it is no file or none is wanted."""
        folder = self.rebuilder.home / "backups"
        if not self.settings.backups or self.catalog.housekeeping.file is None:
            return None
        to = folder / f"catalog-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.db"
        self.catalog.housekeeping.backup(to)
        for old in sorted(folder.glob("catalog-*.db"))[: -self.settings.backups]:
            old.unlink()
        remove_unfinished(self.rebuilder.home)
        return str(to)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.report.steps_s[name] = round(time.perf_counter() - started, 3)

    def _write(self) -> None:
        """Write report and metrics, each in one step.

        Raises:
            CatalogError: they cannot be written, though the night went well. Of a failed night, its own error counts.
        """
        try:
            self._write_files()
        except OSError as error:
            text = f"{error.filename or self.folder}: the night's report cannot be written ({error.strerror or error})"
            if self.report.outcome != "failed":
                raise CatalogError(f"{text}; check the folder and the free disk space") from error
            _LOG.warning("%s", text)

    def _write_files(self) -> None:
        report = self.report
        with suppress(SimsearchError):
            report.counts = self.catalog.images.counts()
            report.disk_bytes = disk_usage(self.rebuilder.home, self.generations.folder)
            report.generation = report.generation or self.generations.current()
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(report.json, indent=1, ensure_ascii=True) + "\n"
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        replace(self.folder / f"report-{stamp}.json", text)
        path = Path(self.settings.metrics) if self.settings.metrics else self.folder / "simsearch.prom"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_output(path, metrics(report.json, last_success(self.folder)))
        for old in sorted(self.folder.glob("report-*.json"))[: -self.settings.reports]:
            old.unlink()
