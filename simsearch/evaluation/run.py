"""What `simsearch evaluate` does: measures the application on labelled photos, asked as users ask it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.app import App
from simsearch.core import images
from simsearch.core.config import NEEDED
from simsearch.core.errors import ConfigError, ImageError, SourceError, UsageError, WeightsError
from simsearch.core.types import Description, Image, Progress, Refusal, silent
from simsearch.evaluation.ask import TABLE, ask
from simsearch.evaluation.calibration_report import CalibrationReport, ScoredPairs, calibration_report
from simsearch.evaluation.evaluated_query import EvaluatedQuery
from simsearch.evaluation.methods import MeasuredMethod, MethodsReport, PairSource, methods_report
from simsearch.evaluation.pairs import draw_pairs
from simsearch.evaluation.protocol import Protocol, open_set
from simsearch.evaluation.recognition_report import OpenSetReport, RetrievalReport, open_set_report, retrieval_report
from simsearch.evaluation.tables import machine
from simsearch.features import discover
from simsearch.features.base import missing
from simsearch.features.description import describe

VERIFICATION = "verification"
"""The name of the whole verification among the methods."""


# -- methods ---------------------------------------------------------------------------------------------------------


class VerificationMethod:
    """The whole verification as one more method: its similarity is the probability that `query` and `verify` use."""

    def __init__(self, app: App) -> None:
        self.verifier = app.verifier
        self.needed = {name: app.methods[name] for name in NEEDED}

    def describe(self, images: Sequence[Image]) -> list[Description]:
        """The descriptors that verification needs, one set an image."""
        return describe(self.needed, images)

    def compare(self, query: Description, others: Sequence[Description]) -> NDArray[np.float64]:
        """Probabilities (n,), 0 to 1; geometry is verified with all `others`."""
        found = self.verifier.verify(query, others, geometry=len(others))
        return np.array([v.probability for v in found])


def evaluate_methods(
    app: App,
    source: PairSource,
    *,
    methods: Sequence[str] = (),
    progress: Progress = silent,
) -> MethodsReport:
    """Compare the named methods on the pairs of `source`; without names all methods, and the verification.

    Methods that were not named and lack their weights, calibration or library are left out, and reported as refused.

    Raises:
        WeightsError, ConfigError: of a method that was named. UsageError, SourceError: see `methods.methods_report`.
    """
    chosen: dict[str, MeasuredMethod] = {}
    refusals: list[Refusal] = []
    for name in methods or (*discover(), VERIFICATION):
        try:
            method = VerificationMethod(app) if name == VERIFICATION else app.method(name)
        except WeightsError as error:
            if name in methods:
                raise
            refusals.append(Refusal(name, "no_weights", f"{name}: {error}"))
            continue
        if problem := missing(method):
            if name in methods:
                raise ConfigError(f"{name}: {problem}")
            refusals.append(Refusal(name, "not_installed", f"{name}: {problem}"))
            continue
        chosen[name] = method
    embedder, settings = app.method("siamese"), app.config.images
    return methods_report(chosen, embedder, settings, source, refusals=refusals, progress=progress)


# -- recognition -----------------------------------------------------------------------------------------------------


def evaluate_retrieval(
    app: App, protocol: Protocol, *, work: Path | None, seed: int, facts: Mapping[str, Any], progress: Progress
) -> RetrievalReport:
    """Rank of the right product at each stage, and accuracy on pairs.

    Raises:
        SourceError: the catalog has no product that is asked for.
    """
    if not any(protocol.known(q.sku) for q in protocol.queries):
        raise SourceError("no photo that asks shows a product of the catalog; `evaluate open-set` measures the others")
    m = _measured(app, protocol, work, seed, progress, pairs=True)
    return retrieval_report(m.queries, m.pairs, {**facts, **m.facts}, seed, m.refusals)


def evaluate_open_set(
    app: App, protocol: Protocol, *, work: Path | None, seed: int, facts: Mapping[str, Any], progress: Progress
) -> OpenSetReport:
    """Acceptance of photos whose product the catalog has, and of photos whose product it lacks.

    Raises:
        SourceError: the protocol has photos of one kind only.
    """
    divided = open_set(protocol)
    if len({divided.known(q.sku) for q in divided.queries}) < 2:
        raise SourceError("an open set needs photos of products in the catalog and of others; give more products")
    m = _measured(app, divided, work, seed, progress, pairs=False)
    return open_set_report(m.queries, m.facts["match_threshold"], {**facts, **m.facts}, seed, m.refusals)


def evaluate_calibration(
    app: App, protocol: Protocol, *, work: Path | None, seed: int, facts: Mapping[str, Any], progress: Progress
) -> CalibrationReport:
    """Probabilities of pairs and of first answers against the frequencies with which they are right."""
    m = _measured(app, protocol, work, seed, progress, pairs=True)
    return calibration_report(m.queries, m.pairs, {**facts, **m.facts}, seed, m.refusals)


@dataclass(frozen=True, eq=False)
class _Measured:
    """Answers and pairs of one protocol."""

    queries: list[EvaluatedQuery]
    pairs: ScoredPairs | None
    facts: Mapping[str, Any]
    refusals: tuple[Refusal, ...]


def _measured(
    app: App, protocol: Protocol, work: Path | None, seed: int, progress: Progress, *, pairs: bool
) -> _Measured:
    with _measuring_app(app, work) as bench:
        queries, refusals = ask(bench, protocol, progress)
        scored, note = None, ""
        if pairs:
            scored, unreadable, note = score_pairs(bench, protocol, seed, progress)
            refusals += unreadable
        facts = _facts(bench, protocol, queries, seed) | ({"pairs_not_measured": note} if note else {})
    # A photo may be in the catalog and in pairs: it is told once.
    return _Measured(queries, scored, facts, tuple(dict.fromkeys(refusals)))


@contextmanager
def _measuring_app(app: App, work: Path | None) -> Iterator[App]:
    """An application with the settings and calibration of `app`, on the home `work` or on one that is deleted."""
    with tempfile.TemporaryDirectory(prefix="simsearch-evaluate-") as aside:
        home = work or Path(aside)
        if home.is_file() or (home.is_dir() and any(home.iterdir()) and not (home / TABLE).is_file()):
            raise UsageError(f"--work {home}: holds what no measurement made; name a new folder")
        home.mkdir(parents=True, exist_ok=True)
        (home / TABLE).touch()
        own, copied = app.home / "calibration.json", home / "calibration.json"
        copied.unlink(missing_ok=True)
        if own.is_file():
            shutil.copyfile(own, copied)
        settings = replace(app.config, catalog=replace(app.config.catalog, url=""))
        with App(home.absolute(), settings, app.origin) as bench:
            _ = bench.verifier  # missing weights are told before anything is read
            yield bench


def _facts(bench: App, protocol: Protocol, queries: Sequence[EvaluatedQuery], seed: int) -> dict[str, Any]:
    return {
        "catalog_images": bench.catalog.images.counts()["images_ok"], "references": len(protocol.references),
        "distractors": len(protocol.distractors), "queries": len(queries),
        "queries_known": sum(q.known for q in queries),
        "queries_hidden": sum(q.known and protocol.hidden(q.sku) for q in queries),
        "seed": seed, "match_threshold": bench.match_threshold,
        "fingerprints": {name: m.fingerprint for name, m in bench.methods.items()}, "machine": machine(),
    }  # fmt: skip


# -- pairs -----------------------------------------------------------------------------------------------------------


def score_pairs(
    app: App, protocol: Protocol, seed: int, progress: Progress
) -> tuple[ScoredPairs | None, list[Refusal], str]:
    """All pairs of one product among the labelled photos, and as many of different products, half of them hard.

    Also the photos that cannot be read, and why there are no pairs where too few products have several photos. The
    threshold is the calibration's; none is chosen here.
    """
    method = VerificationMethod(app)
    described: list[Description] = []
    kept, refusals = [], []
    for done, photo in enumerate(protocol.several):
        progress(done, len(protocol.several), "pairs")
        try:
            described += method.describe([images.load(Path(photo.path), app.config.images)])
            kept.append(photo)
        except ImageError as error:
            refusals.append(Refusal(photo.path, error.code, str(error)))
    if not kept:
        return None, refusals, "no product has several photos that can be read"
    skus = [min(protocol.right(p.sku)) for p in kept]
    place = {p.path: i for i, p in enumerate(kept)}
    doubtful: dict[str, frozenset[int]] = {}
    for sku, paths in protocol.doubtful.items():
        product = min(protocol.right(sku))
        doubtful[product] = doubtful.get(product, frozenset()) | {place[p] for p in paths if p in place}
    embeddings = np.stack([d["siamese"] for d in described]).astype(np.float32)
    try:
        pairs = draw_pairs(skus, embeddings, seed=seed, ambiguous=doubtful, validation=np.zeros(len(kept), bool))
    except ValueError as error:
        return None, refusals, str(error)
    probability = np.empty(len(pairs))
    for i, (a, b) in enumerate(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)):
        progress(i, len(pairs), "pairs")
        [probability[i]] = method.compare(described[a], [described[b]])
    loose = np.array([d.loose_pills for d in described], bool)
    pills = loose[pairs.a] | loose[pairs.b]
    return ScoredPairs(pairs, probability, app.calibration.thresholds["pair"], pills), refusals, ""
