"""The files of the lanes of text: the weights of terms, the print of the photos, the words of the products."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from simsearch.core.errors import GenerationError
from simsearch.core.files import sync
from simsearch.core.types import Ids
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.manifest import TEXT, WEIGHTS, WORDS, Audit, Manifest, TextFacts
from simsearch.indexes.stored_file import REPAIR, describe_file
from simsearch.indexes.text import Document, TextIndex
from simsearch.indexes.text_audit import audit_text
from simsearch.indexes.text_weights import TextWeights


def build_texts(folder: Path, source: CatalogText, expected: Ids) -> Iterator[tuple[TextFacts, Audit | None]]:
    """Write the files of the images `expected` (n,) into `folder`: the facts of each, and the audit of a lane.

    Raises:
        DamagedDescriptor: a stored reading is damaged.
        GenerationError: a file cannot be written.
    """
    started = time.perf_counter()
    weights = source.weights(expected)
    path = folder / "text.weights"
    weights.save(path)
    sync(path)
    yield _facts(path, WEIGHTS, "term-weights", "", weights.documents, 0, started), None
    weights = TextWeights.load(path)
    for name, documents, fingerprint in (
        (TEXT, source.printed(expected), source.reading.fingerprint), (WORDS, source.worded(expected), ""),
    ):  # fmt: skip
        started = time.perf_counter()
        path = folder / f"{name}.index"
        held: list[Ids] = [np.zeros(0, np.int64)]
        # The file has no name, so that nothing of it is left, however the build ends.
        with tempfile.TemporaryFile(dir=folder) as spool:
            TextIndex.of(_noted(documents, held), weights, spool).save(path)
        sync(path)
        written = TextIndex.load(path)
        images = np.unique(np.concatenate(held))
        found = audit_text(written, images, weights)
        yield _facts(path, name, TextIndex.kind, fingerprint, len(written), len(images), started), found


def open_texts(folder: Path, manifest: Manifest, reading: str) -> tuple[dict[str, TextIndex], TextWeights | None]:
    """The lanes of text of a generation, and the weights; None where it has none.

    Args:
        folder: of the generation.
        manifest: of it.
        reading: fingerprint that the lane "text" must be built from; it is left out if it holds other readings.

    Raises:
        GenerationError: a file is damaged, or not the one that was written.
    """
    lanes, weights = {}, None
    for text in manifest.texts:
        if text.name == WEIGHTS:
            weights = TextWeights.load(folder / text.file)
        elif text.name != TEXT or text.fingerprint == reading:
            lanes[text.name] = index = TextIndex.load(folder / text.file)
            if len(index) != text.documents:
                raise GenerationError(f"generation {manifest.name}: its {text.name} index lacks texts; {REPAIR}")
    return lanes, weights


def _noted(documents: Iterable[Document], held: list[Ids]) -> Iterator[Document]:
    """The documents; the images of each are appended to `held`."""
    for document in documents:
        held.append(document.images)
        yield document


def _facts(
    path: Path, name: str, kind: str, fingerprint: str, documents: int, images: int, started: float
) -> TextFacts:
    return TextFacts(
        name=name, kind=kind, fingerprint=fingerprint, documents=documents, images=images,
        build_s=round(time.perf_counter() - started, 6), **describe_file(path),
    )  # fmt: skip
