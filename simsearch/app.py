"""Where the parts are put together: `open_app` gives the one object that the command line and Python callers use."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from simsearch.config import NEEDED, Config, load_config
from simsearch.datatypes import PairVerdict, Status
from simsearch.errors import CatalogError, ConfigError, GenerationError, ImageError, UsageError, WeightsError

if TYPE_CHECKING:
    from simsearch.catalog import Catalog
    from simsearch.datatypes import Decision, Descriptor, Image, Refusal
    from simsearch.duplicates import DuplicateFinder, DuplicateGroup
    from simsearch.evaluation.run import MethodsReport
    from simsearch.indexer import IndexReport
    from simsearch.indexes.generations import Generations
    from simsearch.methods.base import Method, MetricMethod
    from simsearch.query import QueryEngine
    from simsearch.siamese.calibration import Calibration
    from simsearch.siamese.training import TrainResult
    from simsearch.verification import Verifier

DEFAULT_HOME = "simsearch-home"

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
        device: "auto", "cpu" or "cuda" for the network; overrides methods.siamese.device.

    Raises:
        ConfigError: a setting that cannot be meant.
    """
    folder = Path(home or os.environ.get("SIMSEARCH_HOME") or DEFAULT_HOME).absolute()
    file = config or os.environ.get("SIMSEARCH_CONFIG")
    settings, origin = load_config(Path(file) if file else None)
    if device is not None:
        methods = {**settings.methods, "siamese": {**settings.methods.get("siamese", {}), "device": device}}
        settings, origin = replace(settings, methods=methods), {**origin, "methods.siamese.device": "--device"}
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
        from simsearch.methods.base import MetricMethod

        return [m for m in self.methods.values() if isinstance(m, MetricMethod)]

    def check_settings(self) -> None:
        """ConfigError when a method is named that there is none of, or a setting that a method does not have."""
        from simsearch.methods import check

        check({**{name: {} for name in self.config.indexing.stored}, **self.config.methods})

    def method(self, name: str) -> Method:
        """Any method, with its settings in force."""
        from simsearch.methods import create

        return create(name, self.config.methods.get(name, {}))

    @cached_property
    def generations(self) -> Generations:
        """The builds of the indexes."""
        from simsearch.indexes.generations import Generations

        return Generations(self.home / "generations")

    @cached_property
    def calibration(self) -> Calibration:
        """The home's own where `simsearch calibrate` made one, else the one beside the weights."""
        from simsearch.methods.siamese import Siamese
        from simsearch.siamese.calibration import Calibration

        siamese = self.methods["siamese"]
        assert isinstance(siamese, Siamese)
        own = self.home / "calibration.json"
        path = own if own.is_file() else calibration_beside(siamese.weights.path)
        calibration = Calibration.load(path)
        try:
            calibration.check({name: m.fingerprint for name, m in self.methods.items()})
        except WeightsError as error:
            raise WeightsError(f"{path}: {error}") from None
        return calibration

    @cached_property
    def verifier(self) -> Verifier:
        """What judges pairs."""
        from simsearch.verification import Verifier

        return Verifier(self.methods, self.calibration)

    @cached_property
    def engine(self) -> QueryEngine:
        """What answers photos."""
        from simsearch.query import QueryEngine

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

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time. The lock is the process's: it ends with it, however it ends."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise CatalogError(f"{self.home}: cannot be written ({error.strerror}); choose another --home") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise CatalogError(f"{self.home}: another simsearch is writing there; wait for it to end") from None
        try:
            yield
        finally:
            os.close(handle)

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
        from simsearch.catalog.manifest import read_source
        from simsearch.images import SUFFIXES
        from simsearch.indexer import Indexer

        read = [read_source(Path(source), SUFFIXES) for source in sources]
        with self._writing():
            indexer = Indexer(self.catalog, self.methods, self.config.indexing, self.config.images)
            report = indexer.run(read, prune=prune, progress=progress)
            if rebuild or (rebuild is None and self._behind()):
                report = replace(report, generation=self._rebuild())
        return report

    def _behind(self) -> bool:
        name = self.generations.current()
        live = self.catalog.counts()["images_ok"]
        if name is None:
            return live > 0
        manifest = self.generations.manifest(name)
        built = {lane["fingerprint"] for lane in manifest["lanes"]}
        if built != {m.fingerprint for m in self.lanes}:
            return True
        new = self.catalog.active_ids(self.methods["phash"].fingerprint, since=manifest["revision"])
        gone = self.catalog.retired_since(manifest["revision"])
        return len(new) + len(gone) > self.config.indexing.rebuild_share * max(1, live)

    def query(
        self, photos: Sequence[str | Path | bytes], *, k: int | None = None, record: bool = True
    ) -> list[Decision | ImageError]:
        """An answer a photo, in order: a decision, or why the photo cannot be read. Bytes are the content of a file."""
        self._existing()
        batch = 32  # decoded at once
        return [a for i in range(0, len(photos), batch) for a in self._answer(photos[i : i + batch], k, record)]

    def _answer(self, photos: Sequence[str | Path | bytes], k: int | None, record: bool) -> list[Decision | ImageError]:
        loaded = [self._load(photo) for photo in photos]
        sound = [image for image in loaded if not isinstance(image, ImageError)]
        decisions = self.engine.answer(sound, k=k)
        if record:
            shared = {
                "fingerprints": {name: m.fingerprint for name, m in self.methods.items()},
                "match_threshold": self.match_threshold, "margin": self.config.query.margin,
            }  # fmt: skip
            # A file's name need not be UTF-8, what a database holds must.
            named = [replace(d, query=d.query.encode(errors="backslashreplace").decode()) for d in decisions]
            self.catalog.record_decisions([(d, i.sha256) for d, i in zip(named, sound, strict=True)], shared)
        answers = iter(decisions)
        return [image if isinstance(image, ImageError) else next(answers) for image in loaded]

    def _load(self, photo: str | Path | bytes) -> Image | ImageError:
        from simsearch import images

        try:
            if isinstance(photo, bytes):
                return images.decode(photo, self.config.images, "-")
            return images.load(Path(photo), self.config.images)
        except ImageError as error:
            return error

    def verify(self, pairs: Sequence[tuple[str, str]], *, method: str | None = None) -> list[PairVerdict]:
        """Whether each pair of files shows the same product; with `method`, its bare similarity instead."""
        from simsearch.verification import describe

        chosen = {method: self.method(method)} if method else {name: self.methods[name] for name in NEEDED}
        described: dict[str, dict[str, Descriptor] | ImageError] = {}
        for path in dict.fromkeys(p for pair in pairs for p in pair):
            image = self._load(path)
            if isinstance(image, ImageError):
                described[path] = image
            else:
                [described[path]] = describe(chosen, [image])
        return [self._verdict(a, b, described[a], described[b], chosen) for a, b in pairs]

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
        return PairVerdict(a, b, verification.probability >= self.calibration.thresholds["pair"], verification)

    def duplicates(self, *, threshold: float | None = None, progress: Progress = silent) -> list[DuplicateGroup]:
        """Groups of catalog images that show the same product."""
        self._existing()
        return self._finder(threshold).find(progress)

    def _finder(self, threshold: float | None) -> DuplicateFinder:
        from simsearch.duplicates import DuplicateFinder

        least = self.config.duplicates.threshold or self.match_threshold if threshold is None else threshold
        return DuplicateFinder(self.catalog, self.methods, self.verifier, self.config.duplicates, least)

    def rebuild(self) -> str:
        """Build a generation from the catalog, audit it and serve it; its name.

        Raises:
            GenerationError: the audit failed, or images lack descriptors; the old generation still serves.
        """
        self._existing()
        with self._writing():
            return self._rebuild()

    def _rebuild(self) -> str:
        from simsearch.indexes.generations import Lane

        revision = self.catalog.revision()
        expected = self.catalog.active_ids(self.methods["phash"].fingerprint)

        def read() -> Iterator[tuple[Lane, Any, Any]]:
            for m in self.lanes:
                matrix = self.catalog.matrix(m.fingerprint, m.dtype, m.shape[0])
                yield Lane(m.name, m.fingerprint, m.metric, m.dim), *matrix

        name = self.generations.next_name(g["name"] for g in self.catalog.generations())
        settings = self.config.generations
        try:
            audit = self.generations.build(read(), name=name, revision=revision, expected=expected, settings=settings)
        except Exception as error:
            self.catalog.record_generation(name, len(expected), "failed", {"passed": False, "reason": str(error)})
            raise
        self.catalog.record_generation(name, len(expected), "built", audit)
        self.generations.prune(settings.keep)
        return name

    def rollback(self) -> str:
        """Serve the generation before the current one; its name."""
        self._existing()
        with self._writing():
            return self.generations.rollback()

    def status(self) -> Status:
        """What there is, without changing anything."""
        self._existing()
        counts, described = self.catalog.counts(), self.catalog.descriptor_counts()
        fingerprints = {name: m.fingerprint for name, m in self.methods.items()}
        undescribed = {name: counts["images_ok"] - described.get(f, 0) for name, f in fingerprints.items()}
        problem, serving = "", ""
        try:
            serving = self.generations.current() or ""
            if serving:
                self.generations.manifest(serving, full=True)
            self.engine.refresh()
        except GenerationError as error:
            problem = str(error)
        return Status(
            str(self.home), counts, {n: k for n, k in undescribed.items() if k}, serving,
            tuple(self.catalog.generations()), problem, self._disk(), fingerprints,
        )  # fmt: skip

    def _disk(self) -> dict[str, int]:
        def size(paths: Iterator[Path]) -> int:
            return sum(p.stat().st_size for p in paths if p.is_file())

        return {"catalog": size(self.home.glob("catalog.db*")), "generations": size(self.generations.folder.rglob("*"))}

    def refused(self) -> list[Refusal]:
        """What the sources list and the catalog could not take."""
        self._existing()
        return self.catalog.refused()

    def evaluate_methods(
        self,
        *,
        pairs: Path | None = None,
        manifest: Path | None = None,
        split: str | None = None,
        ambiguous: Path | None = None,
        methods: Sequence[str] = (),
        seed: int = 0,
        progress: Progress = silent,
    ) -> MethodsReport:
        """The named methods, or all whose weights are there, on the same labelled pairs.

        See `evaluation.run.evaluate_methods`.
        """
        from simsearch.evaluation.run import evaluate_methods
        from simsearch.methods import discover

        chosen: dict[str, Method] = {}
        for name in methods or discover():
            try:
                chosen[name] = self.method(name)
            except WeightsError:
                if name in methods:
                    raise  # asked for by name; else a learned method without weights has nothing to show
        return evaluate_methods(
            chosen, self.method("siamese"), self.config.images, pairs=pairs, manifest=manifest, split=split,
            ambiguous=ambiguous, seed=seed, progress=progress,
        )  # fmt: skip

    # -- training ----------------------------------------------------------------------------------------------------

    def train(
        self, config: Path, table: Path | None, run: Path, *, device: str = "auto", progress: Progress = silent
    ) -> TrainResult:
        """Train a network from a config and a table of photos; weights, card, curves and calibration go to `run`."""
        from simsearch.training_run import train_from_files

        return train_from_files(self.config, config, table, run, device=device, progress=progress)

    def calibrate(
        self, table: Path, *, target_far: float = 0.001, out: Path | None = None, progress: Progress = silent
    ) -> Path:
        """Refit probability and thresholds on a labelled table (sku, image); written to the home, or to `out`."""
        from simsearch.training_run import calibrate_from_table

        if not 0 < target_far < 1:
            raise UsageError(f"--target-far {target_far}: must be between 0 and 1, for instance 0.001")
        path = out or self.home / "calibration.json"
        calibration = calibrate_from_table(self.config, self.methods, table, target_far, progress)
        path.parent.mkdir(parents=True, exist_ok=True)
        calibration.save(path)
        return path


def calibration_beside(weights: Path) -> Path:
    """Where the calibration of a weights file lies."""
    return weights.with_name(f"{weights.stem}.calibration.json")
