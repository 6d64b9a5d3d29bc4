"""The second stage of indexing: what is printed on the catalog's photos is read once they can be found by their looks.

Reading takes a third of a second a photo, so that a catalog is read for hours. What is read is committed every few
seconds, and what counts as unread follows from the catalog alone: a run that was stopped, killed or left without time
is gone on with by the next one. Other weights or settings of the reader make all photos unread.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from simsearch.catalog import Catalog
from simsearch.catalog.readings import ReadingCounts, Unread
from simsearch.core import images
from simsearch.core.code_agreement import keys
from simsearch.core.config import Config
from simsearch.core.errors import ConfigError, ImageError, SimsearchError
from simsearch.core.status import PrintStatus
from simsearch.core.threads import SingleThreaded, cores, stay_on_this_thread
from simsearch.core.types import Progress, Refusal
from simsearch.features.base import Method, missing, pack, unpack
from simsearch.features.codes import codes_of
from simsearch.ingest.describing import unexpected
from simsearch.ingest.reading_report import ReadingReport, pace

_LOG = logging.getLogger("simsearch")

_COMMIT_S = 3.0
"""Seconds between two commits: what a kill can cost."""
_COPIED = 500
"""Contents that are looked up at once among those that were read before."""
_SYSTEMATIC = 20
"""If the first so many photos all fail unexpectedly, the program is at fault and not a photo: the stage ends."""


@dataclass(frozen=True)
class _Content:
    """A file content that is to be read, and the images that have it: the same photo may be filed several times."""

    images: tuple[Unread, ...]

    @property
    def lacking(self) -> set[str]:
        """Fingerprints under which one of the images has no descriptor."""
        return {fingerprint for image in self.images for fingerprint in image.lacking}

    def given(self, packed: Mapping[str, bytes]) -> dict[int, dict[str, bytes]]:
        """Image id -> those of the descriptors that it lacks."""
        return {i.id: {f: packed[f] for f in i.lacking if f in packed} for i in self.images}


@dataclass(frozen=True)
class _Seen:
    """What a worker found out about a content."""

    content: _Content
    packed: Mapping[str, bytes] = field(default_factory=dict)
    errors: tuple[Refusal, ...] = ()
    """Why none of the files could be read; empty where one was."""
    cause: BaseException | None = None
    """The exception, where it was an unexpected one."""


class PrintStage:
    """Reads what is printed on the photos of one catalog. The caller of `run` holds the lock of the home."""

    def __init__(self, catalog: Catalog, methods: Mapping[str, Method], config: Config) -> None:
        """`methods`: those of print, "reading" and "codes"; see `Parts.print_methods`."""
        self.catalog, self.config, self.all = catalog, config, methods
        self.methods = [method for method in methods.values() if not missing(method)]
        self.pills = config.reading.mode == "always"
        self.fingerprints = [method.fingerprint for method in self.methods or methods.values()]

    @property
    def blocked(self) -> str:
        """Why nothing is read, and the way out; empty where photos can be read."""
        if self.config.reading.mode == "never":
            return 'reading is switched off: set reading.mode to "auto"'
        return missing(self.all["reading"])

    def require(self) -> None:
        """Raise ConfigError where nothing can be read."""
        if self.blocked:
            raise ConfigError(f"nothing can be read: {self.blocked}")

    def status(self) -> PrintStatus:
        """How much of the catalog is read."""
        found = self._counts()
        return PrintStatus(found.read, found.unread, found.left_out, self.blocked or self._without())

    def _without(self) -> str:
        """What of print is not read although the rest is."""
        return "; ".join(filter(None, map(missing, self.all.values())))

    def kept_fingerprints(self) -> set[str]:
        """Those of the descriptors that must stay in the catalog.

        Of a method whose library is not installed, all: its fingerprint may name the library's version.
        """
        lost = {name for name, method in self.all.items() if missing(method)}
        stored = {f for f in self.catalog.descriptors.counts() if f.rpartition("-")[0] in lost} if lost else set()
        return stored | {method.fingerprint for method in self.all.values()}

    # -- the stage ---------------------------------------------------------------------------------------------------

    def run(self, progress: Progress, *, minutes: float | None = None) -> ReadingReport:
        """Read the photos that are not read yet, by id, on all cores; nothing where `blocked`.

        Args:
            progress: told after every photo, with the pace and the time that is left.
            minutes: after which no further photo is begun; None: all are read.

        Raises:
            ConfigError: the reader's models are damaged.
            CatalogError: what was read cannot be written.
        """
        if self.blocked:
            return ReadingReport(why=self.blocked)
        started = time.perf_counter()
        before = self._counts()
        if not before.unread:
            return ReadingReport(left_out=before.left_out, seconds=time.perf_counter() - started)
        todo = self._unread()
        ids = [image.id for content in todo for image in content.images]
        failed: list[Refusal] = []
        try:
            copied = self._copy(todo)
            todo = self._unread(ids) if copied else todo
            self._read(todo, failed, progress, None if minutes is None else started + 60 * minutes)
        except KeyboardInterrupt:
            text = "reading was stopped with %d photos to go; `simsearch read` goes on with them"
            _LOG.warning(text, self._counts(ids).unread)
            raise
        after = self._counts(ids)
        over = minutes is not None and after.unread > len(failed)
        return ReadingReport(
            read=after.read, copied=copied, failed=tuple(failed), left=after.unread,
            left_out=before.left_out, seconds=time.perf_counter() - started,
            why=f"the time of {minutes:g} minutes was over; `simsearch read` goes on" if over else "",
        )  # fmt: skip

    def _copy(self, todo: Sequence[_Content]) -> int:
        """Give images the descriptors of others with the same content, as after a source moved; to how many."""
        done = 0
        for part in (todo[i : i + _COPIED] for i in range(0, len(todo), _COPIED)):
            known = self.catalog.readings.by_content({content.images[0].sha256 for content in part}, self.fingerprints)
            given: dict[int, Mapping[str, bytes]] = {}
            for content in part:
                if packed := known.get(content.images[0].sha256):
                    given |= {i: p for i, p in content.given(packed).items() if p}
            done += self._write(given)
        return done

    def _write(self, given: Mapping[int, Mapping[str, bytes]]) -> int:
        """Write what was read, and the keys by which the codes among it are found."""
        codes = self.all.get("codes")
        if codes is None:
            return self.catalog.readings.add(given)
        seen = {i: packed[codes.fingerprint] for i, packed in given.items() if codes.fingerprint in packed}
        return self.catalog.readings.add(given, {i: keys(codes_of(unpack(codes, data, i))) for i, data in seen.items()})

    def _unread(self, among: Sequence[int] | None = None) -> list[_Content]:
        """What is to be read (of the images `among`), in the order of the lowest image id of each content."""
        found: dict[str, list[Unread]] = {}
        for image in self.catalog.readings.unread(self.fingerprints, pills=self.pills, among=among):
            found.setdefault(image.sha256, []).append(image)
        return [_Content(tuple(images)) for images in found.values()]

    def _counts(self, among: Sequence[int] | None = None) -> ReadingCounts:
        """How many images (of the images `among`) are read and unread."""
        return self.catalog.readings.counts(self.fingerprints, pills=self.pills, among=among)

    def _read(self, todo: Sequence[_Content], failed: list[Refusal], progress: Progress, until: float | None) -> None:
        """Read `todo` until the time `until`, and commit every few seconds and at the end, whatever ends it."""
        total = sum(len(content.images) for content in todo)
        given: dict[int, Mapping[str, bytes]] = {}
        done = defects = 0
        started = committed = time.perf_counter()
        try:
            for seen in self._work(todo, until):
                done += len(seen.content.images)
                defects += seen.cause is not None
                if defects == done == _SYSTEMATIC and seen.cause is not None:
                    raise seen.cause
                failed.extend(seen.errors)
                if seen.packed:
                    given |= seen.content.given(seen.packed)
                now = time.perf_counter()
                if now - committed >= _COMMIT_S:
                    self._write(given)
                    given, committed = {}, time.perf_counter()
                progress(done, total, pace(done, total, now - started))
        finally:
            self._write(given)

    def _work(self, todo: Sequence[_Content], until: float | None) -> Iterator[_Seen]:
        """Read each content on one thread; in order, with as many begun as there are threads and one more each."""
        workers = self.config.indexing.workers or cores()
        waiting: deque[Future[_Seen]] = deque()
        rest = iter(todo)
        with SingleThreaded(), ThreadPoolExecutor(workers, initializer=stay_on_this_thread) as pool:
            try:
                while True:
                    in_time = until is None or time.perf_counter() < until
                    while in_time and len(waiting) < 2 * workers and (content := next(rest, None)) is not None:
                        waiting.append(pool.submit(self._look, content))
                    if not waiting:
                        return
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def _look(self, content: _Content) -> _Seen:
        """Read the first of the files that still has the content; on a thread of the pool."""
        errors: list[Refusal] = []
        cause: BaseException | None = None
        for image in content.images:
            try:
                return _Seen(content, self._packed(image, content.lacking))
            except ImageError as error:
                errors.append(Refusal(image.path, error.code, str(error), image.path))
            except MemoryError:
                text = f"{image.path}: does not fit into memory; lower images.reading_size, or indexing.workers"
                errors.append(Refusal(image.path, "too_large", text, image.path))
            except SimsearchError:  # of the models or the settings: no photo is at fault
                raise
            except Exception as error:
                refusal = unexpected(image.path, error)
                errors.append(Refusal(image.path, refusal.code, str(refusal), image.path))
                cause = error
        return _Seen(content, {}, tuple(errors), cause)

    def _packed(self, image: Unread, lacking: set[str]) -> dict[str, bytes]:
        """Fingerprint -> packed descriptor of the file.

        Raises:
            ImageError: it cannot be read, or holds another content than was indexed.
        """
        data = images.read(Path(image.path), self.config.images)
        digest = sha256(data).hexdigest()
        if digest != image.sha256:
            way_out = "run `simsearch index` on its source"
            raise ImageError("changed", f"{image.path}: has other content than was indexed; {way_out}")
        photo = images.decode_sharp(data, self.config.images, image.path, digest)
        wanted = [method for method in self.methods if method.fingerprint in lacking]
        return {method.fingerprint: pack(method.describe([photo])[0]) for method in wanted}
