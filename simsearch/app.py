"""Where the parts are put together: `open_app` gives the one object that the command line and Python callers use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from simsearch.core.config import NEEDED, Config, load_config
from simsearch.core.errors import CatalogError, ConfigError, ImageError, UsageError
from simsearch.core.files import writing
from simsearch.core.types import Image, PairVerdict, Progress, Readiness, Status, silent

if TYPE_CHECKING:
    from simsearch.catalog import Catalog
    from simsearch.core.types import Decision, Refusal
    from simsearch.duplicates import DuplicateGroup, Findings
    from simsearch.duplicates.feedback import PairFeedback
    from simsearch.features.base import Method, MetricMethod
    from simsearch.indexes.generations import Generations
    from simsearch.ingest.indexer import IndexReport
    from simsearch.ingest.nightly import NightlyReport
    from simsearch.ingest.rebuild import Plan, Rebuilder
    from simsearch.recognition.calibration import Calibration
    from simsearch.recognition.engine import QueryEngine
    from simsearch.recognition.feedback import DecisionDesk
    from simsearch.recognition.scoring import CurrentScoring
    from simsearch.recognition.service import QueryService
    from simsearch.recognition.verification import Verifier
    from simsearch.training.trainer import TrainResult

T = TypeVar("T")

__all__ = ["App", "Progress", "open_app", "silent"]

DEFAULT_HOME = "simsearch-home"


def open_app(
    home: str | Path | None = None,
    config: str | Path | None = None,
    *,
    device: str | None = None,
) -> App:
    """The application on the state in `home` (default: $SIMSEARCH_HOME, else ./simsearch-home).

    Args:
        home: folder that holds catalog, indexes and calibration; made when something is first written.
        config: TOML file whose settings go over the defaults (default: $SIMSEARCH_CONFIG).
        device: "auto", "cpu" or "cuda" for the network and the indexes; overrides methods.siamese.device and
            generations.device.

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
    return App(folder, settings, origin)


class part(Generic[T]):  # noqa: N801 - used as a decorator, as functools.cached_property is
    """A part of an :class:`App`: made once, by one thread, when it is first needed."""

    def __init__(self, make: Callable[[App], T]) -> None:
        self.make, self.name = make, make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, app: None, owner: type[App]) -> Self: ...

    @overload
    def __get__(self, app: App, owner: type[App]) -> T: ...

    def __get__(self, app: App | None, owner: type[App]) -> T | Self:
        return self if app is None else app.made(self.name, self.make)


class App:
    """Index, query, verify, find duplicates, rebuild: everything the command line does. Use as a context manager.

    Thread safety: any number of threads may ask, verify and read at once. Jobs that write the home (index, rebuild,
    nightly, rollback, calibrate) run one at a time; a second one is refused with a CatalogError.
    """

    def __init__(self, home: Path, config: Config, origin: Mapping[str, str]) -> None:
        self.home, self.config, self.origin = home, config, origin
        self._parts: dict[str, Any] = {}
        self._making = RLock()
        self._closed = False
        missing = [name for name in NEEDED if name not in config.indexing.stored]
        if missing:
            raise ConfigError(f"indexing.stored must name {', '.join(NEEDED)}; {', '.join(missing)} is missing")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the records that still wait, and close the catalog. Whatever is called later raises a UsageError."""
        with self._making:
            self._closed = True
            parts, self._parts = self._parts, {}
        if "service" in parts:
            parts["service"].close()
        if "catalog" in parts:
            parts["catalog"].close()

    def prepare(self) -> Readiness:
        """Load everything that a query needs: catalog, methods, calibration, indexes, and one pass of the network.

        Without it the first query does so, and takes seconds.

        Raises:
            SimsearchError: a query could not be answered; the message says why.
        """
        import numpy as np

        self._existing()
        started = time.perf_counter()
        basis = self.engine.basis()
        grey = np.full((64, 64, 3), 128, np.uint8)
        self.engine.answer([Image(grey, "", 64, 64)], basis=basis)
        _ = self.service
        snapshot = basis.snapshot
        images = self.catalog.images.counts()["images_ok"]
        return Readiness(snapshot.generation, images, snapshot.revision, time.perf_counter() - started)

    # -- parts, made when first needed -------------------------------------------------------------------------------

    def made(self, name: str, make: Callable[[App], T]) -> T:
        """The part `name`; made by `make` where it is not there yet.

        Raises:
            UsageError: the App is closed.
        """
        if name not in self._parts:
            with self._making:
                if self._closed:
                    raise UsageError("this App is closed; open another one with open_app")
                if name not in self._parts:
                    self._parts[name] = make(self)
        found: T = self._parts[name]
        return found

    @part
    def catalog(self) -> Catalog:
        """The catalog in this home, made if there is none."""
        from simsearch.catalog import Catalog

        return Catalog(self.config.catalog.url or self.home / "catalog.db", self.config.catalog)

    @part
    def methods(self) -> dict[str, Method]:
        """The methods whose descriptors are stored."""
        self.check_settings()
        return {name: self.method(name) for name in self.config.indexing.stored}

    @property
    def lanes(self) -> list[MetricMethod]:
        """Those of the methods that can be indexed."""
        from simsearch.features.base import MetricMethod

        return [m for m in self.methods.values() if isinstance(m, MetricMethod)]

    def check_settings(self) -> None:
        """Raise ConfigError for an unknown method or an unknown setting of a method."""
        from simsearch.features import check

        check({**{name: {} for name in self.config.indexing.stored}, **self.config.methods})

    def method(self, name: str) -> Method:
        """Any method, with its settings in force."""
        from simsearch.features import create

        return create(name, self.config.methods.get(name, {}))

    @part
    def generations(self) -> Generations:
        """The builds of the indexes."""
        from simsearch.indexes.generations import Generations

        return Generations(self.home / "generations", self.catalog, device=self.config.generations.device)

    @part
    def rebuilder(self) -> Rebuilder:
        """What builds the indexes."""
        from simsearch.ingest.rebuild import Rebuilder

        return Rebuilder(self.home, self.config, self.catalog, self.methods, self.generations)

    @part
    def scoring(self) -> CurrentScoring:
        """The calibration in force, which follows its file."""
        from simsearch.recognition.scoring import CurrentScoring

        return CurrentScoring(self.methods, self.home / "calibration.json", self.config.query.match_threshold)

    @part
    def engine(self) -> QueryEngine:
        """The query engine, without records."""
        from simsearch.recognition.engine import QueryEngine

        return QueryEngine(self.catalog, self.generations, self.methods, self.scoring.current, self.config.query)

    @part
    def service(self) -> QueryService:
        """The query engine, with decoding and records."""
        from simsearch.recognition.service import QueryService

        return QueryService(self.engine, self.config)

    @property
    def calibration(self) -> Calibration:
        """The home's own where `simsearch calibrate` made one, else the one beside the weights."""
        return self.scoring.current().calibration

    @property
    def verifier(self) -> Verifier:
        """Verifies pairs by the calibration in force."""
        return self.scoring.current().verifier

    @property
    def match_threshold(self) -> float:
        """Smallest probability of a MATCH: query.match_threshold, or where that is 0 the calibration's."""
        return self.scoring.current().match_threshold

    def _existing(self) -> None:
        """CatalogError where nothing was indexed yet: a query must not make an empty home by a slip in its path."""
        if not self.config.catalog.url and not (self.home / "catalog.db").is_file():
            raise CatalogError(f"{self.home}: holds no catalog; run `simsearch --home {self.home} index SOURCE` first")

    def _writing(self) -> AbstractContextManager[None]:
        """One writer at a time."""
        return writing(self.home)

    # -- the jobs ----------------------------------------------------------------------------------------------------

    def index(
        self,
        sources: Sequence[str | Path],
        *,
        prune: bool = False,
        prune_all: bool = False,
        rebuild: bool | None = None,
        progress: Progress = silent,
    ) -> IndexReport:
        """Describe what `sources` list and the catalog lacks.

        Args:
            sources: folders, CSV or JSONL files.
            prune: retire images of these sources that they no longer list, at most `nightly.retire_share` of them.
            prune_all: the same without that limit.
            rebuild: build a generation afterwards; None does so when none serves, or when more than
                `indexing.rebuild_share` of the images are outside it.

        Raises:
            SourceError: a source cannot be read at all, or more is no longer listed than may be retired at once;
                nothing was changed.
        """
        from simsearch.ingest.indexer import Indexer
        from simsearch.ingest.sources import read_source

        read = [read_source(Path(source)) for source in sources]
        with self._writing():
            indexer = Indexer(self.catalog, self.methods, self.config.indexing, self.config.images)
            share = 1.0 if prune_all else self.config.nightly.retire_share if prune else None
            report = indexer.run(read, retire_share=share, progress=progress)
            if rebuild or (rebuild is None and self._behind()):
                report = replace(report, generation=self.rebuilder.rebuild(progress=progress))
        return report

    def _behind(self) -> bool:
        live, state = self.catalog.images.counts()["images_ok"], self.rebuilder.state()
        if not state.usable:
            return live > 0 and not self.catalog.images.stale(self.rebuilder.fingerprints.values())
        return state.outside > self.config.indexing.rebuild_share * max(1, live)

    def query(
        self,
        photos: Sequence[str | Path | bytes],
        *,
        k: int | None = None,
        where: Sequence[str] = (),
        record: bool = True,
    ) -> list[Decision | ImageError]:
        """An answer a photo, in order: a decision, or why the photo cannot be read. Bytes are the content of a file.

        Args:
            photos: files, or contents of files.
            k: how many products to list.
            where: conditions that the products must fulfil, for instance "form=tablet"; see `filters`.
            record: whether the answers are kept for `simsearch decisions`.
        """
        self._existing()
        return self.service.each(photos, k=k, where=where, record=record)

    def query_together(
        self,
        photos: Sequence[str | Path | bytes],
        *,
        k: int | None = None,
        where: Sequence[str] = (),
        record: bool = True,
    ) -> tuple[Decision | None, list[ImageError]]:
        """One answer for several photos of one package, and which of them cannot be read; None where none can."""
        self._existing()
        return self.service.together(photos, k=k, where=where, record=record)

    @property
    def decisions(self) -> DecisionDesk:
        """Recorded answers, and what people say of them."""
        self._existing()
        from simsearch.recognition.feedback import DecisionDesk

        return DecisionDesk(self.catalog)

    def verify(self, pairs: Sequence[tuple[str, str]], *, method: str | None = None) -> list[PairVerdict]:
        """Whether each pair of files shows the same product; with `method`, its bare similarity instead."""
        from simsearch.recognition.pairs import PairVerifier, compare_pairs

        if method is not None:
            return compare_pairs(pairs, self.method(method), self.config.images)
        needed = {name: self.methods[name] for name in NEEDED}
        threshold = self.calibration.thresholds["pair"]
        return PairVerifier(needed, self.verifier, threshold, self.config.images).verify(pairs)

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
        self._existing()
        from simsearch.duplicates.feedback import built_at
        from simsearch.duplicates.finder import DuplicateFinder

        least = self.config.duplicates.threshold or self.match_threshold if threshold is None else threshold
        finder = DuplicateFinder(
            self.catalog, self.methods, self.verifier, self.config.duplicates, least, self.config.images
        )
        return finder.find(progress, since=None if since is None else built_at(self.catalog, since))

    def review_duplicates(self) -> PairFeedback:
        """Where a person's word on suspected pairs is taken down and read."""
        self._existing()
        from simsearch.duplicates.feedback import PairFeedback

        return PairFeedback(self.catalog)

    def rebuild(self, *, keep: int | None = None, progress: Progress = silent) -> str:
        """Build a generation from the catalog, audit it and serve it; its name. See `ingest.rebuild`.

        Raises:
            GenerationError: the audit failed, or images lack descriptors; the old generation still serves.
        """
        self._existing()
        with self._writing():
            return self.rebuilder.rebuild(keep=keep, progress=progress)

    def plan(self) -> Plan:
        """What `rebuild` would do; nothing is changed."""
        self._existing()
        return self.rebuilder.plan()

    def nightly(
        self, sources: Sequence[str | Path], *, keep: int | None = None, progress: Progress = silent
    ) -> NightlyReport:
        """Bring catalog and indexes up to the sources, and leave a report. See `nightly`."""
        from simsearch.ingest.nightly import Nightly

        with self._writing():
            return Nightly(self.rebuilder, keep=keep).run(sources, progress)

    def rollback(self) -> str:
        """Serve the generation before the current one; its name."""
        self._existing()
        with self._writing():
            return self.generations.rollback()

    def status(self, *, verify: bool = False) -> Status:
        """What there is, without changing anything. `verify`: every byte is read."""
        from simsearch.ingest.nightly import last_report
        from simsearch.ingest.status import read_status

        self._existing()
        found = read_status(self.home, self.catalog, self.methods, self.generations, verify=verify)
        return replace(found, nightly=last_report(self.home / "nightly"))

    def late(self, hours: float) -> str:
        """Why the last good nightly run is older than `hours`; empty where it is not."""
        from simsearch.ingest.nightly import last_success

        age = (time.time() - last_success(self.home / "nightly")) / 3600
        return "" if age <= hours else f"no nightly run has succeeded for {hours:g} hours; look at {self.home}/nightly"

    def refused(self) -> list[Refusal]:
        """What the sources list and the catalog could not take."""
        self._existing()
        return self.catalog.images.refused()

    # -- training ----------------------------------------------------------------------------------------------------

    def train(
        self, config: Path, table: Path | None, run: Path, *, device: str = "auto", progress: Progress = silent
    ) -> TrainResult:
        """Train a network from a config and a table of photos; weights, card, curves and calibration go to `run`."""
        from simsearch.training.run import train_from_files

        return train_from_files(self.config, config, table, run, device=device, progress=progress)

    def calibrate(
        self, table: Path | None, *, target_far: float = 0.001, out: Path | None = None, progress: Progress = silent
    ) -> Path:
        """Refit probability and thresholds; written to the home, or to `out`.

        On a labelled table (sku, image), or without one on what people said of recorded answers; see `decisions`.
        """
        from simsearch.recognition.feedback import calibrate_from_decisions
        from simsearch.training.run import calibrate_from_table

        if not 0 < target_far < 1:
            raise UsageError(f"--target-far {target_far}: must be between 0 and 1, for instance 0.001")
        path = out or self.home / "calibration.json"
        if table is None:
            self._existing()
            calibration = calibrate_from_decisions(self.catalog, self.calibration, target_far=target_far)
        else:
            calibration = calibrate_from_table(self.config, self.methods, table, target_far, progress)
        path.parent.mkdir(parents=True, exist_ok=True)
        with nullcontext() if out else self._writing():
            calibration.save(path)
        return path
