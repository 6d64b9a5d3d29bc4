"""Which drug is this: coarse lookup in every lane, pairwise verification, one decision."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import QuerySettings
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import Candidate, Decision, Elsewhere, Image, LaneShare, Outcome, Surface
from simsearch.features.base import Method
from simsearch.indexes.generations import Generations
from simsearch.indexes.keypoint_votes import Nearest
from simsearch.recognition import decision as decide
from simsearch.recognition.decision import Verified, percent
from simsearch.recognition.filtered_retrieval import FilteredLookup
from simsearch.recognition.product_filter import Condition, matching
from simsearch.recognition.retrieval import Lanes, LookedUp, Lookup
from simsearch.recognition.verification import (
    SURFACE,
    WITHOUT_KEYPOINTS,
    Described,
    Verifier,
    describe,
    describe_one,
    stored,
)

__all__ = ["NO_GENERATION", "QueryEngine", "percent"]

NO_GENERATION = "none"
Where = tuple[Condition, ...]
"""Which products an answer may name; empty: all."""


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
        self.catalog, self.methods = catalog, methods
        self.verifier, self.settings, self.match_threshold = verifier, settings, match_threshold
        self.lookup = Lookup(catalog, generations, methods, settings)
        self._filtered: tuple[tuple[Where, int], FilteredLookup] | None = None

    @property
    def generation(self) -> str:
        """Name of the generation that answers."""
        return self.lookup.generation.name if self.lookup.generation else NO_GENERATION

    @SingleThreaded()
    def answer(self, photos: Sequence[Image], *, k: int | None = None, where: Where = ()) -> list[Decision]:
        """One decision a photo, in order."""
        lookup = self._lookup(where)
        started = time.perf_counter()
        known: Sequence[Lanes | None] = [None] * len(photos)
        if len(photos) == 1:
            described, early = describe_one(self.methods, photos[0], lookup.lanes)
            whole, known = [described], [early]
        else:
            whole = describe(self.methods, photos)
        share = (time.perf_counter() - started) * 1e3 / max(1, len(photos))
        return in_threads(
            lambda i: self._answer(photos[i].name, whole[i], known[i], lookup, k, share), range(len(photos))
        )

    def _answer(
        self, name: str, query: Described, known: Lanes | None, lookup: Lookup, k: int | None, describe_ms: float
    ) -> Decision:
        started = time.perf_counter()
        looked_up = lookup.search(query, known)
        lookup_ms = (time.perf_counter() - started) * 1e3
        verified = self._verified(query, looked_up.candidates, looked_up.nearest)
        took = (time.perf_counter() - started) * 1e3
        stages = {"describe": describe_ms, "lookup": lookup_ms, "verify": took - lookup_ms}
        return self._decide(name, decide.contenders(verified), k, lookup, looked_up.lanes, stages, len(verified))

    @SingleThreaded()
    def answer_together(self, photos: Sequence[Image], *, k: int | None = None, where: Where = ()) -> Decision:
        """One decision for several photos (one or more) of one package; see `together`."""
        if len(photos) == 1:
            return self.answer(photos, k=k, where=where)[0]
        lookup = self._lookup(where)
        started = time.perf_counter()
        described = describe(self.methods, photos)
        stages = {"describe": (time.perf_counter() - started) * 1e3}
        started = time.perf_counter()
        looked_up = [lookup.search(query) for query in described]
        stages["lookup"] = (time.perf_counter() - started) * 1e3
        started = time.perf_counter()
        every = {c.image_id: c for found in looked_up for c in found.candidates}
        faces: dict[Surface, list[list[Verified]]] = {}
        for query, own in zip(described, looked_up, strict=True):
            # What another photo brought up is asked of this one too: its silence must not count against a product.
            ids = {c.image_id for c in own.candidates}
            candidates = [*own.candidates, *(c for i, c in every.items() if i not in ids)]
            faces.setdefault(face(query), []).append(self._verified(query, candidates, own.nearest))
        stages["verify"] = (time.perf_counter() - started) * 1e3
        found = decide.contenders_together(list(faces.values()))
        name = " + ".join(photo.name for photo in photos)
        answer = self._decide(name, found, k, lookup, _together(looked_up), stages, len(every))
        seen = ", ".join(sorted(surface.value for surface in faces))
        reason = f"{len(photos)} photos together, {len(faces)} {'face' if len(faces) == 1 else 'faces'} ({seen})"
        named = tuple(photo.name for photo in photos)
        return replace(answer, reason=f"{reason}: {answer.reason}", photos=named)

    def _lookup(self, where: Where) -> Lookup:
        """The whole catalog's, or that of the part that fulfils `where`: the last one is kept for the next photo."""
        self.refresh()
        if not where:
            return self.lookup
        key = where, self.catalog.revision()
        if self._filtered is None or self._filtered[0] != key:
            self._filtered = key, FilteredLookup(self.lookup, matching(self.catalog, where))
        return self._filtered[1]

    def refresh(self) -> None:
        """Follow the catalog: what was described or retired since the generation was built."""
        self.lookup.refresh()

    def candidates(self, query: Described) -> list[Candidate]:
        """Images that at least one lane returned, retired ones left out; most promising first."""
        return list(self.lookup.search(query).candidates)

    # -- verification ------------------------------------------------------------------------------------------------

    def _verified(self, query: Described, candidates: Sequence[Candidate], nearest: Nearest | None) -> list[Verified]:
        facts = self.catalog.images.facts(c.image_id for c in candidates)
        live = [c for c in candidates if c.image_id in facts]
        near = {c.image_id for c in live[: self.settings.geometry]}
        # Keypoints are nineteen in twenty of the bytes of an image, and few of the candidates are compared by them.
        others = stored(self.catalog, self.methods, {i: facts[i] for i in near})
        others |= stored(
            self.catalog, self.methods, {i: f for i, f in facts.items() if i not in near}, WITHOUT_KEYPOINTS
        )
        whole = [c for c in live if c.image_id in others]
        geometry = sum(c.image_id in near for c in whole)
        verdicts = self.verifier.verify(
            query, [others[c.image_id] for c in whole], geometry=geometry,
            elsewhere=_elsewhere(nearest, [facts[c.image_id] for c in whole], geometry),
            votes=nearest.votes([c.image_id for c in whole]) if nearest else None,
        )  # fmt: skip
        return [Verified(facts[c.image_id], v, c) for c, v in zip(whole, verdicts, strict=True)]

    # -- decision ----------------------------------------------------------------------------------------------------

    def _decide(
        self,
        query: str,
        found: Sequence[decide.Contender],
        k: int | None,
        lookup: Lookup,
        lanes: tuple[LaneShare, ...],
        stages: Mapping[str, float],
        compared: int,
    ) -> Decision:
        def twins(facts: ImageFacts) -> list[ImageFacts]:
            ids = self.catalog.selection.same_file(facts.sha256)
            allowed = ids if not isinstance(lookup, FilteredLookup) else sorted({*ids} & {*lookup.allowed.tolist()})
            return list(self.catalog.images.facts(allowed).values())

        settings = self.settings
        said = decide.decide(found, threshold=self.match_threshold, margin=settings.margin, twins=twins)
        reason = said.reason
        if not found and isinstance(lookup, FilteredLookup):
            reason = "no photo of the catalog passes the filter" if not len(lookup.allowed) else reason
        named = said.hits[0] if said.hits and said.outcome is not Outcome.UNKNOWN else None
        return Decision(
            query, said.outcome, named.sku if named else None, named.name if named else None,
            said.hits[0].verification.probability if said.hits else 0.0, said.hits[: k or settings.k], self.generation,
            sum(stages.values()), reason, lanes, stages, said.hits[: decide.RECORDED], said.named, compared,
            said.look_alikes,
        )  # fmt: skip


def _elsewhere(nearest: Nearest | None, facts: Sequence[ImageFacts], first: int) -> list[Elsewhere] | None:
    """Of each of the first images; photos of its product, as far as they are among `facts`, make nothing common."""
    if nearest is None:
        return None
    photos: dict[str, list[int]] = {}
    for image in facts:
        photos.setdefault(image.sku, []).append(image.id)
    return [nearest.elsewhere(photos[image.sku]) for image in facts[:first]]


def face(query: Described) -> Surface:
    """What the photo shows, as the network sees it; UNKNOWN where there is no network."""
    return tuple(Surface)[int(query[SURFACE][0])] if SURFACE in query else Surface.UNKNOWN


def _together(looked_up: Sequence[LookedUp]) -> tuple[LaneShare, ...]:
    """The lanes' shares over several photos, added up."""
    by_name: dict[str, LaneShare] = {}
    for share in (share for found in looked_up for share in found.lanes):
        other = by_name.get(share.name, LaneShare(share.name, 0.0, 0, 0))
        by_name[share.name] = LaneShare(
            share.name, other.took_ms + share.took_ms, other.found + share.found, other.alone + share.alone
        )
    return tuple(by_name.values())
