"""The pairwise look: pair head, ORB geometry and hash of two described images, fused into one probability.

Used by everything that judges pairs: query, duplicates, verify, evaluation. Works on descriptors alone, never on files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import ImageFacts
from simsearch.core.config import NEEDED
from simsearch.core.numbers import sigmoid
from simsearch.core.threads import SingleThreaded, cores, in_threads
from simsearch.core.types import Descriptor, Elsewhere, Image, Surface, Verification
from simsearch.features.base import Method, unpack
from simsearch.features.hashes import PHash
from simsearch.features.orb import Geometry, Orb
from simsearch.features.siamese import Siamese
from simsearch.recognition.calibration import Calibration

FEATURES = ("pair_logit", "cosine", "root_support", "hash_similarity", "other_face", "pill_votes", "pills")
"""Columns of the fusion: pair head before its sigmoid, cosine, root of the support of the geometry, share of equal
pHash bits, 1 where the photos show different faces of packages, and of pairs of which one or both show loose pills,
whose geometry is not looked for: log(1 + keypoint votes), and 1. Both are 0 of all other pairs.
"""
INCREASING = FEATURES[:-1]
"""Those of which more never makes "same product" less likely. Of pills it may: they are more alike than packages."""

_COUNTED = [FEATURES.index(name) for name in ("cosine", "root_support", "other_face", "pill_votes", "pills")]

WITHOUT_KEYPOINTS = tuple(name for name in NEEDED if name != "orb")

SURFACE = "surface"
"""Key under which a description may hold what the photo shows: an array of one place in `tuple(Surface)`."""

Described = Mapping[str, Descriptor]
"""Method name -> descriptor of one image; `SURFACE` where that is known."""

R = TypeVar("R")

_ONE_PHOTO = 0.95
"""Cosine from which photos whose points lie at the same pixels may be one photo, encoded anew."""
_SURFACES = tuple(Surface)
_FACES = frozenset({Surface.FRONT, Surface.BACK, Surface.SIDE, Surface.TOP})
"""Of one package: any two of them share next to no print."""


def counted(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (n, 7) with 0 in the columns that the probability does not rest on, so that a fit gives them no weight.

    pHash agrees between a third of all strange packages, and the pair head says on strange products nothing that its
    own embeddings do not (docs/verification.md): with either, fewer right pairs stood above the wrong ones.
    """
    out = np.zeros_like(features)
    out[:, _COUNTED] = features[:, _COUNTED]
    return out


def describe(methods: Mapping[str, Method], images: Sequence[Image]) -> list[dict[str, Descriptor]]:
    """Each image described by all `methods`, with its surface where the network is among them.

    Each core takes some through all methods; of one photo see `describe_one`.
    """
    if len(images) == 1:
        return [describe_one(methods, images[0], lambda described: None)[0]]
    size = min(_PART, max(1, -(-len(images) // cores())))
    parts = [images[i : i + size] for i in range(0, len(images), size)]
    with SingleThreaded() as single:
        return [d for part in in_threads(lambda part: _described(methods, part, single), parts) for d in part]


def describe_one(
    methods: Mapping[str, Method], image: Image, then: Callable[[Described], R]
) -> tuple[dict[str, Descriptor], R]:
    """One image: the network describes it on one core while the other methods do on another, and after them `then`.

    `then` gets what those methods say; what it returns comes second.
    """
    network = {n: m for n, m in methods.items() if isinstance(m, Siamese)}
    rest = {n: m for n, m in methods.items() if n not in network}
    early: list[R] = []

    def part(some: Mapping[str, Method]) -> dict[str, Descriptor]:
        [described] = _described(some, [image], single)
        if some is rest:
            early.append(then(described))
        return described

    with SingleThreaded() as single:
        seen, others = in_threads(part, [network, rest])
    return {**others, **seen}, early[0]


_PART = 8
"""Photos that one thread takes at once: what the network does at once (`siamese.network`)."""


def _described(
    methods: Mapping[str, Method], images: Sequence[Image], single: SingleThreaded
) -> list[dict[str, Descriptor]]:
    out: list[dict[str, Descriptor]] = [{} for _ in images]
    for name, method in methods.items():
        if isinstance(method, Siamese):
            single.torch()
            for into, (embedding, surface, _) in zip(out, method.describe_with_surface(images), strict=True):
                into |= {name: embedding, SURFACE: _code(surface)}
        else:
            for into, descriptor in zip(out, method.describe(images), strict=True):
                into[name] = descriptor
    return out


def stored(
    catalog: Catalog, methods: Mapping[str, Method], facts: Mapping[int, ImageFacts], needed: Sequence[str] = NEEDED
) -> dict[int, dict[str, Descriptor]]:
    """What the catalog holds of images, by id, as far as pairs are judged by it; incomplete ones are left out.

    `needed`: the methods whose descriptors are read, `WITHOUT_KEYPOINTS` for `Verifier.quick`.
    """
    out: dict[int, dict[str, Descriptor]] = {i: {SURFACE: _code(Surface(f.surface))} for i, f in facts.items()}
    names = {methods[name].fingerprint: name for name in needed}
    for image_id, fingerprint, data in catalog.descriptors.several(list(names), facts):
        out[image_id][names[fingerprint]] = unpack(methods[names[fingerprint]], data)
    return {i: described for i, described in out.items() if all(name in described for name in needed)}


def _code(surface: Surface) -> Descriptor:
    return np.array([_SURFACES.index(surface)], np.uint8)


def surface(described: Described) -> Surface:
    """What the photo shows, as far as it is known."""
    return _SURFACES[int(described[SURFACE][0])] if SURFACE in described else Surface.UNKNOWN


def loose_pills(described: Described) -> bool:
    """Whether the photo shows pills without a package: its keypoints are then those of a ruler or a table."""
    return surface(described) is Surface.PILLS


def overlaid(geometry: Geometry, cosine: float) -> bool:
    """Whether what agrees was drawn over two photos, which are not one: a ruler, a frame, a printed form."""
    return geometry.in_register and cosine < _ONE_PHOTO


class Verifier:
    """Judges pairs of described images."""

    def __init__(self, methods: Mapping[str, Method], calibration: Calibration | None) -> None:
        siamese, orb, phash = methods["siamese"], methods["orb"], methods["phash"]
        assert isinstance(siamese, Siamese)
        assert isinstance(orb, Orb)
        assert isinstance(phash, PHash)
        self.siamese: Siamese = siamese
        self.orb: Orb = orb
        self.phash: PHash = phash
        self.calibration: Calibration | None = calibration

    def quick(self, query: Described, others: Sequence[Described]) -> NDArray[np.float64]:
        """Features (n, 7) without keypoints: as if there were no inliers and no votes."""
        return self.quick_pairs([query] * len(others), others)

    def quick_pairs(self, left: Sequence[Described], right: Sequence[Described]) -> NDArray[np.float64]:
        """The same of many pairs at once: left[i] against right[i]."""
        features = np.zeros((len(right), len(FEATURES)))
        if len(right):
            a, embeddings = np.stack([side["siamese"] for side in left]), [side["siamese"] for side in right]
            features[:, 0] = self.siamese.pair_logits(a, embeddings)
            features[:, 1] = np.einsum("nd,nd->n", a.astype(np.float32), np.stack(embeddings).astype(np.float32))
            hashes = np.stack([side["phash"] for side in left])
            features[:, 3] = self.phash.compare(hashes, [side["phash"] for side in right])
            shown = [(surface(x), surface(y)) for x, y in zip(left, right, strict=True)]
            features[:, 4] = [x is not y and {x, y} <= _FACES for x, y in shown]
            features[:, -1] = [Surface.PILLS in (x, y) for x, y in shown]
        return features

    def geometry(self, query: Described, other: Described) -> Geometry:
        """ORB matches under one homography."""
        return self.orb.geometry(query["orb"], other["orb"])

    def geometries(
        self, query: Described, others: Sequence[Described], elsewhere: Sequence[Elsewhere] | None = None
    ) -> list[Geometry]:
        """The same with each of `others`, with what lies `elsewhere` counted less; see `Orb`."""
        return self.orb.geometries(query["orb"], [other["orb"] for other in others], elsewhere) if others else []

    def features(
        self,
        query: Described,
        others: Sequence[Described],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> NDArray[np.float64]:
        """Features (n, 7); geometry is looked for with the first `geometry` of `others`, most promising first.

        `elsewhere`: of each of these, how near the query's keypoints come to photos of other products than its own.
        `votes`: of each of `others`, what the lane of votes counted for it.

        Two strange pills on the same ruler agree in hundreds of points, and a ruler's photo without pills agrees with
        both, so that none are looked for where either photo shows loose pills. What is on every ruler has no votes,
        though, and an imprint or the edge of an odd shape has some: they stand in. Different faces of a package share
        no print, and are judged by what remains.
        """
        features = self.quick(query, others)
        if votes is not None:
            features[:, FEATURES.index("pill_votes")] = np.log1p(votes) * features[:, FEATURES.index("pills")]
        near = np.flatnonzero(features[:geometry, FEATURES.index("pills")] == 0).tolist()
        common = None if elsewhere is None else [elsewhere[i] for i in near]
        found = self.geometries(query, [others[i] for i in near], common)
        cosines = features[near, FEATURES.index("cosine")].tolist()
        counting = [0.0 if overlaid(g, cosine) else g.support for g, cosine in zip(found, cosines, strict=True)]
        features[near, FEATURES.index("root_support")] = np.sqrt(counting)
        return features

    def compare_keypoints(self, row: NDArray[np.float64], query: Described, other: Described) -> Geometry | None:
        """Completes one row (7,) of `quick` in place, of a pair without others to tell what is common.

        None where keypoints mean nothing, and the row is left alone.
        """
        if loose_pills(query) or loose_pills(other):
            return None
        geometry = self.geometry(query, other)
        if not overlaid(geometry, float(row[FEATURES.index("cosine")])):
            row[FEATURES.index("root_support")] = np.sqrt(geometry.support)
        return geometry

    def verify(
        self,
        query: Described,
        others: Sequence[Described],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> list[Verification]:
        """A verdict on each of `others`, in order; arguments as for `features`."""
        if not others:
            return []
        return self.verdicts(self.features(query, others, geometry=geometry, elsewhere=elsewhere, votes=votes))

    def probability(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Features (n, 7) as the probability of being one product, (n,)."""
        assert self.calibration is not None, "a verifier without calibration only computes features"
        return self.calibration.probability(features)

    def verdicts(self, features: NDArray[np.float64]) -> list[Verification]:
        """Features (n, 7) as verdicts."""
        probabilities = self.probability(features)
        siamese = sigmoid(features[:, 0].astype(np.float32))
        return [
            Verification(float(p), float(f[1]), float(s), round(float(f[2] ** 2)), float(f[3]), tuple(map(float, f)))
            for p, s, f in zip(probabilities, siamese, features, strict=True)
        ]
