"""Index the catalog of a protocol, ask each of its queries, and see where the right product stands at each stage."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simsearch.app import App
from simsearch.core import images
from simsearch.core.errors import ImageError, SourceError
from simsearch.core.types import Image, Outcome, Progress, Refusal
from simsearch.evaluation.evaluated_query import EvaluatedQuery, basis, milliseconds
from simsearch.evaluation.protocol import LabelledPhoto, Protocol
from simsearch.evaluation.ranking import list_ranks, product_ranks
from simsearch.evaluation.retrieval_stages import lookup_ranks
from simsearch.features.description import describe

TABLE = "protocol.csv"
"""The table that a measurement indexes; marks a folder as the home of a measurement."""
_ALL_HITS = 1000


@dataclass(frozen=True, eq=False)
class _Gallery:
    """The images of the catalog, for ranks by the embedding alone."""

    skus: NDArray[np.str_]
    images: Sequence[str]
    vectors: NDArray[np.float32]
    """(n, d), unit length."""
    by_id: Mapping[int, tuple[str, str]]
    """Image id -> SKU and image."""


def ask(app: App, protocol: Protocol, progress: Progress) -> tuple[list[EvaluatedQuery], list[Refusal]]:
    """Index the protocol's catalog in the home of `app` and ask each query; also the rows and photos left out.

    A photo that cannot be read, and an image that another process retires meanwhile, is left out and told.

    Raises:
        SourceError: no photo of the catalog, or no query, can be read.
    """
    app.home.mkdir(parents=True, exist_ok=True)
    table = app.home / TABLE
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("sku", "image"))
        writer.writerows((p.sku, p.path) for p in protocol.catalog)
    report = app.index([table], prune=True, progress=progress)
    gallery, retired = _gallery(app)
    if not len(gallery.skus):
        raise SourceError("no photo of the catalog can be read")
    queries: list[EvaluatedQuery] = []
    refusals = [*protocol.refusals, *report.refusals, *retired]
    for done, photo in enumerate(protocol.queries):
        progress(done, len(protocol.queries), "asking")
        started = time.perf_counter()
        try:
            image = images.load(Path(photo.path), app.config.images)
        except ImageError as error:
            refusals.append(Refusal(photo.path, error.code, str(error)))
            continue
        read_ms = (time.perf_counter() - started) * 1e3
        if not queries:
            app.engine.answer([image])  # the first pass of a network is slow, whatever the photo
        queries.append(_ask(app, protocol, gallery, photo, image, read_ms))
    if not queries:
        raise SourceError("no photo that asks can be read")
    return queries, refusals


def _gallery(app: App) -> tuple[_Gallery, list[Refusal]]:
    """The gallery, and the images that were retired while it was read."""
    siamese = app.verifier.network
    ids, vectors = app.catalog.descriptors.matrix(siamese.fingerprint, siamese.dtype, siamese.shape[0])
    facts = app.catalog.images.facts(ids.tolist())
    kept = np.array([int(i) in facts for i in ids], bool)
    listed = [facts[int(i)] for i in ids[kept]]
    retired = [Refusal(f"image {i}", "retired", f"image {i}: was retired meanwhile") for i in ids[~kept].tolist()]
    gallery = _Gallery(
        np.array([f.sku for f in listed], np.str_), [f.image for f in listed], vectors[kept].astype(np.float32),
        {f.id: (f.sku, f.image) for f in listed},
    )  # fmt: skip
    return gallery, retired


def _ask(
    app: App, protocol: Protocol, gallery: _Gallery, photo: LabelledPhoto, image: Image, read_ms: float
) -> EvaluatedQuery:
    engine, right = app.engine, protocol.right(photo.sku)
    doubtful = protocol.doubtful.get(photo.sku, frozenset())
    [described] = describe(app.methods, [image])
    candidates = engine.candidates(described)
    [decision] = engine.answer([image], k=_ALL_HITS)

    hits = [h for h in decision.hits if h.image not in doubtful]
    [rank] = list_ranks([["" if h.sku in right else h.sku for h in hits]], [""])
    embedding = _by_embedding(gallery, described["siamese"].astype(np.float32), right, doubtful)
    # An image that was indexed after the gallery was read is in no stage.
    found = ((c.image_id, *gallery.by_id[c.image_id]) for c in candidates if c.image_id in gallery.by_id)
    skus = {image_id: sku for image_id, sku, path in found if path not in doubtful}
    stages = lookup_ranks(candidates, [lane.name for lane in decision.lanes], skus, right)
    first = hits[0] if hits else None
    named = decision.sku if decision.outcome is not Outcome.UNKNOWN else None
    return EvaluatedQuery(
        sku=photo.sku, path=photo.path, known=protocol.known(photo.sku),
        embedding_rank=embedding[0], right_similarity=embedding[1], wrong_similarity=embedding[2],
        lookup_ranks=stages, rank=float(rank),
        first=first.sku if first else "", first_right=first is not None and first.sku in right,
        probability=first.verification.probability if first else 0.0,
        basis=basis(first.verification) if first else "",
        outcome=decision.outcome, named=named or "", named_right=named in right,
        milliseconds=milliseconds(decision, read_ms),
    )  # fmt: skip


def _by_embedding(
    gallery: _Gallery, vector: NDArray[np.float32], right: frozenset[str], doubtful: frozenset[str]
) -> tuple[float, float, float]:
    """Rank of the right product, its largest cosine, and the largest cosine of another product."""
    cosine = gallery.vectors @ vector
    own = np.isin(gallery.skus, list(right))
    skip = np.array([path in doubtful for path in gallery.images])
    [rank] = product_ranks(cosine[None], [""], np.where(own, "", gallery.skus), skip[None])
    # A product all of whose images are doubtful cannot be listed after verification either: a miss.
    rank = float("inf") if np.isnan(rank) else float(rank)
    parts = (cosine[own & ~skip], cosine[~own & ~skip])
    inside, outside = (float(part.max()) if len(part) else float("nan") for part in parts)
    return rank, inside, outside
