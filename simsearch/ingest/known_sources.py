"""Sources that the catalog knows: which of them are gone from this machine, and letting go of one."""

from __future__ import annotations

import os
from pathlib import Path

from simsearch.catalog import Catalog
from simsearch.core.errors import SourceError

_LOOKED_AT = 100
"""Photos of a source. A status must not look at every file of a million on a file server."""


def gone_sources(catalog: Catalog) -> dict[str, int]:
    """Source -> number of its images, for each source that is not there, or none of whose first 100 photos is."""
    return {source: count for source, count in sorted(catalog.sources.counts().items()) if _is_gone(catalog, source)}


def forgettable(catalog: Catalog, path: str | Path) -> str:
    """The key of the known source that `path` names; it need not be there any more.

    Raises:
        SourceError: nothing in the catalog came from there.
    """
    known = catalog.sources.counts()
    names = (str(path), os.path.abspath(path), os.path.realpath(path))
    found = next((name for name in names if name in known), None)
    if found is None:
        listed = ", ".join(sorted(known)[:10]) or "none"
        raise SourceError(f"{path}: nothing in the catalog came from there; its sources: {listed}")
    return found


def forget_source(catalog: Catalog, source: str) -> int:
    """Retire all images of a source, whether or not it is still there, and drop its refused rows; how many images."""
    ids = catalog.sources.image_ids(source)
    catalog.images.apply(retire=ids)
    catalog.images.note_refusals(source, [])
    return len(ids)


def _is_gone(catalog: Catalog, source: str) -> bool:
    if not os.path.exists(source):
        return True
    photos = catalog.sources.first_paths(source, _LOOKED_AT)
    return bool(photos) and not any(os.path.exists(photo) for photo in photos)
