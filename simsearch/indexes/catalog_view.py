"""What the indexes need of the catalog. `simsearch.catalog.Catalog` fulfils it; tests use a small stand-in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from simsearch.core.types import Ids
from simsearch.indexes.manifest import Manifest


class DescriptorView(Protocol):
    """Packed descriptors."""

    def of(self, fingerprint: str, ids: Iterable[int]) -> dict[int, bytes]:
        """Those of the images `ids` that have one."""
        ...

    def active_ids(self, fingerprint: str, *, since: int = -1) -> Ids:
        """Active images that have one, ascending; only those described after the revision `since`."""
        ...


class ImageView(Protocol):
    """Sets of images."""

    def mark(self, revision: int, last: int | None = None) -> dict[str, int]:
        """A checksum of the images that were usable at `revision`; see `catalog.images`."""
        ...


class BuildView(Protocol):
    """The catalog's own list of generations."""

    def get(self, name: str) -> dict[str, Any] | None:
        """The build of this name: name, state, audit and more; None where there is none."""
        ...

    def record(self, name: str, images: int, state: str, audit: Mapping[str, Any]) -> None:
        """Remember a build. `state`: built or failed."""
        ...


class CatalogView(Protocol):
    """The catalog as generations are built from it and checked against it."""

    @property
    def descriptors(self) -> DescriptorView:
        """For votes and re-ranking."""
        ...

    @property
    def images(self) -> ImageView:
        """For the check that a generation belongs to the catalog."""
        ...

    @property
    def builds(self) -> BuildView:
        """For the same check."""
        ...


def drift(catalog: CatalogView, manifest: Manifest) -> str:
    """Why a generation does not belong to the catalog; empty where it does."""
    recorded = catalog.builds.get(manifest.name)
    if recorded is None or recorded["state"] != "built":
        return "the catalog does not know of it (was a backup put back?)"
    if recorded["audit"].get("digest") != manifest.digest:
        return "the catalog remembers another build under this name"
    then = manifest.mark
    today = catalog.images.mark(manifest.revision, then["last"])
    if today["redescribed"]:
        # An image that was described again may or may not have been in it: their number bounds the difference.
        differs = not today["images"] <= then["images"] <= today["images"] + today["redescribed"]
    else:
        differs = any(then[key] != today[key] for key in then)
    return f"it was built from {then['images']} images, the catalog now has {today['images']} of them" * differs
