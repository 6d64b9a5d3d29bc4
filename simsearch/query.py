"""Which drug is this: coarse lookup in every lane, pairwise verification, one decision."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from simsearch.catalog import Catalog
from simsearch.catalog.store import ImageFacts
from simsearch.config import QuerySettings
from simsearch.datatypes import Candidate, Decision, Descriptor, Hit, Image, Outcome, Verification
from simsearch.indexes import VectorIndex, create
from simsearch.indexes.generations import Generation, Generations
from simsearch.methods.base import Method, MetricMethod
from simsearch.verification import Described, Verifier, describe, stored

NO_GENERATION = "none"


class QueryEngine:
    """Answers photos from the generation that serves, plus what was indexed since."""

    def __init__(
        self,
        catalog: Catalog,
        generations: Generations,
        methods: Mapping[str, Method],
        verifier: Verifier,
        settings: QuerySettings,
        match_threshold: float,
    ) -> None:
        self.catalog, self.generations, self.methods = catalog, generations, methods
        self.verifier, self.settings, self.match_threshold = verifier, settings, match_threshold
        self.lanes: dict[str, MetricMethod] = {n: m for n, m in methods.items() if isinstance(m, MetricMethod)}
        self._generation: Generation | None = None
        self._delta: dict[str, VectorIndex] = {}
        self._retired: frozenset[int] = frozenset()
        self._revision = -1

    @property
    def generation(self) -> str:
        """Name of the generation that answers."""
        return self._generation.name if self._generation else NO_GENERATION

    def answer(self, photos: Sequence[Image], *, k: int | None = None) -> list[Decision]:
        """One decision a photo, in order."""
        self.refresh()
        started = time.perf_counter()
        described = describe(self.methods, photos)
        share = (time.perf_counter() - started) * 1e3 / max(1, len(photos))
        decisions = []
        for photo, query in zip(photos, described, strict=True):
            started = time.perf_counter()
            candidates = self.candidates(query)
            hits = self._verified(query, candidates)
            took = share + (time.perf_counter() - started) * 1e3
            decisions.append(self._decide(photo.name, hits, k or self.settings.k, took))
        return decisions

    # -- lookup ------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the catalog: what was described or retired since the generation was built."""
        revision = self.catalog.revision()
        serving = self.generations.current()
        if revision == self._revision and serving == (self._generation.name if self._generation else None):
            return
        if self._generation is None or serving != self._generation.name:
            self._generation = self.generations.open({name: m.fingerprint for name, m in self.lanes.items()})
        since = self._generation.revision if self._generation else -1
        for name, method in self.lanes.items():
            ids, vectors = self.catalog.matrix(method.fingerprint, method.dtype, method.shape[0], since=since)
            self._delta[name] = create(method.metric, method.dim)
            self._delta[name].add(ids, vectors)
        self._retired = frozenset(self.catalog.retired_since(since).tolist())
        self._revision = revision

    def candidates(self, query: Described) -> list[Candidate]:
        """Images that at least one lane returned, retired ones left out; best lane similarity first."""
        found: dict[int, dict[str, float]] = {}
        for name in self.lanes:
            wanted = self.settings.candidates if self.lanes[name].metric == "cosine" else self.settings.hash_candidates
            for image_id, similarity in self._search(name, query[name], wanted):
                found.setdefault(image_id, {})[name] = similarity
        ranked = sorted(found.items(), key=lambda item: (-max(item[1].values()), item[0]))
        return [Candidate(image_id, lanes) for image_id, lanes in ranked]

    def _search(self, lane: str, vector: Descriptor, wanted: int) -> list[tuple[int, float]]:
        """The `wanted` most similar live images of one lane."""
        merged: dict[int, float] = {}
        sources = [self._delta[lane], *([self._generation.lanes[lane]] if self._generation else [])]
        for index in sources:
            merged |= self._live(index, vector, min(len(index), wanted))
        return sorted(merged.items(), key=lambda item: (-item[1], item[0]))[:wanted]

    def _live(self, index: VectorIndex, vector: Descriptor, wanted: int) -> dict[int, float]:
        """The most similar images of one index; retired ones still sit in it, so ask for more until enough live."""
        k = wanted
        while k:
            ids, similarities = index.search(vector[None], k)
            near = {int(i): float(s) for i, s in zip(ids[0], similarities[0], strict=True) if i >= 0}
            live = {i: s for i, s in near.items() if i not in self._retired}
            if len(live) >= wanted or k == len(index):
                return live
            k = min(len(index), 4 * k)
        return {}

    # -- verification ------------------------------------------------------------------------------------------------

    def _verified(self, query: Described, candidates: Sequence[Candidate]) -> list[tuple[ImageFacts, Verification]]:
        facts = self.catalog.facts(c.image_id for c in candidates)
        others = stored(self.catalog, self.methods, facts)
        ids = [c.image_id for c in candidates if c.image_id in others]
        verdicts = self.verifier.verify(query, [others[i] for i in ids], geometry=self.settings.geometry)
        return [(facts[i], v) for i, v in zip(ids, verdicts, strict=True)]

    # -- decision ----------------------------------------------------------------------------------------------------

    def _decide(
        self, query: str, verified: Sequence[tuple[ImageFacts, Verification]], k: int, took_ms: float
    ) -> Decision:
        best: dict[str, tuple[ImageFacts, Verification]] = {}
        for facts, verdict in sorted(verified, key=lambda pair: (*_rank(pair[1]), pair[0].id)):
            best.setdefault(facts.sku, (facts, verdict))
        hits = tuple(Hit(f.sku, f.title, f.id, f.image, v) for f, v in best.values())
        outcome, reason = self._outcome(hits)
        named = hits[0] if hits and outcome is not Outcome.UNKNOWN else None
        return Decision(
            query, outcome, named.sku if named else None, named.name if named else None,
            hits[0].verification.probability if hits else 0.0, hits[:k], self.generation, took_ms, reason,
        )  # fmt: skip

    def _outcome(self, hits: Sequence[Hit]) -> tuple[Outcome, str]:
        if not hits:
            return Outcome.UNKNOWN, "the catalog holds nothing to compare with"
        first, threshold = hits[0].verification, self.match_threshold
        if first.probability < threshold:
            return (
                Outcome.UNKNOWN,
                f"the nearest product reaches {percent(first.probability)}, a match needs {percent(threshold)}",
            )
        rivals = [h for h in hits[1:] if rival_share(first, h.verification) > self.settings.margin]
        if rivals:
            *names, last = [
                hits[0].sku,
                *(h.sku for h in rivals[:2]),
                *([f"{len(rivals) - 2} more"] * (len(rivals) > 2)),
            ]
            text = f"{', '.join(names)} and {last} fit about equally well ({percent(first.probability)})"
            return Outcome.AMBIGUOUS, text
        basis = f"{first.inliers} matching points" if first.inliers else "appearance alone"
        return Outcome.MATCH, f"{percent(first.probability)} sure, by {basis} and similarity {first.similarity:.2f}"


def _rank(v: Verification) -> tuple[float, float, float]:
    # Where probabilities saturate, geometry and then similarity say which is nearer.
    return -round(v.probability, 6), -v.inliers, -v.similarity


def rival_share(first: Verification, second: Verification) -> float:
    """If one of two products is the right one: the probability that it is the second, from the odds of both.

    A difference of probabilities would not do: 99.99 % and 90 % are near each other, their odds differ a thousandfold.
    """
    a, b = (min(max(v.probability, 1e-12), 1 - 1e-12) for v in (first, second))
    return (b / (1 - b)) / (a / (1 - a) + b / (1 - b))


def percent(probability: float) -> str:
    """With more digits the nearer it is to certain, which it never is."""
    if probability < 0.999:
        return f"{probability:.1%}"
    return f"{probability:.3%}" if probability < 0.99999 else "over 99.999%"
