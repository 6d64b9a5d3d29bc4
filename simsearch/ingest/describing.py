"""One photo of a source: read, decoded and described, or the reason why not. Runs in the threads of the indexer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

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


class Describer:
    """Takes batches of photos through all stages, each batch on one thread."""

    def __init__(self, methods: Mapping[str, Method], settings: ImageSettings) -> None:
        self.settings = settings
        self.batched, self.others = split(methods)

    def described(self, batch: Sequence[Job]) -> list[Seen]:
        """Read and describe each photo, then run the batched methods on those that were decoded."""
        seen = [self._look(job) for job in batch]
        todo = [one for one in seen if one.image is not None]
        done = iter(self._complete(todo))
        return [one if one.image is None else next(done) for one in seen]

    def _look(self, job: Job) -> Seen:
        """Read a photo; if its content is new, decode and describe it with all methods but the batched ones."""
        path = Path(job.row.path)
        stamp = Stamp.of(path)  # before the file is read: what changes it meanwhile shows in the next run
        digest = None
        try:
            data = images.read(path, self.settings)
            digest = sha256(data).hexdigest()
            if job.known and job.known.described and job.known.sha256 == digest:
                return Seen(job, stamp, digest)
            image = images.decode(data, self.settings, str(path), digest, keep=False)
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


def unexpected(path: str, error: Exception) -> ImageError:
    """A defect that one photo brought to light, as that photo's refusal. The log has the traceback at level debug."""
    _LOG.debug("%s: unexpected %s", path, type(error).__name__, exc_info=error)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:500]
    refusal = ImageError("unexpected", f"{path}: unexpected {what} (a defect; SIMSEARCH_DEBUG=1 shows where)")
    refusal.__cause__ = error
    return refusal
