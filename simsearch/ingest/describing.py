"""One photo of a source: read, decoded and described, or the reason why not. Runs in the threads of the indexer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Lock

from simsearch.catalog.images import KnownImage
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError, SimsearchError
from simsearch.core.stamps import Stamp
from simsearch.core.types import Description, Image, SourceRow
from simsearch.features.base import Method
from simsearch.features.description import describe_here, merged, split

_LOG = logging.getLogger("simsearch")


@dataclass(frozen=True)
class Job:
    """One image that may need work."""

    row: SourceRow
    source: str
    known: KnownImage | None


@dataclass(frozen=True)
class Seen:
    """What a worker found out about the photo of a job."""

    job: Job
    stamp: Stamp
    digest: str | None
    width: int | None = None
    height: int | None = None
    image: Image | None = None
    description: Description | None = None
    """None where the content is known and described already, or cannot be."""
    error: ImageError | None = None


@dataclass(frozen=True)
class Photo:
    """The content of a job's file, which was read where the file is."""

    job: Job
    stamp: Stamp
    data: bytes | None
    error: ImageError | None = None
    """Why there is no content."""


def photo_of(job: Job, settings: ImageSettings) -> Photo:
    """Read the file of a job."""
    path = Path(job.row.path)
    stamp = Stamp.of(path)  # before the file is read: what changes it meanwhile shows in the next run
    try:
        return Photo(job, stamp, images.read(path, settings))
    except ImageError as error:
        return Photo(job, stamp, None, error)


class Describer:
    """Takes batches of photos through all stages, in the threads of a pool."""

    def __init__(self, methods: Mapping[str, Method], settings: ImageSettings) -> None:
        self.settings = settings
        self.batched, self.others = split(methods)

    def describe(self, batch: Sequence[Job | Photo]) -> list[Seen]:
        """As `submit`, on the calling thread. The file of a job is read here, that of a photo was read elsewhere."""
        return self._described([self._look(one) for one in batch])

    def submit(self, pool: Executor, batch: Sequence[Job]) -> Future[list[Seen]]:
        """Read and describe each photo, then run the batched methods on those that were decoded.

        Photos are shared out one by one, because a large one takes tenths of a second: of a batch on one thread, the
        others would wait for its end. Whichever thread is done with the last photo of a batch runs the batched methods.
        """
        found = _Batch(self, batch)
        for place in range(len(batch)):
            pool.submit(found.look, place)
        return found.done

    def _described(self, seen: Sequence[Seen]) -> list[Seen]:
        """Run the batched methods on the photos that were decoded."""
        todo = [one for one in seen if one.image is not None]
        done = iter(self._complete(todo))
        return [one if one.image is None else next(done) for one in seen]

    def _look(self, of: Job | Photo) -> Seen:
        """Look at a photo; if its content is new, decode and describe it with all methods but the batched ones."""
        photo = of if isinstance(of, Photo) else photo_of(of, self.settings)
        job, stamp, digest = photo.job, photo.stamp, None
        try:
            if photo.data is None:
                return Seen(job, stamp, None, error=photo.error)
            digest = sha256(photo.data).hexdigest()
            if job.known and job.known.described and job.known.sha256 == digest:
                return Seen(job, stamp, digest)
            image = images.decode(photo.data, self.settings, job.row.path, digest, keep=False)
            [described] = describe_here(self.others, [image])
            return Seen(job, stamp, digest, image.width, image.height, image, described)
        except ImageError as error:
            return Seen(job, stamp, digest, error=error)
        except SimsearchError:  # of the settings or the weights: no photo is at fault
            raise
        except Exception as error:
            return Seen(job, stamp, digest, error=unexpected(job.row.path, error))

    def _complete(self, seen: Sequence[Seen]) -> list[Seen]:
        """The photos with the descriptors of all methods, and without their pixels."""
        try:
            found = describe_here(self.batched, [one.image for one in seen if one.image is not None]) if seen else []
        except SimsearchError:
            raise
        except Exception as error:
            if len(seen) == 1:
                return [replace(seen[0], image=None, description=None, error=unexpected(seen[0].job.row.path, error))]
            return [done for one in seen for done in self._complete([one])]  # so that one photo spoils no other
        return [
            replace(one, image=None, description=merged(one.description, rest))
            for one, rest in zip(seen, found, strict=True)
            if one.description is not None
        ]


class _Batch:
    """Photos that go through the batched methods together."""

    def __init__(self, describer: Describer, jobs: Sequence[Job]) -> None:
        self.done: Future[list[Seen]] = Future()
        self._describer, self._jobs = describer, jobs
        self._seen: dict[int, Seen] = {}
        self._lock = Lock()

    def look(self, place: int) -> None:
        """Take one photo as far as it goes alone, and the batch to its end where it is the last one."""
        try:
            seen = self._describer._look(self._jobs[place])
            with self._lock:
                self._seen[place] = seen
                last = len(self._seen) == len(self._jobs)
            if last:
                self.done.set_result(self._describer._described([self._seen[i] for i in range(len(self._jobs))]))
        except BaseException as error:
            with self._lock:  # of several errors the first is told
                if not self.done.done():
                    self.done.set_exception(error)


def unexpected(path: str, error: Exception) -> ImageError:
    """A defect that one photo brought to light, as that photo's refusal. The log has the traceback at level debug."""
    _LOG.debug("%s: unexpected %s", path, type(error).__name__, exc_info=error)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    refusal = ImageError("unexpected", f"{path}: unexpected {what} (a defect; SIMSEARCH_DEBUG=1 shows where)")
    refusal.__cause__ = error
    return refusal
