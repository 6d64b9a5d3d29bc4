"""Every night: scan the sources, describe what changed, retire what went, build, audit, swap, prune, back up, report.

Nothing here cannot be done by hand with `index`, `rebuild` and `status`. What the night adds is that it stops before it
does harm (a source that is suddenly half empty), leaves a report whatever happens, and says by its exit code whether
the newest state of the catalog serves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simsearch.core.errors import GenerationError, SimsearchError, SourceError
from simsearch.core.files import remove_unfinished, replace
from simsearch.core.images import SUFFIXES
from simsearch.ingest.indexer import Indexer, IndexReport
from simsearch.ingest.metrics import metrics
from simsearch.ingest.rebuild import Maintenance
from simsearch.ingest.sources import Source, read_source

Progress = Callable[[int, int, str], None]
_SHOWN = 1000
"""Refusals that a report lists; their number is whole."""


@dataclass
class NightlyReport:
    """What a night did. Written as JSON to `nightly/` in the home, also when it failed."""

    started_at: str
    outcome: str = "failed"
    """swapped: a new generation serves; unchanged: the one that served is still right; failed: see `error`."""
    generation: str | None = None
    """That serves at the end."""
    previous: str | None = None
    """That served before."""
    seconds: float = 0.0
    steps_s: dict[str, float] = field(default_factory=dict)
    """scan, describe, redescribe, check, build, prune, backup."""
    changes: dict[str, int] = field(default_factory=dict)
    """Images added, changed, redescribed, unchanged, retired, refused."""
    refusals: list[dict[str, str]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Of the catalog at the end."""
    audit: dict[str, Any] = field(default_factory=dict)
    """Lane -> what its audit found; of the generation that serves."""
    images: int = 0
    """In the generation that serves."""
    pruned: list[str] = field(default_factory=list)
    dropped_descriptors: int = 0
    dropped_decisions: int = 0
    """Recorded answers older than `catalog.keep_decisions_days`."""
    backup: str | None = None
    disk_bytes: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    exit_code: int = 1

    @property
    def json(self) -> dict[str, Any]:
        """As it is written."""
        return asdict(self)


class Nightly:
    """One night on one home. The caller holds the lock of the home."""

    def __init__(self, maintenance: Maintenance, *, keep: int | None = None) -> None:
        self.upkeep, self.settings = maintenance, maintenance.config.nightly
        self.keep = keep or maintenance.config.generations.keep
        self.folder = maintenance.home / "nightly"
        self.report = NightlyReport(datetime.now(UTC).isoformat(timespec="seconds"))

    def run(self, sources: Sequence[str | Path], progress: Progress) -> NightlyReport:
        """The whole night; the report is written whatever happens.

        Raises:
            SimsearchError: what went wrong; the old generation goes on serving.
        """
        started, report = time.perf_counter(), self.report
        try:
            with suppress(GenerationError):
                report.previous = self.upkeep.generations.current()
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
        upkeep, report = self.upkeep, self.report
        with self._step("scan"):
            upkeep.generations.clean()
            read = [read_source(Path(source), SUFFIXES) for source in sources]
            gone = self._gone(read)
        with self._step("describe"):
            indexer = Indexer(upkeep.catalog, upkeep.methods, upkeep.config.indexing, upkeep.config.images)
            found = indexer.run(read, prune=False, progress=progress)
            upkeep.catalog.images.apply(retire=gone)
            self._changes(found, len(gone))
        with self._step("redescribe"):
            report.changes["redescribed"] += upkeep.describe_stale(progress)
        with self._step("check"):
            outside = upkeep.outside()
            if not outside:
                upkeep.generations.manifest(str(report.previous), full=True)
        if outside:
            with self._step("build"):
                upkeep.build()
            report.outcome = "swapped"
        else:
            report.outcome = "unchanged"
        with self._step("prune"):
            report.pruned = upkeep.generations.prune(self.keep)
            report.dropped_descriptors = self._drop()
            report.dropped_decisions = upkeep.catalog.decisions.drop_old(upkeep.config.catalog.keep_decisions_days)
        with self._step("backup"):
            report.backup = self._backup()
        report.generation = self._serving()

    def _gone(self, sources: Sequence[Source]) -> list[int]:
        """Ids of images that their sources no longer list.

        Raises:
            SourceError: they are suspiciously many; nothing was changed.
        """
        listed = {(row.sku, row.path) for source in sources for row in source.rows}
        keys = {source.key for source in sources}
        known = [k for k in self.upkeep.catalog.images.known([]) if k.source in keys]
        gone = [k.id for k in known if (k.sku, k.path) not in listed]
        if len(gone) > max(1, round(self.settings.retire_share * len(known))):
            raise SourceError(
                f"{len(gone)} of {len(known)} images are no longer listed by {', '.join(sorted(keys))}: more than "
                f"nightly.retire_share = {self.settings.retire_share}; is everything mounted? If they are to go, run "
                "`simsearch index --prune` on these sources once"
            )
        return gone

    def _changes(self, found: IndexReport, retired: int) -> None:
        self.report.changes = {
            "added": found.added, "changed": found.changed, "redescribed": found.redescribed,
            "unchanged": found.unchanged, "retired": found.retired + retired, "refused": found.refused,
        }  # fmt: skip
        self.report.refusals = [{"where": r.where, "code": r.code, "message": r.message} for r in found.refusals]
        del self.report.refusals[_SHOWN:]

    def _serving(self) -> str:
        """The generation that serves, after a look that it opens: only then is the night a success."""
        generations = self.upkeep.generations
        opened = generations.open({m.name: m.fingerprint for m in self.upkeep.lanes})
        name = generations.current()
        if opened is None or opened.name != name:
            raise GenerationError(f"generation {name} was built, but does not open; run `simsearch status --verify`")
        body = generations.manifest(name)
        self.report.images, self.report.audit = body["images"], body["audit"]
        return name

    def _drop(self) -> int:
        """Descriptors that no generation on disk and no setting in force knows of any more."""
        bodies = [self.upkeep.generations.manifest(name) for name in self._readable()]
        known = {*self.upkeep.fingerprints.values(), *(f for body in bodies for f in body["methods"].values())}
        return self.upkeep.catalog.housekeeping.drop_descriptors(
            known, min((body["revision"] for body in bodies), default=-1)
        )

    def _readable(self) -> Iterator[str]:
        for name in self.upkeep.generations.names():
            with suppress(GenerationError):
                self.upkeep.generations.manifest(name)
                yield name

    def _backup(self) -> str | None:
        """A copy of the catalog; the newest few are kept."""
        catalog, folder = self.upkeep.catalog, self.upkeep.home / "backups"
        if not self.settings.backups or catalog.housekeeping.file is None:
            return None
        to = folder / f"catalog-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.db"
        catalog.housekeeping.backup(to)
        for old in sorted(folder.glob("catalog-*.db"))[: -self.settings.backups]:
            old.unlink()
        remove_unfinished(self.upkeep.home)
        return str(to)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.report.steps_s[name] = round(time.perf_counter() - started, 3)

    def _write(self) -> None:
        """Report and metrics, each in place of the old one at once."""
        with suppress(SimsearchError):
            self.report.counts, self.report.disk_bytes = self.upkeep.catalog.images.counts(), self.upkeep.disk()
            self.report.generation = self.report.generation or self.upkeep.generations.current()
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.report.json, indent=1, ensure_ascii=True) + "\n"
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
        replace(self.folder / f"report-{stamp}.json", text)
        path = Path(self.settings.metrics) if self.settings.metrics else self.folder / "simsearch.prom"
        path.parent.mkdir(parents=True, exist_ok=True)
        replace(path, metrics(self.report.json, last_success(self.folder)))
        for old in sorted(self.folder.glob("report-*.json"))[: -self.settings.reports]:
            old.unlink()


def last_report(folder: Path) -> Mapping[str, Any] | None:
    """The newest readable report in `folder`."""
    for path in sorted(folder.glob("report-*.json"), reverse=True):
        with suppress(OSError, ValueError):
            found = json.loads(path.read_bytes())
            if isinstance(found, dict) and "outcome" in found:
                return found
    return None


def last_success(folder: Path) -> float:
    """Unix time at which the last night that succeeded began; 0 where none is known."""
    for path in sorted(folder.glob("report-*.json"), reverse=True):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = json.loads(path.read_bytes())
            if found["exit_code"] == 0:
                return datetime.fromisoformat(found["started_at"]).timestamp()
    return 0.0
