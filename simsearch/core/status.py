"""What an application says of itself: whether it is ready, and what its home holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Readiness:
    """What `App.prepare` loaded: from now on a query waits for nothing but its own work."""

    generation: str
    """Name of the generation that answers; "none" where none was built."""
    images: int
    """Active images of the catalog."""
    revision: int
    """Revision of the catalog."""
    seconds: float
    """How long loading took."""


@dataclass(frozen=True)
class PhotoCheck:
    """The photos of the catalog, compared with their files."""

    sound: int
    """Files with the content that was indexed."""
    changed: tuple[str, ...]
    """Paths of files with other content."""
    missing: tuple[str, ...]
    """Paths where there is no file."""
    unreadable: tuple[str, ...]
    """Paths of files that cannot be read."""

    @property
    def problem(self) -> str:
        """Why answers may name what a file no longer shows; empty where no file changed."""
        if not self.changed:
            return ""
        photos = "1 photo has" if len(self.changed) == 1 else f"{len(self.changed)} photos have"
        return (
            f"{photos} other content than was indexed, for instance {self.changed[0]}; "
            "run `simsearch index --reread` on your sources"
        )


@dataclass(frozen=True)
class PrintStatus:
    """How much of what is printed on the catalog's photos is read, in active, accepted images."""

    read: int
    unread: int
    """To be read."""
    left_out: int
    """Loose pills, which are not read."""
    why: str
    """Why nothing is read, or no codes are, and the way out; empty where all can be read."""


@dataclass(frozen=True)
class Status:
    """What a home holds, for people and for monitoring."""

    home: str
    counts: Mapping[str, int]
    """products, images_ok, images_refused, images_retired."""
    undescribed: Mapping[str, int]
    """Method -> active images that lack its descriptor under the fingerprint in force."""
    generation: str
    """Name of the generation that serves; empty when there is none."""
    generations: tuple[Mapping[str, Any], ...]
    """Records of all builds, oldest first."""
    problem: str
    """Why queries cannot be answered from the indexes; empty when they can."""
    disk_bytes: Mapping[str, int]
    """Bytes of catalog, generations and backups."""
    fingerprints: Mapping[str, str]
    """Method -> fingerprint in force."""
    stale: Mapping[str, int] = field(default_factory=dict)
    """Method -> active images whose descriptor has another fingerprint, so that it is compared with none of today's."""
    sources_gone: Mapping[str, int] = field(default_factory=dict)
    """Source -> number of its images, for each source that is no longer there or none of whose photos is."""
    kept: tuple[str, ...] = ()
    """Generations on disk, oldest first."""
    gpus: int = 0
    """GPUs that FAISS sees."""
    nightly: Mapping[str, Any] | None = None
    """Report of the last night; None before the first."""
    verified: bool = False
    """Whether every byte was read."""
    photos: PhotoCheck | None = None
    """None unless every byte was read."""
    printed: PrintStatus | None = None
    """How much is read of what is printed."""
    filing: Mapping[str, int] = field(default_factory=dict)
    """Kind of doubt about how the catalog is filed -> how many the last check left open."""

    @property
    def sound(self) -> bool:
        """Whether a query would be answered from complete indexes."""
        return not self.problem and not any(self.undescribed.values())
