"""Faces of products that people added: photos of answers that they confirmed or corrected.

The photo is copied to `faces/` in the home, under the number of its answer, and becomes an image of the product. That
folder is a source of its own: no run of `index` on other sources retires what is in it, and taking the answer's review
back removes the image and the copy.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import CatalogError, UsageError
from simsearch.core.files import replace
from simsearch.core.types import SourceRow, silent
from simsearch.ingest.indexer import Indexer
from simsearch.ingest.reading import PrintStage
from simsearch.ingest.sources import Source

MOST = 20
"""Faces of one product: a package has six sides and a strip two, and each image is compared with every photo."""
_READING_MINUTES = 1.0
"""How long print of the catalog is read after a face was added; what is left is read by the next `index` or `read`."""


class Faces:
    """The photos that people added to products. The caller of `add` and `remove` holds the lock of the home."""

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        settings: ImageSettings,
        indexer: Callable[[], Indexer],
        print_stage: Callable[[], PrintStage],
    ) -> None:
        """
        Args:
            folder: where the copies lie; made when the first one is added.
            catalog: that they belong to.
            settings: of photos.
            indexer: gives what describes them.
            print_stage: gives what reads them.
        """
        self.folder, self.catalog, self.settings = folder, catalog, settings
        self._indexer, self._print_stage = indexer, print_stage

    def all(self) -> dict[int, ImageFacts]:
        """Number of the answer -> the image that was added from it."""
        facts = self.catalog.images.facts(self.catalog.sources.image_ids(str(self.folder)))
        return {int(Path(f.path).stem): f for f in facts.values() if Path(f.path).stem.isdecimal()}

    def content(self, photo: Path, digest: str, answer: int) -> bytes:
        """The bytes of the photo that an answer was given to.

        Raises:
            ImageError: it cannot be read.
            UsageError: it is another photo, or the catalog holds it already.
        """
        data = images.read(photo, self.settings)
        if sha256(data).hexdigest() != digest:
            raise UsageError(f"{photo}: is not the photo of decision {answer}; give the file that was asked")
        images.decode(data, self.settings, str(photo), digest)
        own = self.all().get(answer)
        same = [i for i in self.catalog.selection.same_file(digest) if own is None or i != own.id]
        for facts in self.catalog.images.facts(same).values():
            raise UsageError(f"{photo}: is in the catalog already, as {facts.image} of {facts.sku}")
        return data

    def add(self, answer: int, sku: str, photo: Path, data: bytes) -> None:
        """File `data`, the content of `photo`, under the product `sku`, in place of what was added from `answer`.

        Raises:
            UsageError: the product has `MOST` faces already.
            CatalogError: the copy cannot be written.
            ImageError: the photo cannot be described.
        """
        others = [f for number, f in self.all().items() if f.sku == sku and number != answer]
        if len(others) >= MOST:
            raise UsageError(f"{sku}: has {MOST} added faces already; `simsearch decisions forget` takes one back")
        self.remove(answer)
        suffix = photo.suffix.lower()
        copy = self.folder / f"{answer}{suffix if suffix in images.SUFFIXES else ''}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace(copy, data)
        except OSError as error:
            raise CatalogError(f"{copy}: cannot be written ({error.strerror})") from None
        row = SourceRow(sku, str(copy), f"{self.folder.name}/{copy.name}", str(copy))
        report = self._indexer().run([Source(str(self.folder), [row])], progress=silent)
        if report.refusals:
            self.remove(answer)
            raise CatalogError(report.refusals[0].message)
        self._print_stage().run(silent, minutes=_READING_MINUTES)

    def remove(self, answer: int) -> bool:
        """Take the photo of an answer out of the catalog and delete its copy; whether there was one."""
        known = [i for i, path in self.catalog.sources.images(str(self.folder)) if Path(path).stem == str(answer)]
        self.catalog.images.apply(retire=known)
        for copy in (self.folder / str(answer), *self.folder.glob(f"{answer}.*")):
            copy.unlink(missing_ok=True)
        return bool(known)
