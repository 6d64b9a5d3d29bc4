"""The query engine on stand-in methods whose descriptors say what is to be found, and the pairwise look."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.catalog import Catalog
from simsearch.catalog.images import NewImage
from simsearch.core.config import CatalogSettings, GenerationSettings, QuerySettings
from simsearch.core.types import (
    Decision,
    Descriptor,
    Elsewhere,
    Image,
    Metric,
    Outcome,
    SourceRow,
    Surface,
    Verification,
)
from simsearch.features import create
from simsearch.features.base import Method, MetricMethod, NoSettings
from simsearch.features.orb import Geometry
from simsearch.indexes.generations import Generations, Lane
from simsearch.recognition.calibration import Calibration
from simsearch.recognition.engine import NO_GENERATION, QueryEngine, percent
from simsearch.recognition.product_filter import parse
from simsearch.recognition.verification import FEATURES, SURFACE, Described, Verifier

Look = dict[str, NDArray[Any]]
SETTINGS = QuerySettings(k=5, candidates=5, hash_candidates=2, geometry=30, margin=0.15)
THRESHOLD = 0.9


class Stub:
    """A method that reads its descriptors off the photo's name: see `named`."""

    Settings: ClassVar[type] = NoSettings
    similarity_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, name: str, dtype: Any, shape: tuple[int, ...]) -> None:
        self.name, self.dtype, self.shape, self.fingerprint = name, np.dtype(dtype), shape, f"{name}-of-the-test"

    def describe(self, images: Sequence[Image]) -> list[Descriptor]:
        return [named(image.name)[self.name] for image in images]

    def compare(self, query: Descriptor, others: Sequence[Descriptor]) -> NDArray[np.float32]:
        raise AssertionError("the engine compares through the verifier")


class Lookup(Stub):
    """One that can be indexed."""

    def __init__(self, name: str, dtype: Any, shape: tuple[int, ...], metric: Metric, dim: int) -> None:
        super().__init__(name, dtype, shape)
        self.metric, self.dim = metric, dim


class StubVerifier:
    """Probability and inliers as the candidate's name says."""

    def verify(
        self,
        query: Look,
        others: Sequence[Look],
        *,
        geometry: int,
        elsewhere: Sequence[object] | None = None,
        votes: Sequence[float] | None = None,
    ) -> list[Verification]:
        assert votes is None or len(votes) == len(others)
        cosines = [float(query["siamese"] @ other["siamese"]) for other in others]
        facts = [other["orb"].tolist() for other in others]
        return [Verification(p, c, p, int(n), 1.0) for c, (p, n) in zip(cosines, facts, strict=True)]


def named(name: str) -> Look:
    """`angle/bits/probability/inliers` -> descriptors: degrees in a plane, how many of 64 bits are 1."""
    angle, bits, probability, inliers = (float(part) for part in name.split("/"))
    turn = np.deg2rad(angle)
    hashed = np.packbits(np.arange(64) < bits)
    return {
        "siamese": np.array([np.cos(turn), np.sin(turn), *[0.0] * 6], np.float32),
        "phash": hashed,
        "dhash": hashed,
        "orb": np.array([probability, inliers], np.float64),
    }


def photo(name: str = "0/0/0/0") -> Image:
    return Image(np.zeros((1, 1, 3), np.uint8), "0" * 64, 1, 1, name)


class World:
    """A catalog, its generations and an engine over stand-ins."""

    def __init__(self, folder: Path, *, extra: bool = False, settings: QuerySettings = SETTINGS) -> None:
        self.catalog = Catalog(f"sqlite:///{folder / 'catalog.db'}", CatalogSettings())
        self.generations = Generations(folder / "generations")
        self.methods: dict[str, Any] = {
            "phash": Lookup("phash", np.uint8, (8,), "hamming", 64),
            "orb": Stub("orb", np.float64, (2,)),
            "siamese": Lookup("siamese", np.float32, (8,), "cosine", 8),
        }
        if extra:
            self.methods["dhash"] = Lookup("dhash", np.uint8, (8,), "hamming", 64)
        self.engine = self.open(settings)

    def open(self, settings: QuerySettings = SETTINGS, threshold: float = THRESHOLD) -> QueryEngine:
        verifier = cast(Verifier, StubVerifier())
        return QueryEngine(self.catalog, self.generations, self.methods, verifier, settings, threshold)

    def add(self, sku: str, *names: str, content: str = "", **facts: Any) -> list[int]:
        """Images of one product, of files with the same `content` where that is given; their ids."""
        before = set(self.ids())
        new = []
        for number, name in enumerate(names):
            path = f"{sku}-{len(before)}-{number}"
            described = {m.fingerprint: named(name)[m.name].tobytes() for m in self.methods.values()}
            row = SourceRow(sku, f"/{path}", path, path, **{"name": f"Product {sku}", **facts})
            sha256 = hashlib.sha256((content or path).encode()).hexdigest()
            new.append(NewImage(row, "/", 1, 1, sha256, 1, 1, descriptors=described))
        self.catalog.images.apply(add=new)
        return sorted(set(self.ids()) - before)

    def ids(self) -> list[int]:
        return [int(i) for i in self.catalog.descriptors.active_ids(self.methods["phash"].fingerprint)]

    def build(self) -> str:
        """A new generation, as `App.rebuild` makes it."""
        name = f"g{len(self.generations.names()) + 1:06d}"

        def lanes() -> Iterator[tuple[Lane, Any, Any]]:
            for m in self.methods.values():
                if isinstance(m, MetricMethod):
                    ids, vectors = self.catalog.descriptors.matrix(m.fingerprint, m.dtype, m.shape[0])
                    yield Lane(m.name, m.fingerprint, m.metric, m.dim), ids, vectors

        self.generations.build(
            lanes(), name=name, revision=self.catalog.revision(), expected=np.array(self.ids(), np.int64),
            settings=GenerationSettings(),
        )  # fmt: skip
        return name

    def ask(self, name: str = "0/0/0/0", k: int | None = None) -> Decision:
        [decision] = self.engine.answer([photo(name)], k=k)
        return decision


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.catalog.close()


def skus(decision: Decision) -> list[str]:
    return [hit.sku for hit in decision.hits]


# -- lookup ----------------------------------------------------------------------------------------------------------


def test_candidates_of_both_lanes_are_merged(world: World) -> None:
    world.engine = world.open(replace(SETTINGS, candidates=1, hash_candidates=1))
    [near] = world.add("near", "1/8/0.5/0")
    [alike] = world.add("alike", "90/1/0.5/0")
    [both] = world.add("both", "2/2/0.5/0")
    world.build()
    world.engine.refresh()
    found = {c.image_id: dict(c.lanes) for c in world.engine.candidates(named("0/0/0/0"))}
    assert set(found) == {near, alike}
    assert set(found[near]) == {"siamese"}
    assert set(found[alike]) == {"phash"}
    assert found[near]["siamese"] == pytest.approx(np.cos(np.deg2rad(1)))
    assert found[alike]["phash"] == pytest.approx(63 / 64)

    world.engine = world.open(replace(SETTINGS, candidates=3, hash_candidates=3))
    world.engine.refresh()
    candidates = world.engine.candidates(named("0/0/0/0"))
    assert {c.image_id for c in candidates} == {near, alike, both}
    assert all(set(c.lanes) == {"siamese", "phash"} for c in candidates)
    assert all(set(c.ranks) == set(c.lanes) for c in candidates)
    assert {c.image_id: dict(c.ranks) for c in candidates}[both] == {"siamese": 2, "phash": 2}
    scores = [c.score for c in candidates]
    assert scores == sorted(scores, reverse=True)


def test_a_lane_can_be_left_out(world: World) -> None:
    world.engine = world.open(replace(SETTINGS, hash_candidates=0))
    world.add("near", "0/64/0.95/0")
    world.build()
    assert world.ask().sku == "near"
    assert all(set(c.lanes) == {"siamese"} for c in world.engine.candidates(named("0/0/0/0")))


def test_an_empty_catalog_is_unknown(world: World) -> None:
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.name, decision.hits) == (Outcome.UNKNOWN, None, None, ())
    assert (decision.probability, decision.generation) == (0.0, NO_GENERATION)
    assert "nothing to compare with" in decision.reason
    world.build()
    assert world.ask().outcome is Outcome.UNKNOWN


def test_before_the_first_generation_the_delta_answers(world: World) -> None:
    world.add("a", "0/0/0.95/30")
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.generation) == (Outcome.MATCH, "a", NO_GENERATION)


def test_what_was_indexed_after_the_build_is_found_at_once(world: World) -> None:
    world.add("old", "40/20/0.1/0")
    built = world.build()
    assert world.ask().outcome is Outcome.UNKNOWN
    world.add("new", "0/0/0.95/30")
    decision = world.ask()
    assert (decision.sku, decision.generation) == ("new", built)
    assert skus(decision) == ["new", "old"]


def test_a_retired_image_vanishes_at_once(world: World) -> None:
    [gone] = world.add("gone", "0/0/0.99/30")
    world.add("left", "30/10/0.2/0")
    [late] = world.add("late", "1/1/0.98/30")
    world.build()
    assert world.ask().sku == "gone"
    world.catalog.images.apply(retire=[gone])
    assert skus(world.ask()) == ["late", "left"]
    world.catalog.images.apply(retire=[late])
    decision = world.ask()
    assert (decision.outcome, skus(decision)) == (Outcome.UNKNOWN, ["left"])


def test_a_retired_image_of_the_delta_vanishes_too(world: World) -> None:
    world.add("old", "30/10/0.2/0")
    world.build()
    [gone] = world.add("gone", "0/0/0.99/30")
    assert world.ask().sku == "gone"
    world.catalog.images.apply(retire=[gone])
    assert skus(world.ask()) == ["old"]


@pytest.mark.parametrize("nearer", [12, 80])
def test_many_retired_images_do_not_hide_what_lies_behind_them(world: World, nearer: int) -> None:
    gone = world.add("gone", *["0/0/0.99/30"] * nearer)
    left = world.add("left", *(f"{5 + i}/{5 + i}/0.95/30" for i in range(6)))
    world.build()
    world.catalog.images.apply(retire=gone)
    decision = world.ask()
    assert (decision.outcome, decision.sku) == (Outcome.MATCH, "left")
    found = {c.image_id: c.lanes for c in world.engine.candidates(named("0/0/0/0"))}
    assert [i for i, lanes in found.items() if "siamese" in lanes] == left[:5]
    assert [i for i, lanes in found.items() if "phash" in lanes] == left[:2]


def test_images_without_all_descriptors_are_left_out(world: World) -> None:
    world.add("whole", "3/3/0.95/30")
    lacking = {k: v for k, v in world.methods.items() if k != "orb"}
    world.methods, kept = lacking, world.methods
    world.add("half", "0/0/0.99/30")
    world.methods = kept
    assert skus(world.ask()) == ["whole"]


def test_a_further_method_adds_a_lane_and_hides_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, extra=True)
    world.add("a", "0/0/0.95/30")
    world.build()
    world.add("b", "90/1/0.3/0")
    decision = world.ask()
    assert (decision.outcome, skus(decision)) == (Outcome.MATCH, ["a", "b"])
    lanes = {c.image_id: set(c.lanes) for c in world.engine.candidates(named("0/0/0/0"))}
    assert {"phash", "dhash", "siamese"} in lanes.values()
    world.catalog.close()


def test_the_engine_follows_builds_and_rollback_without_reopening(world: World) -> None:
    world.add("a", "0/0/0.95/30")
    assert world.ask().generation == NO_GENERATION
    first = world.build()
    assert world.ask().generation == first
    world.add("b", "20/10/0.3/0")
    second = world.build()
    decision = world.ask()
    assert (decision.generation, skus(decision)) == (second, ["a", "b"])
    assert world.generations.rollback() == first
    decision = world.ask()
    assert (decision.generation, skus(decision)) == (first, ["a", "b"])  # what came after it is in the delta again


# -- ranking ---------------------------------------------------------------------------------------------------------


def test_a_product_is_one_hit_by_its_best_image(world: World) -> None:
    _, best, _ = world.add("a", "0/0/0.4/5", "9/9/0.95/40", "5/5/0.6/9")
    world.add("b", "2/2/0.5/9", "3/3/0.3/8")
    world.build()
    decision = world.ask()
    assert skus(decision) == ["a", "b"]
    assert (decision.hits[0].image_id, decision.hits[0].verification.probability) == (best, 0.95)
    assert decision.hits[1].verification.probability == 0.5
    assert (decision.name, decision.probability) == ("Product a", 0.95)


def test_k_limits_the_products_and_not_the_decision(world: World) -> None:
    for i in range(4):
        world.add(f"p{i}", f"{i}/{i}/{0.99 - i / 100}/9")
    assert skus(world.ask(k=2)) == ["p0", "p1"]
    assert len(world.ask().hits) == 4
    alone = world.ask(k=1)
    assert (skus(alone), alone.outcome) == (["p0"], Outcome.AMBIGUOUS)
    world.engine = world.open(replace(SETTINGS, k=3))
    assert len(world.ask().hits) == 3


def test_where_probabilities_saturate_geometry_and_then_similarity_decide(world: World) -> None:
    world.add("similar", "1/1/0.9999999/50")
    world.add("same", "0/0/0.9999998/50")
    world.add("fitting", "20/3/0.9999997/90")
    world.add("less", "2/4/0.9999/300")
    assert skus(world.ask()) == ["fitting", "same", "similar", "less"]


def test_full_ties_go_by_age(world: World) -> None:
    world.add("b", "1/1/0.95/9")
    world.add("a", "1/1/0.95/9")
    assert skus(world.ask()) == ["b", "a"]


# -- decision --------------------------------------------------------------------------------------------------------


def test_a_match_says_what_it_rests_on(world: World) -> None:
    world.add("a", "0/0/0.97/42")
    world.add("b", "9/9/0.3/0")
    decision = world.ask()
    assert (decision.outcome, decision.sku) == (Outcome.MATCH, "a")
    points = "42 points of the photo agree with the catalog's"
    assert decision.reason == f"97.0% sure: {points}, and it looks alike (similarity 1.00)"
    world.add("c", "0/0/0.98/0")
    assert world.ask().outcome is Outcome.AMBIGUOUS


def test_a_match_by_appearance_alone_says_so_and_is_never_quite_sure(world: World) -> None:
    world.add("a", "0/0/0.99999999/0")
    assert world.ask().reason == "over 99.999% sure: by appearance alone (similarity 1.00)"


@pytest.mark.parametrize(("rival", "outcome"), [(0.975, Outcome.AMBIGUOUS), (0.97, Outcome.MATCH)])
def test_a_rival_within_the_margin_makes_it_ambiguous(world: World, rival: float, outcome: Outcome) -> None:
    # Odds of 199 against 37.5 leave the rival 16 %, of 32.3 only 14 %.
    world.add("a", "0/0/0.995/40")
    world.add("b", f"1/1/{rival}/30")
    decision = world.ask()
    assert (decision.outcome, decision.sku, skus(decision)) == (outcome, "a", ["a", "b"])
    if outcome is Outcome.AMBIGUOUS:
        assert decision.reason.startswith("a and b fit about equally well (99.5%: 40 points of the photo agree")


def test_another_photo_of_the_same_product_is_no_rival(world: World) -> None:
    world.add("a", "0/0/0.99/40", "1/1/0.99/40")
    assert world.ask().outcome is Outcome.MATCH


def test_the_same_photo_under_another_sku_is_named(world: World) -> None:
    world.add("first", "0/0/0.99/200", content="one file")
    world.add("second", "0/0/0.99/200", content="one file")
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.named) == (Outcome.AMBIGUOUS, "first", ("first", "second"))
    assert decision.reason.startswith("first and second fit about equally well (99.0%:")
    assert decision.reason.endswith("; the catalog files the same photo under first and second")
    world.add("third", "0/0/0.99/200")
    assert world.ask().reason.startswith("first, second and third fit")
    world.add("fourth", "0/0/0.99/200")
    world.add("fifth", "0/0/0.99/200")
    assert world.ask().reason.startswith("first, second, third and 2 more fit")


def test_below_the_threshold_nothing_is_named(world: World) -> None:
    world.add("a", "0/0/0.899/40")
    world.add("b", "0/0/0.898/40")
    decision = world.ask()
    assert (decision.outcome, decision.sku, decision.name) == (Outcome.UNKNOWN, None, None)
    assert (decision.probability, skus(decision)) == (0.899, ["a", "b"])  # for information
    assert decision.reason == "the nearest product reaches 89.9%, a match needs 90.0%"


def test_a_probability_that_rounds_to_the_threshold_is_said_to_miss_it(world: World) -> None:
    world.add("a", "0/0/0.89999/40")
    assert world.ask().reason == "the nearest product reaches not quite 90.0%, a match needs 90.0%"


def test_the_threshold_itself_is_enough(world: World) -> None:
    world.add("a", "0/0/0.5/40")
    world.engine = world.open(threshold=0.5)
    assert world.ask().outcome is Outcome.MATCH
    world.engine = world.open(threshold=0.5000001)
    assert world.ask().outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("p", "words"),
    [(0, "0.0%"), (0.9989, "99.9%"), (0.9996, "99.960%"), (0.99999, "over 99.999%"), (1, "over 99.999%")]
)  # fmt: skip
def test_no_probability_is_called_certain(p: float, words: str) -> None:
    assert percent(p) == words


def test_time_is_told_and_answers_repeat(world: World) -> None:
    for i in range(6):
        world.add(f"p{i}", f"{i}/{i}/{0.5 + i / 20}/{i}")
    world.build()
    first, second = world.ask(), world.ask()
    assert first.took_ms > 0
    assert replace(first, took_ms=0) == replace(second, took_ms=0)
    reopened = world.open().answer([photo()])[0]
    assert replace(reopened, took_ms=0) == replace(first, took_ms=0)


def test_a_batch_answers_as_one_by_one(world: World) -> None:
    world.add("a", "0/0/0.95/30")
    world.add("b", "50/40/0.99/30")
    world.build()
    photos = [photo("0/0/0/0"), photo("50/40/0/0"), photo("25/20/0/0")]
    together = world.engine.answer(photos)
    alone = [world.engine.answer([p])[0] for p in photos]
    assert [replace(d, took_ms=0) for d in together] == [replace(d, took_ms=0) for d in alone]
    assert [d.query for d in together] == [p.name for p in photos]
    assert world.engine.answer([]) == []


# -- the pairwise look -----------------------------------------------------------------------------------------------


class Counting(Verifier):
    """Finds as many inliers as the other says, and remembers where it looked."""

    looked: list[Described]
    moved: float = 9.0

    def geometries(
        self, query: Described, others: Sequence[Described], elsewhere: Sequence[Elsewhere] | None = None
    ) -> list[Geometry]:
        self.looked += others
        counts = [int(other["inliers"][0]) for other in others]
        points = [np.zeros((count, 2), np.float32) for count in counts]
        return [Geometry(p, p + np.float32(self.moved), len(p), None) for p in points]


@pytest.fixture(scope="module")
def parts(kit: Any) -> dict[str, Method]:
    return {"phash": create("phash"), "orb": create("orb"), "siamese": create("siamese", {"weights": str(kit.weights)})}


@pytest.fixture
def counting(kit: Any, parts: dict[str, Method]) -> Counting:
    verifier = Counting(parts, Calibration.load(kit.calibration))
    verifier.looked = []
    return verifier


@pytest.fixture(scope="module")
def looks() -> Callable[..., Look]:
    def make(seed: int, inliers: int = 0) -> Look:
        random = np.random.default_rng(seed)
        embedding = random.normal(size=64).astype(np.float32)
        return {
            "siamese": embedding / np.linalg.norm(embedding),
            "phash": random.integers(0, 256, 8).astype(np.uint8),
            "inliers": np.array([inliers]),
        }

    return make


Looks = Callable[..., Look]


def test_the_features_are_in_their_columns(counting: Counting, looks: Looks) -> None:
    query, others = looks(0), [looks(1, 7), looks(2, 0), looks(3, 20)]
    features = counting.features(query, others, geometry=3)
    assert FEATURES == (
        "pair_logit", "cosine", "root_support", "hash_similarity", "other_face", "pill_votes", "pills",
    )  # fmt: skip
    assert features.shape == (3, 7)
    np.testing.assert_allclose(features[:, 1], [query["siamese"] @ o["siamese"] for o in others], rtol=1e-5)
    np.testing.assert_allclose(features[:, 2], np.sqrt([7, 0, 20]), rtol=1e-6)
    bits = [np.bitwise_count(query["phash"] ^ o["phash"]).sum() for o in others]
    np.testing.assert_allclose(features[:, 3], 1 - np.array(bits) / 64, rtol=1e-6)
    logits = counting.siamese.pair_logits(query["siamese"], [o["siamese"] for o in others])
    np.testing.assert_allclose(features[:, 0], logits)
    assert (counting.quick(query, others)[:, [0, 1, 3]] == features[:, [0, 1, 3]]).all()
    assert not counting.quick(query, others)[:, 2].any()


def test_geometry_is_looked_for_with_the_first_only(counting: Counting, looks: Looks) -> None:
    query, others = looks(0), [looks(i, 10) for i in range(1, 9)]
    features = counting.features(query, others, geometry=3)
    assert [i for i, other in enumerate(others) if any(other is o for o in counting.looked)] == [0, 1, 2]
    assert np.flatnonzero(features[:, 2]).tolist() == [0, 1, 2]
    counting.looked.clear()
    counting.features(query, others, geometry=0)
    assert counting.looked == []


def test_keypoints_of_loose_pills_do_not_count(counting: Counting, looks: Looks) -> None:
    kinds = {s: {SURFACE: np.array([i])} for i, s in enumerate(Surface)}
    pills, box = kinds[Surface.PILLS], kinds[Surface.FRONT]
    others: list[Look] = [looks(1, 100) | pills, looks(2, 100) | box, looks(3, 100)]
    assert (counting.features(looks(0) | box, others, geometry=3)[:, 2] > 0).tolist() == [False, True, True]
    assert not counting.features(looks(0) | pills, others, geometry=3)[:, 2].any()


def test_votes_stand_in_for_keypoints_of_loose_pills(counting: Counting, looks: Looks) -> None:
    kinds = {s: {SURFACE: np.array([i])} for i, s in enumerate(Surface)}
    pills, box = kinds[Surface.PILLS], kinds[Surface.FRONT]
    others: list[Look] = [looks(1) | pills, looks(2) | box, looks(3)]
    votes = FEATURES.index("pill_votes")
    seen = counting.features(looks(0) | box, others, geometry=3, votes=[99.0, 99.0, 99.0])
    np.testing.assert_allclose(seen[:, votes], [np.log(100), 0, 0])
    seen = counting.features(looks(0) | pills, others, geometry=3, votes=[99.0, 0.0, 9.0])
    np.testing.assert_allclose(seen[:, votes], [np.log(100), 0, np.log(10)])
    assert not counting.features(looks(0) | pills, others, geometry=3)[:, votes].any(), "a pair without a catalog"


def test_what_is_drawn_over_two_photos_does_not_count(
    counting: Counting, looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = looks(0)
    twin = {**looks(1, 50), "siamese": query["siamese"]}
    monkeypatch.setattr(counting, "moved", 1.0)  # the same pixels: one photo, or one ruler
    assert (counting.features(query, [looks(2, 50), twin], geometry=2)[:, 2] > 0).tolist() == [False, True]
    monkeypatch.setattr(counting, "moved", 3.0)
    assert (counting.features(query, [looks(2, 50), twin], geometry=2)[:, 2] > 0).all()


def test_verdicts_are_the_calibrations(counting: Counting, looks: Looks) -> None:
    query, others = looks(0), [looks(1, 5), looks(2, 300)]
    features = counting.features(query, others, geometry=2)
    verdicts = counting.verify(query, others, geometry=2)
    assert counting.calibration is not None
    expected = counting.calibration.probability(features)
    assert [v.probability for v in verdicts] == expected.tolist()
    assert [v.inliers for v in verdicts] == [5, 300]
    assert [v.similarity for v in verdicts] == features[:, 1].tolist()
    assert [v.hash_similarity for v in verdicts] == features[:, 3].tolist()
    np.testing.assert_allclose([v.siamese for v in verdicts], 1 / (1 + np.exp(-features[:, 0])), atol=1e-6)
    assert verdicts[0].probability < 0.5 < verdicts[1].probability


def test_nothing_to_compare_with_is_no_verdict(counting: Counting, looks: Looks) -> None:
    assert counting.verify(looks(0), [], geometry=5) == []
    assert counting.features(looks(0), [], geometry=5).shape == (0, len(FEATURES))


# -- the same photo, look-alikes -------------------------------------------------------------------------------------


def test_a_photo_filed_elsewhere_too_is_ambiguous_even_where_the_lookup_misses_the_other(world: World) -> None:
    world.engine = world.open(replace(SETTINGS, candidates=1, hash_candidates=1))
    world.add("first", "0/0/0.99/200", content="placeholder")
    assert world.ask().outcome is Outcome.MATCH
    world.add("hidden", "80/40/0.01/0", content="placeholder")
    decision = world.ask()
    assert (decision.outcome, decision.named) == (Outcome.AMBIGUOUS, ("first", "hidden"))
    assert "the same photo under first and hidden" in decision.reason
    assert skus(decision) == ["first", "hidden"]


def test_the_same_photo_twice_under_one_sku_is_no_conflict(world: World) -> None:
    world.add("first", "0/0/0.99/200", content="one file")
    world.add("first", "0/0/0.99/200", content="one file")
    assert world.ask().outcome is Outcome.MATCH


def test_another_strength_behind_a_match_is_warned_of(world: World) -> None:
    world.add("ten", "0/0/0.99/200", name="Examplin", strength="10 mg", form="tablet")
    world.add("twenty", "1/1/0.4/9", name="Examplin", strength="20 mg", form="tablet")
    world.add("other", "2/2/0.3/0", name="Zabinex", strength="5 mg", form="tablet")
    decision = world.ask()
    assert (decision.outcome, decision.named) == (Outcome.MATCH, ("ten",))
    [alike] = decision.look_alikes
    assert world.ask().reason.endswith("; strengths are not read: check that the package says 10 mg")
    assert (alike.sku, alike.kind, alike.differences) == ("twenty", "strength", (("strength", "10 mg", "20 mg"),))
    assert alike.warning == "twenty Examplin 20 mg has the same name in another strength: strength 20 mg, not 10 mg"


def test_another_strength_stays_in_question_longer_than_another_drug(world: World) -> None:
    world.add("ten", "0/0/0.99/200", name="Examplin", strength="10 mg")
    world.add("other", "1/1/0.8/20", name="Zabinex", strength="20 mg")
    assert world.ask().outcome is Outcome.MATCH
    world.add("twenty", "1/1/0.8/20", name="Examplin", strength="20 mg")
    decision = world.ask()
    assert (decision.outcome, decision.named) == (Outcome.AMBIGUOUS, ("ten", "twenty"))


def test_an_unknown_warns_of_nothing(world: World) -> None:
    world.add("ten", "0/0/0.5/20", name="Examplin", strength="10 mg")
    world.add("twenty", "0/0/0.5/20", name="Examplin", strength="20 mg")
    decision = world.ask()
    assert (decision.outcome, decision.look_alikes, decision.named) == (Outcome.UNKNOWN, (), ())


# -- filters ---------------------------------------------------------------------------------------------------------


def test_a_filter_finds_what_stands_behind_everything_else(world: World) -> None:
    world.add("crowd", *(f"{i / 10}/1/0.99/90" for i in range(60)), form="capsule")
    [wanted] = world.add("wanted", "70/30/0.95/40", form="Tablet")
    world.build()
    assert world.ask().sku == "crowd"
    [decision] = world.engine.answer([photo("0/0/0/0")], where=parse(["form=tablet"]))
    assert (decision.outcome, skus(decision), decision.hits[0].image_id) == (Outcome.MATCH, ["wanted"], wanted)
    assert decision.generation == "g000001"
    assert world.ask().sku == "crowd"  # the filter is not kept


def test_a_filter_follows_the_catalog(world: World) -> None:
    where = parse(["form=tablet"])
    [first] = world.add("first", "10/3/0.95/40", form="tablet")
    assert skus(world.engine.answer([photo()], where=where)[0]) == ["first"]
    world.add("second", "0/0/0.99/90", form="tablet")
    assert skus(world.engine.answer([photo()], where=where)[0]) == ["second", "first"]
    world.catalog.images.apply(retire=[first])
    assert skus(world.engine.answer([photo()], where=where)[0]) == ["second"]


def test_a_filter_that_lets_nothing_through_says_so(world: World) -> None:
    world.add("first", "0/0/0.99/40", form="tablet")
    [decision] = world.engine.answer([photo()], where=parse(["form=syrup"]))
    assert (decision.outcome, decision.hits) == (Outcome.UNKNOWN, ())
    assert decision.reason == "no photo of the catalog passes the filter"


def test_a_twin_outside_the_filter_is_no_rival(world: World) -> None:
    world.add("first", "0/0/0.99/200", content="one", form="tablet")
    world.add("second", "0/0/0.99/200", content="one", form="syrup")
    assert world.ask().outcome is Outcome.AMBIGUOUS
    [decision] = world.engine.answer([photo()], where=parse(["form=tablet"]))
    assert (decision.outcome, decision.named) == (Outcome.MATCH, ("first",))


# -- several photos of one package -----------------------------------------------------------------------------------


def test_one_photo_together_is_that_photo(world: World) -> None:
    world.add("a", "0/0/0.97/42")
    alone, together = world.ask(), world.engine.answer_together([photo()])
    assert replace(together, took_ms=0) == replace(alone, took_ms=0)


def test_photos_of_one_face_do_not_add_up(world: World) -> None:
    # The stand-ins know no surfaces: all photos show one face.
    world.add("a", "0/0/0.85/42")
    decision = world.engine.answer_together([photo(), photo(), photo()])
    assert decision.outcome is Outcome.UNKNOWN
    assert decision.probability == pytest.approx(0.85)
    assert decision.reason.startswith("3 photos together, 1 face (unknown): the nearest product reaches 85.0%")
    assert len(decision.photos) == 3
