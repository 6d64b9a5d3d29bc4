"""The parts of an application, put together: each made once, by one thread, when it is first needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from simsearch.core.config import NEEDED, PRINTED, Config
from simsearch.core.errors import CatalogError, ConfigError, UsageError, WeightsError
from simsearch.core.files import writing as hold_lock

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from simsearch.catalog import Catalog
    from simsearch.features.base import Method, MetricMethod
    from simsearch.filing.checker import Checker
    from simsearch.indexes.generations import Generations
    from simsearch.ingest.faces import Faces
    from simsearch.ingest.indexer import Indexer
    from simsearch.ingest.reading import PrintStage
    from simsearch.ingest.rebuild import Rebuilder
    from simsearch.recognition.calibration import Calibration
    from simsearch.recognition.engine import QueryEngine
    from simsearch.recognition.print_evidence import PrintEvidence
    from simsearch.recognition.print_pairs import PairPrint
    from simsearch.recognition.scoring import CurrentScoring
    from simsearch.recognition.service import QueryService
    from simsearch.recognition.verification import Verifier

T = TypeVar("T")


class part(Generic[T]):  # noqa: N801 - used as a decorator, as functools.cached_property is
    """A part of an :class:`Parts`: made once, by one thread, when it is first needed."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make, self.name = make, make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, app: None, owner: type[Parts]) -> Self: ...

    @overload
    def __get__(self, app: Parts, owner: type[Parts]) -> T: ...

    def __get__(self, app: Parts | None, owner: type[Parts]) -> T | Self:
        return self if app is None else app.made(self.name, self.make)


class Parts:
    """The parts of an application on one home. Any number of threads may use them at once, until `close`."""

    def __init__(self, home: Path, config: Config, origin: Mapping[str, str]) -> None:
        self.home, self.config, self.origin = home, config, origin
        self._parts: dict[str, Any] = {}
        self._making = RLock()
        self._closed = False
        missing = [name for name in NEEDED if name not in config.indexing.stored]
        if missing:
            raise ConfigError(f"indexing.stored must name {', '.join(NEEDED)}; {', '.join(missing)} is missing")
        if printed := [name for name in config.indexing.stored if name in PRINTED]:
            raise ConfigError(f"indexing.stored must not name {', '.join(printed)}: see [reading], which stores them")

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
        if "generations" in parts:
            parts["generations"].close()
        if "catalog" in parts:
            parts["catalog"].close()

    # -- parts -------------------------------------------------------------------------------------------------------

    def made(self, name: str, make: Callable[[Any], T]) -> T:
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

    @part
    def print_methods(self) -> dict[str, Method]:
        """The methods "reading" and "codes", which read the photo at `images.reading_size` in a stage of their own.

        They are there also where what they need is not installed: `features.base.missing` says so.
        """
        from simsearch.core.config import parse_settings
        from simsearch.features.codes import CodeMethod
        from simsearch.features.reading import ReadPrint

        def settings(cls: type[T], name: str) -> T:
            return parse_settings(cls, self.config.methods.get(name, {}), where=f"methods.{name}")

        side = str(self.config.images.sharp_size)
        read = ReadPrint(settings(ReadPrint.Settings, "reading"), pixels=lambda i: i.sharp, resolution=side)
        codes = CodeMethod(settings(CodeMethod.Settings, "codes"), grey=lambda i: i.sharp_grey, resolution=side)
        return {read.name: read, codes.name: codes}

    @part
    def print_stage(self) -> PrintStage:
        """What reads the catalog's photos by the methods of print."""
        from simsearch.ingest.reading import PrintStage

        return PrintStage(self.catalog, self.print_methods, self.config)

    @property
    def indexer(self) -> Indexer:
        """What describes photos for the catalog."""
        from simsearch.ingest.indexer import Indexer

        return Indexer.of(self.catalog, self.methods, self.config)

    def indexer_on(self, workers: str) -> Indexer:
        """The same, describing on `workers`, whatever `indexing.describe_on` says."""
        from simsearch.ingest.indexer import Indexer

        settings = replace(self.config.indexing, describe_on=workers)
        return Indexer.of(self.catalog, self.methods, replace(self.config, indexing=settings))

    @property
    def faces(self) -> Faces:
        """The photos that people added to products."""
        from simsearch.ingest.faces import Faces

        folder = self.home / "faces"
        return Faces(folder, self.catalog, self.config.images, lambda: self.indexer, lambda: self.print_stage)

    @property
    def reading(self) -> Method | None:
        """The method whose descriptors the lanes of text are made from; None where nothing is ever read."""
        return None if self.config.reading.mode == "never" else self.print_methods["reading"]

    @property
    def pair_print(self) -> PairPrint | None:
        """Compares what is printed on two photos; None where nothing is to be read."""
        if self.config.reading.mode == "never":
            return None
        from simsearch.features.base import missing
        from simsearch.features.reading import ReadPrint
        from simsearch.recognition.print_pairs import PairPrint
        from simsearch.recognition.printed import PrintVerifier

        read, side = self.print_methods["reading"], self.verifier.orb.settings.size
        reader = read.reader if isinstance(read, ReadPrint) and not missing(read) else None
        return PairPrint(self.print_methods, PrintVerifier(reader, keypoint_side=side), keypoint_side=side)

    @property
    def checker(self) -> Checker:
        """What checks how the catalog is filed, by the generation that serves."""
        from simsearch.core.threads import cores
        from simsearch.features.base import MetricMethod
        from simsearch.filing.checker import Checker
        from simsearch.filing.crew import Crew
        from simsearch.filing.judging import shipped
        from simsearch.filing.looker import Looker
        from simsearch.filing.nearby import Nearby
        from simsearch.recognition.print_pairs import PairPrint
        from simsearch.recognition.printed import PrintVerifier

        snapshot, scorer, network = self.engine.snapshots.current(), self.verifier, self.methods["siamese"]
        assert isinstance(network, MetricMethod)
        side = scorer.orb.settings.size
        words = PrintVerifier(None, snapshot.text_weights.weight, keypoint_side=side)
        prints = PairPrint(self.print_methods, words, keypoint_side=side) if self.reading else None
        needed = {name: self.methods[name] for name in NEEDED}
        crew = Crew(
            (__name__, help_to_check.__name__), (self.home, self.config, dict(self.origin)), snapshot.generation,
            self.config.check.processes or cores(),
        )  # fmt: skip
        return Checker(
            self.catalog, needed, prints, Looker(scorer, prints, words), Nearby(self.catalog, network, snapshot),
            shipped(), self.reading, self.config.check.least, crew, self.methods.get("pills"),
        )  # fmt: skip

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
        """The builds of the indexes: in files, or in the engine that `generations.engine` names."""
        from simsearch.indexes.generations import Generations

        settings = self.config.generations
        if settings.engine != "faiss":
            from simsearch.indexes.engine import open_engine
            from simsearch.indexes.shared import SharedGenerations

            folder, engine = self.home / "generations" / "shared", open_engine(self.config)
            return SharedGenerations(folder, self.catalog, self.catalog.shared, engine, settings.votes_on)
        folder = self.home / "generations"
        return Generations(folder, self.catalog, device=settings.device, votes_on=settings.votes_on)

    @part
    def rebuilder(self) -> Rebuilder:
        """What builds the indexes."""
        from simsearch.ingest.rebuild import Rebuilder

        return Rebuilder(self.home, self.config, self.catalog, self.methods, self.generations, self.reading)

    @part
    def scoring(self) -> CurrentScoring:
        """The calibration in force, which follows its file."""
        from simsearch.recognition.scoring import CurrentScoring

        return CurrentScoring(self.methods, self.home / "calibration.json", self.config.query.match_threshold)

    @part
    def engine(self) -> QueryEngine:
        """The query engine, without records."""
        from simsearch.recognition.engine import QueryEngine

        return QueryEngine(
            self.catalog, self.generations, self.methods, self.scoring.current, self.print_evidence, self.config.query
        )

    @part
    def print_evidence(self) -> PrintEvidence:
        """What reads photos and compares their print with the catalog's."""
        from simsearch.recognition.print_evidence import PrintEvidence

        return PrintEvidence(self.catalog, self.methods, self.print_methods, self.config.reading)

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
    def calibration_if_any(self) -> Calibration | None:
        """The same; None where the weights have none yet, or there is only one of other weights."""
        try:
            return self.calibration
        except WeightsError:
            return None

    @property
    def verifier(self) -> Verifier:
        """Verifies pairs by the calibration in force."""
        return self.scoring.current().verifier

    @property
    def match_threshold(self) -> float:
        """Smallest probability of a MATCH: query.match_threshold, or where that is 0 the calibration's."""
        return self.scoring.current().thresholds.match

    def catalog_file(self) -> Path | None:
        """Where the catalog lies; None where it is in no file."""
        if not self.config.catalog.url:
            return self.home / "catalog.db"
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError

        from simsearch.catalog.database import file_of

        try:
            return file_of(make_url(self.config.catalog.url))
        except (ArgumentError, ModuleNotFoundError):  # opening it says what is wrong
            return None

    def require_catalog(self) -> None:
        """CatalogError where nothing was indexed yet: a query must not make an empty home by a slip in its path."""
        file = self.catalog_file()
        if file is not None and not os.path.lexists(file) and not (self.home / "generations").is_dir():
            raise CatalogError(f"{self.home}: holds no catalog; run `simsearch --home {self.home} index SOURCE` first")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One writer at a time."""
        # The home is locked first: it says so at once where another process of this machine writes.
        with hold_lock(self.home), self.catalog.database.writing():
            yield


def help_to_check(pipe: Connection) -> None:
    """The life of a process that looks at photos for a check of another process, on the same home."""
    from simsearch.filing.crew import Look, serve

    def start(setup: tuple[Path, Config, Mapping[str, str]]) -> tuple[str, Look]:
        from simsearch.filing.filed import Filing

        parts = Parts(*setup)
        checker = parts.checker
        filing = Filing.of(parts.catalog, parts.reading)
        return checker.watcher.crew.sign, lambda block: checker.watcher.look(filing, block)

    serve(pipe, start)
