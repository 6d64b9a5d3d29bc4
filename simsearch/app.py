"""Where the parts are put together: `open_app` gives the one object that the command line and Python callers use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from simsearch.core.config import NEEDED, Config, load_config
from simsearch.core.errors import CatalogError, ConfigError, ImageError, UsageError, WeightsError
from simsearch.core.files import writing
from simsearch.core.types import PairVerdict, Status

if TYPE_CHECKING:
    from simsearch.catalog import Catalog
    from simsearch.core.types import Decision, Descriptor, Refusal
    from simsearch.duplicates import DuplicateGroup, Findings
    from simsearch.duplicates.feedback import Desk
    from simsearch.features.base import Method, MetricMethod
    from simsearch.indexes.generations import Generations
    from simsearch.ingest.indexer import IndexReport
    from simsearch.ingest.nightly import NightlyReport
    from simsearch.ingest.rebuild import Maintenance, Plan
    from simsearch.recognition.calibration import Calibration
    from simsearch.recognition.engine import QueryEngine
    from simsearch.recognition.feedback import DecisionDesk
    from simsearch.recognition.service import Answering
    from simsearch.recognition.verification import Verifier
    from simsearch.training.calibrate import CalibrateResult
    from simsearch.training.trainer import TrainResult

DEFAULT_HOME = "simsearch-home"
_DECODED = 64
"""Photos of pairs that are held decoded at once."""

Progress = Callable[[int, int, str], None]
"""Called with units done, units in all and a short text."""


def silent(done: int, total: int, text: str) -> None:
    """The progress that shows nothing."""


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


class App:
    """Index, query, verify, find duplicates, rebuild: everything the command line does. Use as a context manager."""

    def __init__(self, home: Path, config: Config, origin: Mapping[str, str]) -> None:
        self.home, self.config, self.origin = home, config, origin
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
        """Close the catalog if it was opened."""
        if "catalog" in self.__dict__:
            self.catalog.close()

    # -- parts, made when first needed -------------------------------------------------------------------------------

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog in this home, made if there is none."""
        from simsearch.catalog import Catalog

        return Catalog(self.config.catalog.url or self.home / "catalog.db", self.config.catalog)

    @cached_property
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
        """ConfigError when a method is named that there is none of, or a setting that a method does not have."""
        from simsearch.features import check

        check({**{name: {} for name in self.config.indexing.stored}, **self.config.methods})

    def method(self, name: str) -> Method:
        """Any method, with its settings in force."""
        from simsearch.features import create

        return create(name, self.config.methods.get(name, {}))

    @cached_property
    def generations(self) -> Generations:
        """The builds of the indexes."""
        from simsearch.indexes.generations import Generations

        return Generations(self.home / "generations", self.catalog, device=self.config.generations.device)

    @cached_property
    def upkeep(self) -> Maintenance:
        """What keeps the indexes in step with the catalog."""
        from simsearch.ingest.rebuild import Maintenance

        return Maintenance(self.home, self.config, self.catalog, self.methods, self.generations)

    @cached_property
    def calibration(self) -> Calibration:
        """The home's own where `simsearch calibrate` made one, else the one beside the weights."""
        return self._read_calibration()

    def _read_calibration(self) -> Calibration:
        """The calibration in force, from its file."""
        from simsearch.features.siamese import Siamese
        from simsearch.recognition.calibration import Calibration
        from simsearch.recognition.verification import FEATURES

        siamese = self.methods["siamese"]
        assert isinstance(siamese, Siamese)
        own = self.home / "calibration.json"
        path = own if own.is_file() else calibration_beside(siamese.weights.path)
        calibration = Calibration.load(path)
        try:
            calibration.check({name: m.fingerprint for name, m in self.methods.items()})
            # What an earlier version fitted lacks the features that came since.
            return replace(calibration, fusion=calibration.fusion.on(FEATURES))
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from None
        except ValueError as error:
            raise WeightsError(f"{path}: {error}; run `simsearch calibrate`") from None

    @cached_property
    def verifier(self) -> Verifier:
        """What judges pairs."""
        from simsearch.recognition.verification import Verifier

        return Verifier(self.methods, self.calibration)

    @cached_property
    def engine(self) -> QueryEngine:
        """What answers photos."""
        from simsearch.recognition.engine import QueryEngine

        return QueryEngine(
            self.catalog, self.generations, self.methods, self.verifier, self.config.query, self.match_threshold
        )

    @property
    def match_threshold(self) -> float:
        """Smallest probability of a MATCH: query.match_threshold, or where that is 0 the calibration's."""
        return self.config.query.match_threshold or self.calibration.thresholds["match"]

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
        rebuild: bool | None = None,
        progress: Progress = silent,
    ) -> IndexReport:
        """Describe what `sources` list and the catalog lacks.

        Args:
            sources: folders, CSV or JSONL files.
            prune: retire images of these sources that they no longer list.
            rebuild: build a generation afterwards; None does so when none serves, or when more than
                `indexing.rebuild_share` of the images are outside it.

        Raises:
            SourceError: a source cannot be read at all; nothing was changed.
        """
        from simsearch.core.images import SUFFIXES
        from simsearch.ingest.indexer import Indexer
        from simsearch.ingest.sources import read_source

        read = [read_source(Path(source), SUFFIXES) for source in sources]
        with self._writing():
            indexer = Indexer(self.catalog, self.methods, self.config.indexing, self.config.images)
            report = indexer.run(read, prune=prune, progress=progress)
            if rebuild or (rebuild is None and self._behind()):
                report = replace(report, generation=self.upkeep.rebuild(progress=progress))
        return report

    def _behind(self) -> bool:
        live, outside = self.catalog.images.counts()["images_ok"], self.upkeep.outside()
        if outside < 0:
            return live > 0 and not self.catalog.images.stale(self.upkeep.fingerprints.values())
        return outside > self.config.indexing.rebuild_share * max(1, live)

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
        return self.answering.each(photos, k=k, where=where, record=record)

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
        return self.answering.together(photos, k=k, where=where, record=record)

    @cached_property
    def answering(self) -> Answering:
        """What asks the engine and keeps records."""
        from simsearch.recognition.service import Answering

        return Answering(self.engine, self.calibration, self.config)

    @property
    def decisions(self) -> DecisionDesk:
        """Recorded answers, and what people say of them."""
        self._existing()
        from simsearch.recognition.feedback import DecisionDesk

        return DecisionDesk(self.catalog)

    def verify(self, pairs: Sequence[tuple[str, str]], *, method: str | None = None) -> list[PairVerdict]:
        """Whether each pair of files shows the same product; with `method`, its bare similarity instead."""
        from simsearch.core import images
        from simsearch.core.threads import SingleThreaded, in_threads
        from simsearch.recognition.verification import describe

        chosen = {method: self.method(method)} if method else {name: self.methods[name] for name in NEEDED}
        described: dict[str, dict[str, Descriptor] | ImageError] = {}
        paths = list(dict.fromkeys(p for pair in pairs for p in pair))
        for start in range(0, len(paths), _DECODED):
            part = paths[start : start + _DECODED]
            read = in_threads(lambda path: images.load_or_error(path, self.config.images), part)
            loaded = dict(zip(part, read, strict=True))
            sound = {path: image for path, image in loaded.items() if not isinstance(image, ImageError)}
            described |= {path: image for path, image in loaded.items() if isinstance(image, ImageError)}
            described |= dict(zip(sound, describe(chosen, list(sound.values())), strict=True))
        if not method:
            _ = self.verifier, self.calibration  # made here once, not in every thread
        with SingleThreaded():
            return in_threads(lambda pair: self._verdict(*pair, described[pair[0]], described[pair[1]], chosen), pairs)

    def _verdict(
        self,
        a: str,
        b: str,
        query: dict[str, Descriptor] | ImageError,
        other: dict[str, Descriptor] | ImageError,
        chosen: Mapping[str, Method],
    ) -> PairVerdict:
        if isinstance(query, ImageError) or isinstance(other, ImageError):
            error = query if isinstance(query, ImageError) else other
            assert isinstance(error, ImageError)
            return PairVerdict(a, b, error=error)
        if len(chosen) == 1:
            [(name, method)] = chosen.items()
            return PairVerdict(a, b, similarity=float(method.compare(query[name], [other[name]])[0]))
        verification = self.verifier.verify(query, [other], geometry=1)[0]
        from simsearch.recognition.pairs import basis

        least = self.calibration.thresholds["pair"]
        same = verification.probability >= least
        return PairVerdict(a, b, same, verification, reason=basis(verification, least))

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

    def review_duplicates(self) -> Desk:
        """Where a person's word on suspected pairs is taken down and read."""
        self._existing()
        from simsearch.duplicates.feedback import Desk

        return Desk(self.catalog)

    def rebuild(self, *, keep: int | None = None, progress: Progress = silent) -> str:
        """Build a generation from the catalog, audit it and serve it; its name. See `maintenance.Maintenance`.

        Raises:
            GenerationError: the audit failed, or images lack descriptors; the old generation still serves.
        """
        self._existing()
        with self._writing():
            return self.upkeep.rebuild(keep=keep, progress=progress)

    def plan(self) -> Plan:
        """What `rebuild` would do; nothing is changed."""
        self._existing()
        return self.upkeep.plan()

    def nightly(
        self, sources: Sequence[str | Path], *, keep: int | None = None, progress: Progress = silent
    ) -> NightlyReport:
        """Bring catalog and indexes up to the sources, and leave a report. See `nightly`."""
        from simsearch.ingest.nightly import Nightly

        with self._writing():
            return Nightly(self.upkeep, keep=keep).run(sources, progress)

    def rollback(self) -> str:
        """Serve the generation before the current one; its name."""
        self._existing()
        with self._writing():
            return self.generations.rollback()

    def status(self, *, verify: bool = False) -> Status:
        """What there is, without changing anything. `verify`: every byte is read."""
        from simsearch.ingest.nightly import last_report

        self._existing()
        return replace(self.upkeep.status(verify=verify), nightly=last_report(self.home / "nightly"))

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
    ) -> CalibrateResult:
        """Refit probability and thresholds; written to the home, or to `out`.

        On a labelled table (sku, image), or without one on what people said of recorded answers; see `decisions`. The
        home is locked meanwhile: a calibration that takes minutes must not fail at its end because another one writes.
        """
        from simsearch.training.calibrate_feedback import calibrate_from_decisions
        from simsearch.training.run import calibrate_from_table

        if not 0 < target_far < 1:
            raise UsageError(f"--target-far {target_far}: must be between 0 and 1, for instance 0.001")
        if table is None:
            self._existing()
        path = out or self.home / "calibration.json"
        with self._writing() if out is None else nullcontext():
            if table is None:
                result = calibrate_from_decisions(self.catalog, self._read_calibration(), target_far=target_far)
            else:
                result = calibrate_from_table(self.config, self.methods, table, target_far, progress)
            path.parent.mkdir(parents=True, exist_ok=True)
            result.calibration.save(path)
        return replace(result, path=path)


def calibration_beside(weights: Path) -> Path:
    """Where the calibration of a weights file lies."""
    return weights.with_name(f"{weights.stem}.calibration.json")
