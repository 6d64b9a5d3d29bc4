"""A catalog, its generations and a query engine over stand-in methods, whose descriptors are read off a photo's name.

A test writes down what the methods would find: the photo "30/40/0.95/120" has its embedding at 30 degrees, 40 of its 64
hash bits set, and is the same product as what it is compared with by a probability of 0.95 and 120 inliers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings, GenerationSettings, QuerySettings, ReadingSettings
from simsearch.core.stamps import Stamp
from simsearch.core.types import Decision, Description, Descriptor, Elsewhere, Image, Metric, SourceRow, Verification
from simsearch.features.base import MetricMethod, NoSettings
from simsearch.features.reading import ReaderSettings, ReadPrint, encode
from simsearch.indexes.catalog_text import CatalogText
from simsearch.indexes.generations import Generations, Lane
from simsearch.recognition.calibration import NOTHING, Calibration
from simsearch.recognition.contenders import Thresholds
from simsearch.recognition.engine import QueryEngine
from simsearch.recognition.pair_scorer import CandidateScorer
from simsearch.recognition.print_evidence import PrintEvidence
from simsearch.recognition.score_fusion import Fusion, Monotone
from simsearch.recognition.scoring import Scoring
from simsearch.recognition.verification import FEATURES, Verifier
from simsearch.testing.readers import FakeReader, reading

SETTINGS = QuerySettings(k=5, candidates=5, hash_candidates=2, geometry=30, margin=0.15)
THRESHOLD = 0.9


class StandIn:
    """A method that reads its descriptors off the photo's name, see :func:`looks`. It cannot be indexed."""

    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, name: str, dtype: Any, shape: tuple[int, ...]) -> None:
        self.name, self.dtype, self.shape, self.fingerprint = name, np.dtype(dtype), shape, f"{name}-of-the-test"

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        """The descriptors that the names of `images` say."""
        return [looks(image.name)[self.name] for image in images]

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        """Never called: the engine compares through the scorer."""
        raise AssertionError("the engine compares through the scorer")


class IndexedStandIn(StandIn):
    """A stand-in whose descriptors can be indexed."""

    def __init__(self, name: str, dtype: Any, shape: tuple[int, ...], metric: Metric, dim: int) -> None:
        super().__init__(name, dtype, shape)
        self.metric, self.dim = metric, dim


class StandInScorer:
    """A `recognition.pair_scorer.CandidateScorer`: the candidate's name says probability and inliers."""

    def verify(
        self,
        query: Description,
        others: Sequence[Description],
        *,
        geometry: int,
        elsewhere: Sequence[Elsewhere] | None = None,
        votes: Sequence[float] | None = None,
    ) -> list[Verification]:
        """What the names of `others` say."""
        assert votes is None or len(votes) == len(others)
        cosines = [float(query["siamese"] @ other["siamese"]) for other in others]  # type: ignore[operator]
        said = [other["orb"].tolist() for other in others]
        return [Verification(p, c, p, int(n), 1.0, support=float(n)) for c, (p, n) in zip(cosines, said, strict=True)]


def looks(name: str) -> dict[str, Descriptor]:
    """The descriptors that the name "angle/bits/probability/inliers" says.

    angle: of the embedding, in degrees in a plane. bits: how many of the 64 bits of both hashes are 1.
    """
    angle, bits, probability, inliers = (float(part) for part in name.split("/"))
    turn = np.deg2rad(angle)
    hashed = np.packbits(np.arange(64) < bits)
    return {
        "siamese": np.array([np.cos(turn), np.sin(turn), *[0.0] * 6], np.float32),
        "phash": hashed,
        "dhash": hashed,
        "orb": np.array([probability, inliers], np.float64),
    }


def described(name: str) -> Description:
    """The description of a photo with that name."""
    return Description(looks(name))


def photo(name: str = "0/0/0/0") -> Image:
    """A photo that shows what its name says."""
    return Image(np.zeros((1, 1, 3), np.uint8), "0" * 64, 1, 1, name)


def scoring(threshold: float = THRESHOLD, scorer: CandidateScorer | None = None) -> Scoring:
    """A scoring by `scorer` (default: :class:`StandInScorer`); `threshold`: smallest probability of a MATCH."""
    zeros, ones = (0.0,) * len(FEATURES), (1.0,) * len(FEATURES)
    fusion = Fusion(FEATURES, zeros, ones, zeros, 0.0)
    calibration = Calibration(fusion, Monotone(), {"match": threshold, "pair": 0.5}, {}, {})
    thresholds = Thresholds(threshold, threshold, NOTHING, threshold)
    return Scoring(cast(Verifier, scorer or StandInScorer()), calibration, thresholds, "digest-of-the-test")


class World:
    """A catalog in a folder, its generations and an engine over stand-ins."""

    def __init__(
        self,
        folder: Path,
        *,
        extra: bool = False,
        read: bool = False,
        settings: QuerySettings = SETTINGS,
        url: str = "",
        generations: Callable[[Path, Catalog], Generations] | None = None,
    ) -> None:
        """A world in `folder`.

        Args:
            folder: for the files.
            extra: adds a second hash, dhash, as one more lane.
            read: adds the lanes of text, see :meth:`read`.
            settings: of queries.
            url: of the catalog; "": an SQLite file in the folder.
            generations: makes them for a folder and a catalog; None: in files.
        """
        self.catalog = Catalog(url or folder / "catalog.db", CatalogSettings())
        make = generations or (lambda place, _: Generations(place))
        self.generations = make(folder / "generations", self.catalog)
        self.methods: dict[str, Any] = {
            "phash": IndexedStandIn("phash", np.uint8, (8,), "hamming", 64),
            "orb": StandIn("orb", np.float64, (2,)),
            "siamese": IndexedStandIn("siamese", np.float32, (8,), "cosine", 8),
        }
        if extra:
            self.methods["dhash"] = IndexedStandIn("dhash", np.uint8, (8,), "hamming", 64)
        self.reading = ReadPrint(ReaderSettings(), FakeReader([])) if read else None
        self.engine = self.open(settings)

    def open(self, settings: QuerySettings = SETTINGS, threshold: float = THRESHOLD) -> QueryEngine:
        """A further engine on the same catalog."""
        in_force = scoring(threshold)
        reading = {"reading": self.reading} if self.reading else {}
        prints = PrintEvidence(self.catalog, self.methods, reading, ReadingSettings("auto" if reading else "never"))
        return QueryEngine(self.catalog, self.generations, self.methods, lambda: in_force, prints, settings)

    def add(
        self, sku: str, *names: str, content: str = "", methods: Mapping[str, Any] | None = None, **facts: Any
    ) -> list[int]:
        """Images of one product that show what `names` say; their ids.

        Args:
            sku: the product.
            names: one for each image, see :func:`looks`.
            content: equal for files of equal content; "" makes each file different.
            methods: those that described the images; None means all.
            facts: name, strength, form and so on of the product.
        """
        before = set(self.ids())
        new = []
        for number, name in enumerate(names):
            path = f"{sku}-{len(before)}-{number}"
            chosen = self.methods if methods is None else methods
            packed = {m.fingerprint: looks(name)[m.name].tobytes() for m in chosen.values()}
            row = SourceRow(sku, f"/{path}", path, path, **{"name": f"Product {sku}", **facts})
            sha256 = hashlib.sha256((content or path).encode()).hexdigest()
            new.append(NewImage(row, "/", Stamp(1, 1), sha256, 1, 1, descriptors=packed))
        self.catalog.images.apply(add=new)
        return sorted(set(self.ids()) - before)

    def read(self, says: Mapping[int, str]) -> None:
        """Have images read: id -> the lines that are printed on it."""
        assert self.reading is not None
        packed = {i: {self.reading.fingerprint: encode(reading(text)).tobytes()} for i, text in says.items()}
        self.catalog.readings.add(packed)

    def retire(self, *ids: int) -> None:
        """Take images out of the catalog."""
        self.catalog.images.apply(retire=ids)

    def ids(self) -> list[int]:
        """The ids of all active images, ascending."""
        return [int(i) for i in self.catalog.descriptors.active_ids(self.methods["phash"].fingerprint)]

    def build(self) -> str:
        """Build and serve a new generation; its name."""
        name = self.generations.next_name()

        def lanes() -> Iterator[tuple[Lane, Any, Any]]:
            for m in self.methods.values():
                if isinstance(m, MetricMethod):
                    ids, vectors = self.catalog.descriptors.matrix(m.fingerprint, m.dtype, m.shape[0])
                    yield Lane(m.name, m.fingerprint, m.metric, m.dim), ids, vectors

        self.generations.build(
            lanes(), name=name, revision=self.catalog.revision(), expected=np.array(self.ids(), np.int64),
            settings=GenerationSettings(), texts=CatalogText(self.catalog, self.reading) if self.reading else None,
        )  # fmt: skip
        return name

    def ask(self, name: str = "0/0/0/0", k: int | None = None) -> Decision:
        """The answer to a photo that shows what `name` says."""
        [decision] = self.engine.answer([photo(name)], k=k)
        return decision

    def close(self) -> None:
        """Close the catalog and what holds the generations."""
        self.generations.close()
        self.catalog.close()
