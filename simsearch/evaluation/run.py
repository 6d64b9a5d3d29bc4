"""What `simsearch evaluate` does around the figures: the application asked for labelled photos, as users ask it."""

from __future__ import annotations

import csv
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.app import App
from simsearch.core import images
from simsearch.core.config import NEEDED
from simsearch.core.errors import ImageError, SourceError, UsageError, WeightsError
from simsearch.core.types import Description, Image, Outcome
from simsearch.evaluation.calibration_report import CalibrationReport, JudgedPairs, calibration_report
from simsearch.evaluation.compare_methods import Rival
from simsearch.evaluation.evaluated_query import Asked, milliseconds
from simsearch.evaluation.methods import MethodsReport, machine
from simsearch.evaluation.methods import evaluate_methods as compare
from simsearch.evaluation.pairs import draw_pairs
from simsearch.evaluation.protocol import LabelledPhoto, Protocol, open_set
from simsearch.evaluation.ranking import list_ranks, product_ranks
from simsearch.evaluation.recognition_report import OpenSetReport, RetrievalReport, open_set_report, retrieval_report
from simsearch.evaluation.retrieval_stages import lookup_ranks
from simsearch.features import discover
from simsearch.features.description import describe

Progress = Callable[[int, int, str], None]
VERIFICATION = "verification"
"""The name of the whole verification among the methods."""
_ALL_HITS = 1000
_TABLE = "protocol.csv"
"""What a measurement indexed; marks a folder as one of a measurement."""


# -- methods ---------------------------------------------------------------------------------------------------------


class Verification:
    """The whole verification as one more method: the probability that `query` and `verify` go by."""

    def __init__(self, app: App) -> None:
        self.verifier = app.verifier
        self.needed = {name: app.methods[name] for name in NEEDED}

    def describe(self, images: Sequence[Image]) -> list[Description]:
        """All that pairs are judged by."""
        return describe(self.needed, images)

    def compare(self, query: Description, others: Sequence[Description]) -> NDArray[np.float64]:
        """Probabilities (n,), 0 to 1, geometry looked for in all."""
        found = self.verifier.verify(query, others, geometry=len(others))
        return np.array([v.probability for v in found])


def evaluate_methods(
    app: App,
    *,
    pairs: Path | None = None,
    manifest: Path | None = None,
    split: str | None = None,
    ambiguous: Path | None = None,
    methods: Sequence[str] = (),
    seed: int = 0,
    hard_share: float = 0.5,
    progress: Progress = lambda done, total, text: None,
) -> MethodsReport:
    """The named methods, or all whose weights are there and the verification, on the same labelled pairs.

    See `evaluation.run.evaluate_methods`.
    """
    chosen: dict[str, Rival] = {}
    for name in methods or (*discover(), VERIFICATION):
        try:
            chosen[name] = Verification(app) if name == VERIFICATION else app.method(name)
        except WeightsError:
            if name in methods:
                raise  # asked for by name; else what has no weights or calibration has nothing to show
    return compare(
        chosen, app.method("siamese"), app.config.images, pairs=pairs, manifest=manifest, split=split,
        ambiguous=ambiguous, seed=seed, progress=progress, hard_share=hard_share,
    )  # fmt: skip


# -- recognition -----------------------------------------------------------------------------------------------------


def evaluate_retrieval(
    app: App, protocol: Protocol, *, work: Path | None, seed: int, facts: Mapping[str, Any], progress: Progress
) -> RetrievalReport:
    """Ranks at each stage, and pairs. SourceError when the catalog has no product that is asked for."""
    if not any(protocol.known(q.sku) for q in protocol.queries):
        raise SourceError("no photo that asks shows a product of the catalog; `evaluate open-set` measures the others")
    with _bench(app, work) as bench:
        asked, found = ask(bench, protocol, progress)
        pairs = judge_pairs(bench, protocol, seed, progress)
        shared = _facts(bench, protocol, asked, seed)
    return retrieval_report(asked, pairs, {**facts, **shared, **found}, seed)


def evaluate_open_set(
    app: App, protocol: Protocol, *, work: Path | None, seed: int, facts: Mapping[str, Any], progress: Progress
) -> OpenSetReport:
    """Acceptance of photos whose product the catalog has, and of those whose product it lacks."""
    divided = open_set(protocol)
    if len({divided.known(q.sku) for q in divided.queries}) < 2:
        raise SourceError("an open set needs photos of products in the catalog and of others; give more products")
    with _bench(app, work) as bench:
        asked, found = ask(bench, divided, progress)
        threshold, shared = bench.match_threshold, _facts(bench, divided, asked, seed)
    return open_set_report(asked, threshold, {**facts, **shared, **found}, seed)


def evaluate_calibration(
    app: App, protocol: Protocol, *, work: Path | None, seed: int, facts: Mapping[str, Any], progress: Progress
) -> CalibrationReport:
    """Probabilities of pairs and of first answers against how often they are right."""
    with _bench(app, work) as bench:
        asked, found = ask(bench, protocol, progress)
        pairs = judge_pairs(bench, protocol, seed, progress)
        shared = _facts(bench, protocol, asked, seed)
    return calibration_report(asked, pairs, {**facts, **shared, **found}, seed)


@contextmanager
def _bench(app: App, work: Path | None) -> Iterator[App]:
    """An application with the settings and calibration of `app` on a home of its own, `work` or one that is deleted."""
    with tempfile.TemporaryDirectory(prefix="simsearch-evaluate-") as aside:
        home = work or Path(aside)
        if home.is_file() or (home.is_dir() and any(home.iterdir()) and not (home / _TABLE).is_file()):
            raise UsageError(f"--work {home}: holds what no measurement made; name a new folder")
        home.mkdir(parents=True, exist_ok=True)
        (home / _TABLE).touch()
        own, copied = app.home / "calibration.json", home / "calibration.json"
        copied.unlink(missing_ok=True)
        if own.is_file():
            shutil.copyfile(own, copied)
        settings = replace(app.config, catalog=replace(app.config.catalog, url=""))
        with App(home.absolute(), settings, app.origin) as bench:
            assert bench.verifier  # missing weights are told before anything is read
            yield bench


def _facts(bench: App, protocol: Protocol, asked: Sequence[Asked], seed: int) -> dict[str, Any]:
    return {
        "catalog_images": bench.catalog.images.counts()["images_ok"], "references": len(protocol.references),
        "distractors": len(protocol.distractors), "queries": len(asked), "queries_known": sum(a.known for a in asked),
        "queries_hidden": sum(a.known and protocol.hidden(a.sku) for a in asked),
        "seed": seed, "match_threshold": bench.match_threshold,
        "fingerprints": {name: m.fingerprint for name, m in bench.methods.items()}, "machine": machine(),
    }  # fmt: skip


# -- asking ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Gallery:
    """What is in the catalog, for the embedding alone."""

    skus: NDArray[np.str_]
    images: Sequence[str]
    vectors: NDArray[np.float32]
    by_id: Mapping[int, tuple[str, str]]
    """Image id -> SKU and image."""


def ask(app: App, protocol: Protocol, progress: Progress) -> tuple[list[Asked], dict[str, Any]]:
    """Index the protocol's catalog in the home of `app` and ask each of its queries; also what was refused."""
    app.home.mkdir(parents=True, exist_ok=True)
    table = app.home / _TABLE
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("sku", "image"))
        writer.writerows((p.sku, p.path) for p in protocol.catalog)
    report = app.index([table], prune=True, progress=progress)
    gallery = _gallery(app)
    if not len(gallery.skus):
        raise SourceError("no photo of the catalog can be read")
    asked: list[Asked] = []
    refused = [*protocol.refused, *(r.message for r in report.refusals)]
    for done, photo in enumerate(protocol.queries):
        progress(done, len(protocol.queries), "asking")
        started = time.perf_counter()
        try:
            image = images.load(Path(photo.path), app.config.images)
        except ImageError as error:
            refused.append(str(error))
            continue
        read = (time.perf_counter() - started) * 1e3
        if not asked:
            app.engine.answer([image])  # the first pass of a network is slow, and no photo's fault
        asked.append(_ask(app, protocol, gallery, photo, image, read))
    if not asked:
        raise SourceError("no photo that asks can be read")
    return asked, {"refused": refused}


def _gallery(app: App) -> _Gallery:
    siamese = app.verifier.network
    ids, vectors = app.catalog.descriptors.matrix(siamese.fingerprint, siamese.dtype, siamese.shape[0])
    facts = app.catalog.images.facts(ids.tolist())
    listed = [facts[int(i)] for i in ids]
    return _Gallery(
        np.array([f.sku for f in listed]), [f.image for f in listed], vectors.astype(np.float32),
        {f.id: (f.sku, f.image) for f in listed},
    )  # fmt: skip


def _ask(app: App, protocol: Protocol, gallery: _Gallery, photo: LabelledPhoto, image: Image, read_ms: float) -> Asked:
    engine, right = app.engine, protocol.right(photo.sku)
    doubtful = protocol.doubtful.get(photo.sku, frozenset())
    [described] = describe(app.methods, [image])
    candidates = engine.candidates(described)
    [decision] = engine.answer([image], k=_ALL_HITS)

    hits = [h for h in decision.hits if h.image not in doubtful]
    [rank] = list_ranks([["" if h.sku in right else h.sku for h in hits]], [""])
    embedding = _by_embedding(gallery, described["siamese"].astype(np.float32), right, doubtful)
    found = ((c.image_id, *gallery.by_id[c.image_id]) for c in candidates)
    skus = {image_id: sku for image_id, sku, path in found if path not in doubtful}
    places = lookup_ranks(candidates, [lane.name for lane in decision.lanes], skus, right)
    first = hits[0] if hits else None
    named = decision.sku if decision.outcome is not Outcome.UNKNOWN else None
    return Asked(
        photo.sku, photo.path, protocol.known(photo.sku), *embedding, places, float(rank),
        first.sku if first else "", first is not None and first.sku in right,
        first.verification.probability if first else 0.0, decision.outcome, named or "", named in right,
        milliseconds(decision, read_ms),
    )  # fmt: skip


def _by_embedding(
    gallery: _Gallery, vector: NDArray[np.float32], right: frozenset[str], doubtful: frozenset[str]
) -> tuple[float, float, float]:
    """Rank of the right product, its largest cosine, and the largest of another product."""
    cosine = gallery.vectors @ vector
    own = np.isin(gallery.skus, list(right))
    skip = np.array([path in doubtful for path in gallery.images])
    [rank] = product_ranks(cosine[None], [""], np.where(own, "", gallery.skus), skip[None])
    # A product all of whose images are doubtful cannot be listed after verification either: a miss.
    rank = float("inf") if np.isnan(rank) else float(rank)
    parts = (cosine[own & ~skip], cosine[~own & ~skip])
    inside, outside = (float(part.max()) if len(part) else float("nan") for part in parts)
    return rank, inside, outside


# -- pairs -----------------------------------------------------------------------------------------------------------


def judge_pairs(app: App, protocol: Protocol, seed: int, progress: Progress) -> JudgedPairs | None:
    """All pairs of one product among the labelled photos and as many of different ones, half of these hard.

    None where too few products have several photos. The threshold is the calibration's: nothing is chosen here.
    """
    rival, described, kept = Verification(app), [], []
    photos = protocol.several
    for done, photo in enumerate(photos):
        progress(done, len(photos), "pairs")
        try:
            described += rival.describe([images.load(Path(photo.path), app.config.images)])
            kept.append(photo)
        except ImageError:
            continue  # told where it asked
    skus = [min(protocol.right(p.sku)) for p in kept]
    place = {p.path: i for i, p in enumerate(kept)}
    doubtful: dict[str, frozenset[int]] = {}
    for sku, paths in protocol.doubtful.items():
        product = min(protocol.right(sku))
        doubtful[product] = doubtful.get(product, frozenset()) | {place[p] for p in paths if p in place}
    if not kept:
        return None
    embeddings = np.stack([d["siamese"] for d in described]).astype(np.float32)
    try:
        pairs = draw_pairs(skus, embeddings, seed=seed, ambiguous=doubtful, validation=np.zeros(len(kept), bool))
    except ValueError:
        return None
    probability = np.empty(len(pairs))
    for i, (a, b) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)):
        progress(i, len(pairs), "pairs")
        [probability[i]] = rival.compare(described[a], [described[b]])
    return JudgedPairs(pairs, probability, app.calibration.thresholds["pair"])
