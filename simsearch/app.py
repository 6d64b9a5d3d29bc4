"""Where the parts are put together: `open_app` gives the one object that the command line and Python callers use."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simsearch.core import arguments
from simsearch.core.config import NEEDED, load_config
from simsearch.core.errors import GenerationError, ImageError, UsageError, WeightsError
from simsearch.core.status import Readiness, Status
from simsearch.core.types import Image, PairVerdict, Progress, silent
from simsearch.wiring import Parts

if TYPE_CHECKING:
    from datetime import datetime

    from simsearch.catalog.doubts import Doubt
    from simsearch.core.types import Decision, PhotoLike, Refusal
    from simsearch.duplicates import DuplicateGroup, Findings
    from simsearch.duplicates.feedback import PairFeedback
    from simsearch.filing import CheckReport
    from simsearch.filing.desk import FilingDesk
    from simsearch.ingest.build_plan import Plan
    from simsearch.ingest.index_report import FilingReport, IndexReport
    from simsearch.ingest.nightly import NightlyReport
    from simsearch.ingest.reading_report import ReadingReport
    from simsearch.recognition.by_looks import LooksHit
    from simsearch.recognition.feedback import DecisionDesk
    from simsearch.training.calibrate import CalibrateResult
    from simsearch.training.trainer import TrainResult

__all__ = ["App", "Progress", "open_app", "silent"]

DEFAULT_HOME = "simsearch-home"


def open_app(
    home: str | Path | None = None,
    config: str | Path | None = None,
    *,
    device: str | None = None,
    few_photos: bool = False,
) -> App:
    """The application on the state in `home` (default: $SIMSEARCH_HOME, else ./simsearch-home).

    Args:
        home: folder that holds catalog, indexes and calibration; made when something is first written.
        config: TOML file whose settings go over the defaults (default: $SIMSEARCH_CONFIG).
        device: "auto", "cpu" or "cuda" for the network and the indexes; overrides methods.siamese.device and
            generations.device.
        few_photos: whether so few photos will be described that starting soon counts for more than describing fast;
            methods.siamese.runtime = "auto" is then "onnx".

    Raises:
        ConfigError: a setting that cannot be meant.
    """
    folder = Path(home or os.environ.get("SIMSEARCH_HOME") or DEFAULT_HOME).absolute()
    file = config or os.environ.get("SIMSEARCH_CONFIG")
    settings, origin = load_config(Path(file) if file else None)
    if device is not None:
        methods = {**settings.methods, "siamese": {**settings.methods.get("siamese", {}), "device": device}}
        generations = replace(settings.generations, device=device)
        settings = replace(settings, methods=methods, generations=generations)
        origin = {**origin, "methods.siamese.device": "--device", "generations.device": "--device"}
    siamese = settings.methods.get("siamese", {})
    if few_photos and device is None and siamese.get("runtime", "auto") == "auto":
        settings = replace(settings, methods={**settings.methods, "siamese": {**siamese, "runtime": "onnx"}})
    return App(folder, settings, origin)


class App(Parts):
    """Index, query, verify, find duplicates, rebuild: everything the command line does. Use as a context manager.

    Thread safety: any number of threads may ask, verify and read at once. Jobs that write the home (index, rebuild,
    nightly, rollback, calibrate) run one at a time; a second one is refused with a CatalogError.
    """

    def prepare(self) -> Readiness:
        """Load everything that a query needs: catalog, methods, calibration, indexes, and one pass of the network.

        Without it the first query does so, and takes seconds.

        Raises:
            SimsearchError: a query could not be answered; the message says why.
        """
        import numpy as np

        self.require_catalog()
        started = time.perf_counter()
        basis = self.engine.basis()
        grey = np.full((64, 64, 3), 128, np.uint8)
        self.engine.answer([Image(grey, "", 64, 64)], basis=basis)
        _ = self.service
        snapshot = basis.snapshot
        images = self.catalog.images.counts()["images_ok"]
        return Readiness(snapshot.generation, images, snapshot.revision, time.perf_counter() - started)

    def index(
        self,
        sources: str | Path | Iterable[str | Path],
        *,
        prune: bool = False,
        prune_all: bool = False,
        forget: str | Path | Iterable[str | Path] = (),
        reread: bool = False,
        rebuild: bool | None = None,
        reading: bool | None = None,
        workers: str | None = None,
        check: bool = True,
        progress: Progress = silent,
    ) -> IndexReport:
        """Describe what `sources` list and the catalog lacks, then read what is printed on the catalog's photos.

        What was described can be found before the first photo is read; see `ingest.reading`.

        Args:
            sources: one or several folders, CSV or JSONL files.
            prune: retire images of these sources that they no longer list, at most `nightly.retire_share` of them.
            prune_all: the same without that limit. A source that was indexed before may then list nothing at all.
            forget: sources that are let go of at the end, whether or not they are still there: their images retire.
            reread: read every file, also those that look unchanged; their sha256 says which are.
            rebuild: build a generation afterwards; None does so when none serves, or when more than
                `indexing.rebuild_share` of the images are outside it.
            reading: read every photo of the catalog that is not read yet; None does so where `reading.mode` allows it
                and the reader is installed.
            workers: what describes, as `indexing.describe_on` names it; None: as that says.
            check: look for doubts about how what came in is filed; see `check`.
            progress: told after every photo.

        Raises:
            ConfigError: `workers` names nothing, or `reading` is wanted, and not possible; nothing was changed.
            SourceError: a source cannot be read at all, or more is no longer listed than may be retired at once;
                nothing was changed.
        """
        from simsearch.ingest.known_sources import forget_source, forgettable
        from simsearch.ingest.remote import Remote
        from simsearch.ingest.sources import read_sources

        if reading:
            self.print_stage.require()
        remote = Remote.of(self.config, self.home)
        read = read_sources(arguments.sources(sources), may_be_empty=prune or prune_all, remote=remote)
        going = arguments.sources(forget)
        if going:
            self.require_catalog()
        with self.writing():
            indexer = self.indexer if workers is None else self.indexer_on(workers)
            share = 1.0 if prune_all else self.config.nightly.retire_share if prune else None
            forgotten = [forgettable(self.catalog, source) for source in going]
            report = indexer.run(read, retire_share=share, reread=reread, progress=progress)
            report = replace(report, retired=report.retired + sum(forget_source(self.catalog, s) for s in forgotten))
            if rebuild or (rebuild is None and self.rebuilder.behind()):
                report = replace(report, generation=self.rebuilder.rebuild(progress=progress))
            if reading or (reading is None and self.config.reading.mode != "never"):
                report = replace(report, reading=self.print_stage.run(progress))
                if rebuild is not False and self.rebuilder.behind():  # by what was read
                    report = replace(report, generation=self.rebuilder.rebuild(progress=progress))
            if check and (report.described or (report.reading and report.reading.read)):
                report = replace(report, filing=self._filing(None, progress))
        return report

    def _filing(self, since: datetime | None, progress: Progress) -> FilingReport:
        """What a check finds; `since`: after which photos count as new. The caller holds the lock.

        A check that cannot be made is told, and stops nothing: what was indexed is indexed.
        """
        from simsearch.ingest.index_report import FilingReport

        added = None if since is None else self.catalog.selection.added_after(since)
        try:
            found = self.checker.check(progress=progress)
        except (WeightsError, GenerationError) as error:
            return FilingReport(why=str(error))
        still = sum(self.catalog.doubts.counts().values())
        doubted = {d.photo.image_id for d in found.doubts if d.photo and d.kind in ("odd-photo", "other-product")}
        return FilingReport(found.new, still, len(doubted if added is None else doubted & added))

    def read_print(self, *, minutes: float | None = None, progress: Progress = silent) -> ReadingReport:
        """Read what is printed on the catalog's photos, as far as it is not read yet; see `ingest.reading`.

        Args:
            minutes: after which no further photo is begun; None: all are read.
            progress: told after every photo.

        Raises:
            ConfigError: the reader is not installed, or `reading.mode` is "never".
        """
        self.require_catalog()
        self.print_stage.require()
        with self.writing():
            report = self.print_stage.run(progress, minutes=minutes)
            if report.read and self.rebuilder.behind():
                self.rebuilder.rebuild(progress=progress)
        return report

    def query(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        k: int | None = None,
        where: str | Iterable[str] = (),
        record: bool = True,
    ) -> list[Decision | ImageError]:
        """An answer a photo, in order: a decision, or why the photo cannot be read.

        Args:
            photos: one or several: paths of files, contents of files, or contents under a name (`Photo`).
            k: how many products to list.
            where: conditions that the products must fulfil, for instance "form=tablet"; see `filters`.
            record: whether the answers are kept for `simsearch decisions`.
        """
        asked, k, conditions = arguments.photos(photos), arguments.count(k, "k"), arguments.conditions(where)
        self.require_catalog()
        return self.service.each(asked, k=k, where=conditions, record=record)

    def query_together(
        self,
        photos: PhotoLike | Iterable[PhotoLike],
        *,
        k: int | None = None,
        where: str | Iterable[str] = (),
        record: bool = True,
    ) -> tuple[Decision | None, list[ImageError]]:
        """One answer for several photos of one package, and which of them cannot be read; None where none can."""
        asked, k, conditions = arguments.photos(photos), arguments.count(k, "k"), arguments.conditions(where)
        self.require_catalog()
        return self.service.together(asked, k=k, where=conditions, record=record)

    def by_looks(self, text: str, *, k: int | None = None) -> list[LooksHit]:
        """The products whose pills fit a description, best first, without a photo; see `recognition.by_looks`.

        Args:
            text: colours, shape, "scored" and imprint, for instance "white round scored L 9".
            k: how many products to list.
        """
        from simsearch.recognition.by_looks import parse, search

        looks, wanted = parse(text), arguments.count(k, "k")
        self.require_catalog()
        return search(self.catalog, self.methods.get("pills"), looks, wanted or self.config.query.k)

    @property
    def decisions(self) -> DecisionDesk:
        """Recorded answers, and what people say of them."""
        self.require_catalog()
        from simsearch.recognition.feedback import DecisionDesk

        return DecisionDesk(self.catalog, self.faces, self.writing)

    def verify(
        self,
        pairs: tuple[str | Path, str | Path] | Iterable[tuple[str | Path, str | Path]],
        *,
        method: str | None = None,
    ) -> list[PairVerdict]:
        """Whether each pair of files shows the same product; with `method`, its bare similarity instead."""
        from simsearch.recognition.pairs import PairVerifier, compare_pairs

        listed = arguments.pairs(pairs)
        if method is not None:
            return compare_pairs(listed, self.method(method), self.config.images)
        needed = {name: self.methods[name] for name in NEEDED}
        threshold = self.calibration.thresholds["pair"]
        always = self.config.reading.mode == "always"
        verifier = PairVerifier(needed, self.verifier, threshold, self.config.images, self.pair_print, always=always)
        return verifier.verify(listed)

    def duplicates(self, *, threshold: float | None = None, progress: Progress = silent) -> list[DuplicateGroup]:
        """Groups of catalog images that show the same product."""
        return list(self.find_duplicates(threshold=threshold, progress=progress).groups)

    def find_duplicates(
        self, *, threshold: float | None = None, since: str | None = None, progress: Progress = silent
    ) -> Findings:
        """Groups, look-alikes and counts; with `since`, only what has a photo that the generation of that name lacks.

        Raises:
            UsageError: there never was such a generation.
        """
        self.require_catalog()
        from simsearch.duplicates.feedback import built_at
        from simsearch.duplicates.finder import DuplicateFinder

        given = (self.config.duplicates.threshold or None) if threshold is None else threshold
        least = self.scoring.current().thresholds
        finder = DuplicateFinder(
            self.catalog, self.methods, self.verifier, self.config.duplicates,
            least.match if given is None else given, self.config.images, self.pair_print,
            least.match_pills if given is None else given,
        )  # fmt: skip
        return finder.find(progress, since=None if since is None else built_at(self.catalog, since))

    def review_duplicates(self) -> PairFeedback:
        """Where a person's word on suspected pairs is taken down and read."""
        self.require_catalog()
        from simsearch.duplicates.feedback import PairFeedback

        return PairFeedback(self.catalog)

    def check(self, *, since: str | None = None, sku: str | None = None, progress: Progress = silent) -> CheckReport:
        """Doubts about how the catalog is filed, surest first; see `filing`. What was seen before is not seen again.

        Args:
            since: name of a generation; only photos that it lacks are looked at, and only doubts about them listed.
            sku: the same for the photos of one SKU.
            progress: told after every block of photos.

        Raises:
            UsageError: there never was such a generation or SKU.
        """
        from simsearch.duplicates.feedback import built_at

        self.require_catalog()
        if sku is not None and not self.catalog.selection.has_product(sku):
            raise UsageError(f"--sku {sku}: the catalog has no photo of it")
        added = None if since is None else self.catalog.selection.added_after(built_at(self.catalog, since))
        with self.writing():
            return self.checker.check(added=added, sku=sku, progress=progress)

    @property
    def filing(self) -> FilingDesk:
        """Where a person's word on these doubts is taken down, carried out and undone."""
        self.require_catalog()
        from simsearch.filing.desk import FilingDesk

        return FilingDesk(self.catalog, self.writing)

    def doubted(self, tables: Iterable[str | Path]) -> list[Doubt]:
        """The open doubts about photos that labelled tables list, surest first: they would teach or measure wrongly.

        Raises:
            SourceError: a table cannot be read.
        """
        from simsearch.ingest.sources import read_source

        file = self.catalog_file()
        if file is not None and not file.exists():
            return []
        found = self.catalog.doubts.photos()
        rows = [row for table in tables for row in read_source(Path(table)).rows] if found else []
        listed = {os.path.realpath(row.path) for row in rows}
        return [d for d in found if d.photo and os.path.realpath(d.photo.path) in listed]

    def rebuild(self, *, keep: int | None = None, progress: Progress = silent) -> str:
        """Build a generation from the catalog, audit it and serve it; its name. See `ingest.rebuild`.

        Raises:
            GenerationError: the audit failed, or images lack descriptors; the old generation still serves.
        """
        self.require_catalog()
        with self.writing():
            return self.rebuilder.rebuild(keep=keep, progress=progress)

    def plan(self) -> Plan:
        """What `rebuild` would do; nothing is changed."""
        self.require_catalog()
        return self.rebuilder.plan()

    def nightly(
        self, sources: str | Path | Iterable[str | Path], *, keep: int | None = None, progress: Progress = silent
    ) -> NightlyReport:
        """Bring catalog and indexes up to the sources, and leave a report. See `nightly`."""
        from simsearch.ingest.nightly import Nightly

        listed = arguments.sources(sources)
        with self.writing():
            night = Nightly(self.rebuilder, self.print_stage, keep=keep, filing=self._filing)
            return night.run(listed, progress)

    def rollback(self) -> str:
        """Serve the generation before the current one; its name."""
        self.require_catalog()
        with self.writing():
            return self.generations.rollback()

    def status(self, *, verify: bool = False, progress: Progress = silent) -> Status:
        """What there is, without changing anything. `verify`: every byte is read, also of the photos."""
        from simsearch.ingest.night_reports import last_report
        from simsearch.ingest.status import read_status

        self.require_catalog()
        parts = self.catalog, self.methods, self.generations, self.print_stage
        found = read_status(self.home, *parts, verify=verify, progress=progress)
        return replace(found, nightly=last_report(self.home / "nightly"))

    def late(self, hours: float) -> str:
        """Why the last good nightly run is older than `hours`; empty where it is not."""
        from simsearch.ingest.night_reports import last_success

        age = (time.time() - last_success(self.home / "nightly")) / 3600
        return "" if age <= hours else f"no nightly run has succeeded for {hours:g} hours; look at {self.home}/nightly"

    def refused(self) -> list[Refusal]:
        """What the sources list and the catalog could not take."""
        self.require_catalog()
        return self.catalog.images.refused()

    def train(
        self,
        config: Path,
        table: Path | None,
        run: Path,
        *,
        device: str = "auto",
        without: Collection[str] = (),
        progress: Progress = silent,
    ) -> TrainResult:
        """Train a network from a config and a table of photos; weights, card, curves and calibration go to `run`.

        `without`: paths of photos of the table that are left out, for instance those of `doubted`.
        """
        from simsearch.training.run import train_from_files

        return train_from_files(self.config, config, table, run, device=device, without=without, progress=progress)

    def calibrate(
        self,
        table: Path | None,
        *,
        target_far: float = 0.001,
        print_only: bool = False,
        out: Path | None = None,
        without: Collection[str] = (),
        progress: Progress = silent,
    ) -> CalibrateResult:
        """Refit probability and thresholds; written to the home, or to `out`.

        On a labelled table (sku, image), or without one on what people said of recorded answers; see `decisions`. With
        `print_only` the table says what print adds, and what was fitted of appearance stays. `without`: paths of photos
        of the table that are left out, for instance those of `doubted`.
        """
        from simsearch.training.calibrate_feedback import calibrate_from_decisions
        from simsearch.training.run import calibrate_from_table

        if not 0 < target_far < 1:
            raise UsageError(f"--target-far {target_far}: must be between 0 and 1, for instance 0.001")
        path = out or self.home / "calibration.json"
        if table is None:
            self.require_catalog()
            result = calibrate_from_decisions(self.catalog, self.calibration, target_far=target_far)
        else:
            base = self.calibration if print_only else self.calibration_if_any
            result = calibrate_from_table(
                self.config, self.methods, self.print_methods, base, table, target_far,
                print_only=print_only, without=without, progress=progress,
            )  # fmt: skip
        return result.written(path)  # in one step, so that minutes of work need not wait for another writer's lock
