"""What every method promises, checked on each that `methods.discover()` finds, and on a toy that is one new file."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simsearch import features as methods
from simsearch.core.errors import ConfigError, DamagedDescriptor
from simsearch.core.types import Image
from simsearch.features.base import Method
from simsearch.features.codes import CodeMethod
from simsearch.features.pills import PillLooks
from simsearch.features.reading import ReadPrint
from simsearch.features.siamese import Siamese
from simsearch.testing.methods import MethodContract, Pictures, inside, make, ordinary_pictures
from simsearch.testing.pictures import image

Check = Callable[[type[Method], Pictures], None]


def each_method(*, learned_too: bool = True) -> list[Any]:
    left_out = () if learned_too else (Siamese, ReadPrint)
    known = sorted(methods.discover().items())
    return [pytest.param(cls, id=name) for name, cls in known if not issubclass(cls, left_out)]


_ELSEWHERE = (CodeMethod, ReadPrint, PillLooks)
"""Held to it on pictures that have codes, print, pills: test_codes.py, reading/ and pills/test_method.py."""


@pytest.mark.parametrize("cls", [case for case in each_method() if case.values[0] not in _ELSEWHERE])
class TestEachMethod(MethodContract):
    def without_effect(self, cls: type[Method]) -> Collection[str]:
        # Weights enter the fingerprint by the digest of their file.
        return {"weights", "precision", "device", "batch", "runtime"} if issubclass(cls, Siamese) else ()


@st.composite
def small_images(draw: st.DrawFn) -> Image:
    height, width = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    low = draw(st.integers(0, 255))
    high = draw(st.integers(low, 255))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels = draw(st.sampled_from([1, 3]))
    return image(np.broadcast_to(random.integers(low, high + 1, (height, width, channels)), (height, width, 3)))


@pytest.mark.parametrize("cls", each_method(learned_too=False))
def test_any_two_small_pictures(cls: type[Method]) -> None:
    method = make(cls)

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(small_images(), small_images())
    def holds(a: Image, b: Image) -> None:
        first, second = method.describe([a, b])
        similarities = method.compare(first, [first, second])
        assert inside(similarities, method, 2)
        if np.isfinite(method.similarity_range[1]):
            assert similarities[0] >= similarities[1] - 1e-6
        if getattr(cls, "symmetric", False):
            assert method.compare(second, [first])[0] == pytest.approx(similarities[1], abs=1e-6)

    holds()


def test_every_method_of_the_paper_is_there() -> None:
    histograms = {f"histogram-{way}" for way in ("correlation", "chi-square", "intersection", "bhattacharyya")}
    named = histograms | {"cosine", "ahash", "phash", "dhash", "sift", "orb", "orb-matching", "siamese"}
    assert named <= set(methods.discover())


def test_an_unknown_method_or_setting_is_named() -> None:
    for use in (lambda name, table: methods.create(name, table), lambda name, table: methods.check({name: table})):
        with pytest.raises(ConfigError, match=r"there is no method 'phish'; did you mean 'phash'"):
            use("phish", {})
        with pytest.raises(ConfigError, match=r"there is no method 'x'; there are .*phash"):
            use("x", {})
        with pytest.raises(ConfigError, match=r"methods.orb: unknown setting 'keypoint'; did you mean 'keypoints'"):
            use("orb", {"keypoint": 3})
    methods.check({"orb": {"keypoints": 300}, "siamese": {"device": "cpu"}})  # looks for no weights


TOY = '''
    """Mean brightness."""

    from dataclasses import dataclass

    import numpy as np

    from simsearch.features.base import fingerprint


    @dataclass(frozen=True)
    class ToySettings:
        power: float = 1.0


    class Toy:
        """1 - |a - b|, 0 to 1."""

        name = "toy-brightness"
        Settings = ToySettings
        similarity_range = (0.0, 1.0)
        symmetric = True
        dtype = np.dtype(np.float32)
        shape = (1,)

        def __init__(self, settings):
            self.settings = settings
            self.fingerprint = fingerprint(self.name, settings)

        def describe(self, images):
            return [np.array([(i.grey.mean() / 255) ** self.settings.power], np.float32) for i in images]

        def compare(self, query, others):
            return np.array([1 - abs(query[0] - other[0]) for other in others], np.float32)


    METHODS = (Toy,)
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Method]]:
    """A method added as one file."""
    (tmp_path / "toy.py").write_text(textwrap.dedent(TOY), encoding="utf-8")
    monkeypatch.setattr(methods, "__path__", [*methods.__path__, str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    methods.discover.cache_clear()
    yield methods.discover()["toy-brightness"]
    methods.discover.cache_clear()
    sys.modules.pop("simsearch.features.toy", None)
    if hasattr(methods, "toy"):
        delattr(methods, "toy")


def checks() -> dict[str, Check]:
    contract = MethodContract()
    return {name: getattr(contract, name) for name in dir(contract) if name.startswith("test_")}


def test_a_new_file_is_a_method_and_passes(toy: type[Method]) -> None:
    assert isinstance(methods.create("toy-brightness", {"power": 2.0}), toy)
    assert len(checks()) > 10
    for check in checks().values():
        check(toy, ordinary_pictures())


def test_the_toy_is_gone_again() -> None:
    assert "toy-brightness" not in methods.discover()


@pytest.mark.parametrize(
    ("part", "broken", "named"),
    [
        ("compare", lambda self, query, others: np.array([query[0] for _ in others], np.float64), "stays_in_its_range"),
        ("compare", lambda self, query, others: np.array([query[0] for _ in others]), "is_symmetric_if_it_says_so"),
        ("compare", lambda self, query, others: np.array([query[0] for _ in others]), "tells_pictures_apart"),
        ("describe", lambda self, images: [np.zeros(1, np.float32)], "describes_each_picture"),
        ("describe", lambda self, images: [np.zeros(2, np.float32) for _ in images], "bears_odd_pictures"),
        ("describe", lambda self, images: [np.random.rand(1).astype("f") for _ in images], "repeats_itself"),
        ("dtype", np.dtype(np.float64), "survives_storage"),
        ("name", "Toy", "says_what_it_is"),
    ],
)
def test_the_checks_can_fail(
    part: str, broken: object, named: str, toy: type[Method], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toy, part, broken)
    with pytest.raises((AssertionError, DamagedDescriptor)):
        checks()[f"test_{named}"](toy, ordinary_pictures())
