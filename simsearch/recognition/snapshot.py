"""What one answer is made from: an immutable snapshot of all lanes, and the one that follows the catalog.

A snapshot is searched by many threads while nobody changes it. A commit in the catalog makes another snapshot, which
takes the place of the old one by one assignment. What was described, read or renamed since the generation was built
(its delta) lies in segments that follow from the catalog alone (`recognition.segments`): another process makes the same
ones, and gives the same answers.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Lock

import numpy as np

from simsearch.catalog import Catalog
from simsearch.catalog.catalog import Changes
from simsearch.core.config import QuerySettings
from simsearch.core.errors import DamagedDescriptor, GenerationError
from simsearch.core.types import Ids
from simsearch.features.base import Method, MetricMethod, unpack
from simsearch.indexes import Searcher, VectorIndex, create
from simsearch.indexes.catalog_keypoints import vote_index
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.generations import Generation, Generations
from simsearch.indexes.keypoint_votes import VoteIndex, Votes
from simsearch.indexes.manifest import TEXT
from simsearch.indexes.pills import PillIndex, pill_index
from simsearch.indexes.text import TextIndex
from simsearch.indexes.text_weights import TextWeights
from simsearch.recognition.segments import Segment, segments_of
from simsearch.recognition.text_lanes import text_lanes

NO_GENERATION = "none"
PILLS = "pills"
"""Name of the method and of the lane of loose pills."""
VOTES = "votes"
"""Name of the lane of keypoint votes; the other lanes have the name of their method."""

_LOG = logging.getLogger("simsearch")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All lanes as of one revision of the catalog. Never changed, so that any number of threads may search it."""

    revision: int
    """Of the catalog: what was committed up to it is found, what was retired up to it is not."""
    vectors: Mapping[str, tuple[Searcher, ...]]
    """Method -> the indexes that hold its descriptors: segments of the delta, then the generation's."""
    votes: tuple[Votes, ...]
    """Keypoints; empty where the lane of votes is off."""
    retired: frozenset[int]
    """Images that still lie in an index and must not be returned."""
    opened: Generation | None = None
    pointer: str | None = None
    """What the pointer of the generations named: another name than `generation` where that one is damaged."""
    segments: Mapping[bytes, Segment] = field(default_factory=dict, repr=False)
    """The segments by what they hold, for the snapshot that follows."""
    allowed: Ids | None = None
    """Ids (n,) of the images that a filter lets through; None: all."""
    texts: Mapping[str, tuple[TextIndex, ...]] = field(default_factory=dict)
    """The lanes of text, "text" and "words": the generation's index and segments of the delta. Empty where they are off
    or the generation was built without them."""
    pills: tuple[PillIndex, ...] = ()
    """Loose pills: those that the generation's images show, then segments of the delta. Empty where the lane is off."""
    text_weights: TextWeights = field(default_factory=TextWeights, repr=False)
    """How rare the words and n-grams of print are among the products of the generation; 1 each without one."""

    @property
    def generation(self) -> str:
        """Name of the generation that answers."""
        return self.opened.name if self.opened else NO_GENERATION

    @property
    def digest(self) -> str:
        """Of the manifest of that generation; empty where there is none."""
        return self.opened.digest if self.opened else ""


class Snapshots:
    """Follows catalog and generations. Safe to share between threads."""

    def __init__(
        self,
        catalog: Catalog,
        generations: Generations,
        methods: Mapping[str, Method],
        settings: QuerySettings,
        reading: Method | None = None,
    ) -> None:
        """`reading`: whose descriptors the lanes of text are made from; None: without these lanes."""
        self.catalog, self.generations, self.settings = catalog, generations, settings
        self.methods: dict[str, MetricMethod] = {n: m for n, m in methods.items() if isinstance(m, MetricMethod)}
        self.keypoints = keypoint_method(methods) if settings.vote_candidates else None
        wanted = settings.text_candidates or settings.word_candidates
        self.source = CatalogText(catalog, reading, skip_damaged=True) if reading and wanted else None
        self.pills = methods.get(PILLS) if settings.pill_candidates else None
        self._latest: Snapshot | None = None
        self._publishing, self._opening = Lock(), Lock()

    def current(self) -> Snapshot:
        """A snapshot that holds everything committed before the call.

        The thread that first sees a new generation opens it; the others go on with the old one and its delta, which
        hold the same images.

        Raises:
            GenerationError: no generation can be opened, and there is no snapshot yet to go on with.
            CatalogError: the catalog cannot be read.
        """
        revision, pointer = self.catalog.revision(), self.generations.pointer()
        latest = self._latest
        if latest is None or latest.pointer != pointer:
            latest = self._reopened()
        if latest.revision != revision:
            latest = self._followed(revision)
        return latest

    def _reopened(self) -> Snapshot:
        """The latest snapshot, after the generation that the pointer names was opened, by this thread or another."""
        if not self._opening.acquire(blocking=self._latest is None):
            assert self._latest is not None
            return self._latest
        try:
            before, pointer = self._latest, self.generations.pointer()
            if before is not None and before.pointer == pointer:
                return before
            opened = self._open(before)
            if opened is not None:
                self.generations.read_ahead(opened.name)
            with self._publishing:
                self._latest = self._built(opened, pointer, self._latest.segments if self._latest else {})
                return self._latest
        finally:
            self._opening.release()

    def _open(self, before: Snapshot | None) -> Generation | None:
        wanted = {name: method.fingerprint for name, method in self.methods.items()}
        keypoints = (self.keypoints.fingerprint, self.settings.vote_keypoints) if self.keypoints else None
        try:
            reading = self.source.reading.fingerprint if self.source else None
            return self.generations.open(wanted, keypoints, reading, self.pills.fingerprint if self.pills else None)
        except GenerationError as error:
            if before is None:
                raise
            _LOG.warning("%s; until then generation %s answers", error, before.generation)
            return before.opened

    def _followed(self, revision: int) -> Snapshot:
        """The latest snapshot, brought up to `revision` at least."""
        with self._publishing:
            latest = self._latest
            assert latest is not None
            if latest.revision < revision:
                self._latest = self._built(latest.opened, latest.pointer, latest.segments)
            elif self.catalog.revision() < latest.revision:  # a backup was put back: ids may mean other images now
                opened = self._open(None)
                self._latest = self._built(opened, self.generations.pointer(), {})
            assert self._latest is not None
            return self._latest

    # -- building ----------------------------------------------------------------------------------------------------

    def _built(self, opened: Generation | None, pointer: str | None, known: Mapping[bytes, Segment]) -> Snapshot:
        since = opened.revision if opened else -1
        voted_since = since if opened and opened.votes is not None else -1
        read_since = self._read_since(opened)
        changes = self.catalog.changes(
            min(since, voted_since if self.keypoints else since, since if read_since is None else read_since)
        )
        segments: dict[bytes, Segment] = {}
        vectors: dict[str, tuple[Searcher, ...]] = {}
        for name, method in self.methods.items():
            make = partial(exact_index, self.catalog, method)
            new = changes.after(since)
            delta = segments_of(method.fingerprint, new.ids, new.described_revisions, make, known, segments)
            vectors[name] = (*delta, *([opened.lanes[name]] if opened else []))
        votes: tuple[Votes, ...] = ()
        if self.keypoints:
            built = (opened.votes,) if opened and opened.votes is not None else ()
            most = self.settings.vote_keypoints
            make_votes = partial(_vote_index, self.catalog, self.keypoints, most)
            name = f"{self.keypoints.fingerprint} {most}"
            new = changes.after(voted_since)
            voting = segments_of(name, new.ids, new.described_revisions, make_votes, known, segments)
            votes = (*built, *voting) or (VoteIndex(),)
        pills = self._pills(opened, since, changes, known, segments)
        texts, weights = {}, TextWeights()
        if self.source and read_since is not None:
            weights = opened.weights if opened and opened.weights else weights
            built_texts = opened.texts if opened else {}
            texts = text_lanes(self.source, weights, built_texts, since, changes, known, segments)
        retired = frozenset(changes.retired.tolist())
        return Snapshot(
            changes.revision, vectors, votes, retired, opened, pointer, segments,
            texts=texts, pills=pills, text_weights=weights,
        )  # fmt: skip

    def _pills(
        self,
        opened: Generation | None,
        since: int,
        changes: Changes,
        known: Mapping[bytes, Segment],
        segments: dict[bytes, Segment],
    ) -> tuple[PillIndex, ...]:
        """Those of the generation, then segments. Of one without, those up to its revision are read once and kept."""
        if self.pills is None:
            return ()
        method, new = self.pills, changes.after(since)
        make = partial(pill_index, self.catalog, method)
        delta = segments_of(method.fingerprint, new.ids, new.described_revisions, make, known, segments)
        if opened is not None and opened.pills is not None:
            return (opened.pills, *delta)
        key = f"{method.fingerprint} up to {since}".encode()
        if key not in known:
            ids = self.catalog.descriptors.active_ids(method.fingerprint)
            segments[key] = pill_index(self.catalog, method, np.setdiff1d(ids, new.ids))
        else:
            segments[key] = known[key]
        first = segments[key]
        assert isinstance(first, PillIndex)
        return (first, *delta)

    def _read_since(self, opened: Generation | None) -> int | None:
        """The revision after which readings are in no index of `opened`; None: the lanes of text are silent."""
        if opened is None or self.source is None:
            return -1 if self.source else None
        if opened.weights is None:  # an older simsearch built it: a rebuild brings the lanes
            return None
        return opened.revision if TEXT in opened.texts else -1


def keypoint_method(methods: Mapping[str, Method]) -> Method | None:
    """The method whose keypoints vote; None where it is not among them."""
    orb = methods.get("orb")
    return orb if orb is not None and "bits" in (orb.dtype.names or ()) else None


def exact_index(catalog: Catalog, method: MetricMethod, ids: Ids) -> VectorIndex:
    """An exact index of those of the images `ids` that have a descriptor of `method`.

    An image with a damaged descriptor is left out; a warning names it.
    """
    packed = catalog.descriptors.of(method.fingerprint, ids.tolist())
    sound = {}
    for image_id in sorted(packed):
        try:
            sound[image_id] = unpack(method, packed[image_id], image_id)
        except DamagedDescriptor as error:
            _LOG.warning("%s; until then the image is not found by %s", error, method.name)
    index = create(method.metric, method.dim)
    if sound:
        index.add(np.array(list(sound), np.int64), np.stack(list(sound.values())))
    return index


def _vote_index(catalog: Catalog, keypoints: Method, most: int, ids: Ids) -> VoteIndex:
    return vote_index(catalog, keypoints, most, ids=ids, skip_damaged=True)


def restricted(whole: Snapshot, snapshots: Snapshots, allowed: Ids) -> Snapshot:
    """The snapshot of a part of the catalog: the images `allowed` (n,), so that nothing outside can take a place.

    Filtering what an index returned would lose what stands behind the rest, and approximate indexes cannot be asked for
    everything. So the part's embeddings and hashes are read from the catalog and compared exactly, whatever kind of
    index serves. Its keypoints vote in an index of their own where the part is small; where it is large, in those of
    the whole, with the votes of all other images left out.
    """
    catalog = snapshots.catalog
    vectors = {name: (exact_index(catalog, method, allowed),) for name, method in snapshots.methods.items()}
    texts = {lane: tuple(index.part(allowed) for index in indexes) for lane, indexes in whole.texts.items()}
    pills = tuple(index.part(allowed) for index in whole.pills)
    part = replace(whole, vectors=vectors, texts=texts, pills=pills, allowed=allowed, segments={})
    keypoints = snapshots.keypoints
    if keypoints is None:
        return part
    if len(allowed) <= OWN_VOTES:
        return replace(part, votes=(_vote_index(catalog, keypoints, snapshots.settings.vote_keypoints, allowed),))
    outside = np.setdiff1d(catalog.descriptors.active_ids(keypoints.fingerprint), allowed)
    return replace(part, retired=whole.retired | frozenset(outside.tolist()))


OWN_VOTES = 2000
"""Images up to which the keypoints of a part get an index of their own: half a second to make."""
