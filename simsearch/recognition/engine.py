"""Which drug is this: reading, candidate retrieval in every lane, pairwise verification, one decision."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import QuerySettings
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import Candidate, Decision, Description, Elsewhere, Image, LaneShare, Outcome, Surface
from simsearch.features.base import Method
from simsearch.features.description import describe, describe_here, merged, split
from simsearch.features.pills import names
from simsearch.indexes.generations import Generations
from simsearch.indexes.keypoint_votes import Nearest
from simsearch.recognition import decision
from simsearch.recognition.decision import Contender, Verified
from simsearch.recognition.filter_cache import FilterCache, Where
from simsearch.recognition.packages import Look, PartAsker, Parting, answered
from simsearch.recognition.pill_fit import SeenPills
from simsearch.recognition.print_evidence import PhotoRead, PrintEvidence
from simsearch.recognition.printed import prints_together
from simsearch.recognition.retrieval import Lanes, Retrieval, Retrieved, timed
from simsearch.recognition.scoring import Scoring
from simsearch.recognition.snapshot import PILLS, Snapshot, Snapshots
from simsearch.recognition.stored import WITHOUT_KEYPOINTS, stored
from simsearch.recognition.verification import FEATURES

__all__ = ["Basis", "QueryEngine"]


@dataclass(frozen=True, eq=False)
class Basis:
    """What answers are made from besides the photos. With the same basis, a photo gets the same answer."""

    snapshot: Snapshot
    scoring: Scoring
    where: Where = ()

    def facts(self, methods: Mapping[str, Method], settings: QuerySettings) -> dict[str, Any]:
        """The basis in plain values, for the record of an answer."""
        thresholds = self.scoring.thresholds
        where = [f"{c.field}{c.operator}{c.value}" for c in self.where]
        return {
            "fingerprints": {name: method.fingerprint for name, method in methods.items()},
            "indexes": self.snapshot.digest, "revision": self.snapshot.revision,
            "calibration": self.scoring.digest, "features": list(FEATURES),
            "match_threshold": thresholds.match, "print_threshold": thresholds.match_print,
            "alone_threshold": thresholds.match_alone, "pills_threshold": thresholds.match_pills,
            "margin": settings.margin,
            **({"where": where} if where else {}),
        }  # fmt: skip


class QueryEngine:
    """Answers photos from the generation that serves, plus what was indexed since. Safe to share between threads."""

    def __init__(
        self,
        catalog: Catalog,
        generations: Generations,
        methods: Mapping[str, Method],
        scoring: Callable[[], Scoring],
        prints: PrintEvidence,
        settings: QuerySettings,
    ) -> None:
        """
        Args:
            catalog: what is searched.
            generations: of its indexes.
            methods: that describe photos.
            scoring: called once for each call of `answer`, gives the calibration in force.
            prints: reads photos; the lanes of text are made from the descriptors of its reader.
            settings: of queries.
        """
        self.catalog, self.methods, self.scoring, self.settings = catalog, methods, scoring, settings
        self.prints = prints
        self.snapshots = Snapshots(catalog, generations, methods, settings, prints.reading)
        self.retrieval = Retrieval(methods, settings, catalog.codes.images)
        self._filters = FilterCache(self.snapshots)

    def basis(self, where: Where = ()) -> Basis:
        """The catalog, the indexes and the calibration as they are now, with everything committed before the call.

        Raises:
            UsageError: `where` names a field that no product has.
        """
        return Basis(self._filters.current(where), self.scoring(), where)

    # -- the steps: describe, read, retrieve, verify, decide -----------------------------------------------------------

    @SingleThreaded()
    def answer(
        self, photos: Sequence[Image], *, k: int | None = None, where: Where = (), basis: Basis | None = None
    ) -> list[Decision]:
        """One decision a photo, in order.

        Args:
            photos: decoded photos, of different packages.
            k: how many products to list; None: `query.k`.
            where: which products an answer may name.
            basis: what `basis(where)` gave; None: as of now.
        """
        on = basis or self.basis(where)
        started = time.perf_counter()
        if len(photos) == 1:
            described, early = self._described_with_early_lanes(photos[0], on.snapshot)
            descriptions, known = [described], early
        else:
            descriptions, known = describe(self.methods, photos), None
        describe_ms = (time.perf_counter() - started) * 1e3 / max(1, len(photos))
        return in_threads(
            lambda i: self._answer(photos[i], descriptions[i], known, k, on, describe_ms), range(len(photos))
        )

    def _described_with_early_lanes(self, photo: Image, snapshot: Snapshot) -> tuple[Description, Lanes]:
        """One photo: the network describes it on one core; the other methods do on a second one, and their lanes."""
        network, others = split(self.methods)

        def by_others() -> tuple[Description, Lanes]:
            described = describe_here(others, [photo])[0]
            return described, self.retrieval.lanes(described, snapshot)

        def by_network() -> tuple[Description, Lanes]:
            return describe_here(network, [photo])[0], Lanes({}, {})

        found = in_threads(lambda part: part(), [by_network, by_others])
        return merged(*(described for described, _ in found)), found[1][1]

    def _answer(
        self, photo: Image, query: Description, known: Lanes | None, k: int | None, on: Basis, describe_ms: float
    ) -> Decision:
        stages = {"describe": describe_ms}
        with timed(stages, "read"):
            read = self.prints.read(photo, query)
        whole = self._looked(photo, read, known, k, on, stages)
        with timed(stages, "packages"):
            answer = self._parted(whole, k, on)
        return replace(answer, stages_ms=stages, took_ms=sum(stages.values()))

    def _looked(
        self, photo: Image, read: PhotoRead, known: Lanes | None, k: int | None, on: Basis, stages: dict[str, float]
    ) -> Look:
        """A photo that was read, or a part of one, looked up, verified and decided on."""
        with timed(stages, "lookup"):
            found = self.retrieval.search(read.description, on.snapshot, known)
        with self.catalog.database.one_view():
            with timed(stages, "verify"):
                verified = self._verified(read, found.candidates, found.nearest, on)
            looks = read.description.descriptors.get(PILLS)
            pills = () if looks is None else names.seen(looks, photo.width, photo.height)
            seen = SeenPills(looks) if looks is not None and len(looks) else None
            contenders = decision.contenders(verified, pills=seen)
            answer = self._decided(photo.name, contenders, k, on, found.lanes, stages, len(verified))
        return Look(photo, read, verified, replace(answer, read=read.summary, pills=pills))

    def _parted(self, whole: Look, k: int | None, on: Basis) -> Decision:
        """The answer with the packages that the photo shows. What was not read, and loose pills, are not parted."""
        side, pills = whole.read.side, whole.read.description.loose_pills
        if side is None or side.reading is None or not side.reading.lines or pills:
            return answered(whole.answer, (), (1, 1))
        asker = PartAsker(
            self.catalog, self.methods, self.prints, on.scoring.verifier.orb,
            lambda photo, read: self._looked(photo, read, None, k, on, {}),
        )  # fmt: skip
        parting = Parting(whole, asker)
        return answered(whole.answer, parting.parts(), parting.size)

    def candidates(self, query: Description) -> list[Candidate]:
        """Images that at least one lane returned, retired ones left out; most promising first."""
        return list(self.retrieval.search(query, self.snapshots.current()).candidates)

    @SingleThreaded()
    def answer_together(
        self, photos: Sequence[Image], *, k: int | None = None, where: Where = (), basis: Basis | None = None
    ) -> Decision:
        """One decision for several photos (one or more) of one package; see `multi_view`. Arguments as for `answer`."""
        on = basis or self.basis(where)
        if len(photos) == 1:
            return self.answer(photos, k=k, basis=on)[0]
        stages: dict[str, float] = {}
        with timed(stages, "describe"):
            descriptions = describe(self.methods, photos)
        with timed(stages, "read"):
            read = in_threads(lambda i: self.prints.read(photos[i], descriptions[i]), range(len(photos)))
        with timed(stages, "lookup"):
            found = [self.retrieval.search(one.description, on.snapshot) for one in read]
        with timed(stages, "verify"):
            every = {c.image_id: c for one in found for c in one.candidates}
            faces: dict[Surface, list[list[Verified]]] = {}
            for one, own in zip(read, found, strict=True):
                # What another photo brought up is asked of this one too: its silence must not count against a product.
                ids = {c.image_id for c in own.candidates}
                candidates = [*own.candidates, *(c for i, c in every.items() if i not in ids)]
                verified = self._verified(one, candidates, own.nearest, on)
                faces.setdefault(one.description.surface, []).append(verified)
        contenders = decision.contenders_together(list(faces.values()))
        name = " + ".join(photo.name for photo in photos)
        answer = self._decided(name, contenders, k, on, _added_up(found), stages, len(every))
        seen = ", ".join(sorted(surface.value for surface in faces))
        reason = f"{len(photos)} photos together, {len(faces)} {'face' if len(faces) == 1 else 'faces'} ({seen})"
        names = tuple(photo.name for photo in photos)
        return replace(
            answer,
            reason=f"{reason}: {answer.reason}",
            photos=names,
            read=prints_together([one.summary for one in read]),
        )

    # -- verification ------------------------------------------------------------------------------------------------

    def _verified(
        self, photo: PhotoRead, candidates: Sequence[Candidate], nearest: Nearest | None, on: Basis
    ) -> list[Verified]:
        """The candidates by appearance, and by print where the photo was read."""
        query, scoring = photo.description, on.scoring
        facts = self.catalog.images.facts(c.image_id for c in candidates)
        live = [c for c in candidates if c.image_id in facts]
        # Keypoints are ~95 % of an image's stored bytes, and only the first `geometry` candidates need them.
        near = {c.image_id for c in live[: self.settings.geometry]}
        others = stored(self.catalog, self.methods, {i: facts[i] for i in near})
        far = {i: f for i, f in facts.items() if i not in near}
        others |= stored(self.catalog, self.methods, far, WITHOUT_KEYPOINTS)
        whole = [c for c in live if c.image_id in others]
        geometry = sum(c.image_id in near for c in whole)
        verdicts = scoring.verifier.verify(
            query,
            [others[c.image_id] for c in whole],
            geometry=geometry,
            elsewhere=_elsewhere(nearest, [facts[c.image_id] for c in whole], geometry),
            votes=nearest.votes([c.image_id for c in whole]) if nearest else None,
        )
        verified = [Verified(facts[c.image_id], v, c) for c, v in zip(whole, verdicts, strict=True)]
        return self.prints.compared(photo, verified, others, on.snapshot, scoring)

    # -- decision ----------------------------------------------------------------------------------------------------

    def _decided(
        self,
        query: str,
        found: Sequence[Contender],
        k: int | None,
        on: Basis,
        lanes: tuple[LaneShare, ...],
        stages: Mapping[str, float],
        compared: int,
    ) -> Decision:
        thresholds = on.scoring.thresholds
        first = decision.foremost(found)
        twins = self._twins(first.best.facts, on.snapshot) if first and decision.reaches(found, thresholds) else []
        verdict = decision.decide(found, thresholds=thresholds, margin=self.settings.margin, twins=twins)
        filtered_out = not found and on.snapshot.allowed is not None and not len(on.snapshot.allowed)
        listed = k or self.settings.k
        hits = verdict.first(max(listed, decision.RECORDED))
        named = hits[0] if hits and verdict.outcome is not Outcome.UNKNOWN else None
        return Decision(
            query=query,
            outcome=verdict.outcome,
            sku=named.sku if named else None,
            name=named.name if named else None,
            probability=hits[0].verification.probability if hits else 0.0,
            hits=hits[:listed],
            generation=on.snapshot.generation,
            took_ms=sum(stages.values()),
            reason="no photo of the catalog passes the filter" if filtered_out else verdict.reason,
            lanes=lanes,
            stages_ms=stages,
            considered=hits[: decision.RECORDED],
            named=verdict.named,
            compared=compared,
            look_alikes=verdict.look_alikes,
            against=verdict.against,
            filing=tuple(self.catalog.doubts.about(verdict.named)),
        )

    def _twins(self, facts: ImageFacts, snapshot: Snapshot) -> list[ImageFacts]:
        """Images of the same content as the given one, among those that the filter lets through."""
        ids = self.catalog.selection.same_file(facts.sha256)
        allowed = ids if snapshot.allowed is None else sorted({*ids} & {*snapshot.allowed.tolist()})
        return [facts] if allowed == [facts.id] else list(self.catalog.images.facts(allowed).values())


def _elsewhere(nearest: Nearest | None, facts: Sequence[ImageFacts], first: int) -> list[Elsewhere] | None:
    """For each of the `first` images, the keypoint distances to photos of other products than its own."""
    if nearest is None:
        return None
    photos: dict[str, list[int]] = {}
    for image in facts:
        photos.setdefault(image.sku, []).append(image.id)
    return [nearest.elsewhere(photos[image.sku]) for image in facts[:first]]


def _added_up(found: Sequence[Retrieved]) -> tuple[LaneShare, ...]:
    """The lanes' shares over several photos, added up."""
    by_name: dict[str, LaneShare] = {}
    for share in (share for one in found for share in one.lanes):
        other = by_name.get(share.name, LaneShare(share.name, 0.0, 0, 0))
        by_name[share.name] = LaneShare(
            share.name, other.took_ms + share.took_ms, other.found + share.found, other.alone + share.alone
        )
    return tuple(by_name.values())
