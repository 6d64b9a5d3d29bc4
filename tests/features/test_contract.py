"""What every method promises, checked on each that `methods.discover()` finds, and on a toy that is one new file."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simsearch import features as methods
from simsearch.core.config import parse_settings
from simsearch.core.errors import ConfigError, DamagedDescriptor
from simsearch.core.types import Image
from simsearch.features.base import Method, MetricMethod, pack, unpack

WEIGHTS = Path(methods.__file__).parent / "network" / "weights"
NEEDS_WEIGHTS = {"siamese": "siamese.safetensors", "siamese-contrastive": "siamese-contrastive.safetensors"}
WITHOUT_EFFECT = {"SiameseSettings": {"weights", "precision", "device", "batch"}}
"""Settings that rightly leave the fingerprint alone (weights enter it by the digest of their file)."""

Pictures = dict[str, Image]


def image(values: NDArray[Any]) -> Image:
    pixels = np.repeat(values[..., None], 3, axis=2) if values.ndim == 2 else values
    height, width = pixels.shape[:2]
    return Image(np.ascontiguousarray(pixels, np.uint8), "0" * 64, width, height)


@pytest.fixture(scope="module")
def pictures(texture: Callable[..., NDArray[np.uint8]]) -> Pictures:
    """Ordinary photos, all different, a repeated pattern among them."""
    tiles = np.kron(np.indices((12, 16)).sum(axis=0) % 2, np.ones((20, 20), np.int64)) * 255
    found = {f"texture {seed}": image(texture(seed)) for seed in range(4)}
    return found | {"tall": image(texture(9, 300, 180)), "tiles": image(tiles)}


def odd_pictures() -> Pictures:
    random = np.random.default_rng(5)
    shapes = [(1, 1), (1, 40), (40, 1), (2, 2), (3, 640), (640, 3), (15, 16), (640, 1), (1, 640), (16, 512)]
    found = {f"noise {h} x {w}": image(random.integers(0, 256, (h, w, 3))) for h, w in shapes}
    found |= {f"flat {value}": image(np.full((60, 80), value)) for value in (0, 1, 127, 255)}
    found |= {f"one pixel of {value}": image(np.full((1, 1), value)) for value in (0, 255)}
    found["a dot on black"] = image(np.pad(np.full((1, 1), 255), 30))
    found["a ramp"] = image(np.tile(np.arange(256), (16, 1)))
    return found


def learned(method: Method) -> bool:
    """Whether weights decide: then exact values cannot be promised."""
    return hasattr(method, "weights")


def fits(descriptor: NDArray[Any], method: Method) -> bool:
    wanted = tuple(have if want == -1 else want for want, have in zip(method.shape, descriptor.shape, strict=True))
    return descriptor.dtype == method.dtype and descriptor.shape == wanted


def inside(similarities: NDArray[np.float32], method: Method, count: int) -> bool:
    low, high = method.similarity_range
    right_kind = similarities.dtype == np.float32 and similarities.shape == (count,) and np.isfinite(similarities).all()
    return bool(right_kind and (similarities >= low).all() and (similarities <= high).all())


# Each check is given a class and some ordinary pictures. CHECKS, below, lists them.


def says_what_it_is(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    assert isinstance(method, Method)
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", cls.name)
    assert dataclasses.is_dataclass(cls.Settings)
    assert cls.Settings.__dataclass_params__.frozen  # type: ignore[attr-defined]
    low, high = cls.similarity_range
    assert low < high
    assert isinstance(method.dtype, np.dtype)
    assert all(isinstance(n, int) and (n > 0 or n == -1) for n in method.shape)
    assert re.fullmatch(rf"{cls.name}-[0-9a-f]{{16}}", method.fingerprint)


def describes_each_picture(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    found = method.describe(list(pictures.values()))
    assert len(found) == len(pictures)
    assert all(fits(descriptor, method) for descriptor in found)
    assert method.describe([]) == []


def leaves_the_picture_alone(cls: type[Method], pictures: Pictures) -> None:
    before = {name: picture.pixels.copy() for name, picture in pictures.items()}
    make(cls).describe(list(pictures.values()))
    assert all(np.array_equal(before[name], picture.pixels) for name, picture in pictures.items())


def survives_storage(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    found = method.describe([*pictures.values(), *odd_pictures().values()])
    stored = [unpack(method, pack(descriptor)) for descriptor in found]
    assert all(np.array_equal(a, b) and fits(b, method) for a, b in zip(found, stored, strict=True))
    # What comes out of the catalog is read-only, and compares as what went in.
    assert np.array_equal(method.compare(found[0], found), method.compare(stored[0], stored))
    with pytest.raises(DamagedDescriptor, match=f"an image: its {method.fingerprint} descriptor is damaged; restore"):
        unpack(method, pack(found[0]) + b"\0")
    with pytest.raises(DamagedDescriptor, match="image 7: its "):
        unpack(method, pack(found[0]) + b"\0", 7)


def finds_nothing_more_alike_than_itself(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    found = method.describe(list(pictures.values()))
    for i, descriptor in enumerate(found):
        similarities = method.compare(descriptor, found)
        assert similarities[i] >= similarities.max() - 1e-6
        if np.isfinite(method.similarity_range[1]) and not learned(method):
            assert similarities[i] == pytest.approx(method.similarity_range[1], abs=1e-6)


def stays_in_its_range(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    found = method.describe(list(pictures.values()))
    for descriptor in found:
        assert inside(method.compare(descriptor, found), method, len(found))
    assert inside(method.compare(found[0], []), method, 0)


def tells_pictures_apart(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    found = method.describe([pictures["texture 0"], pictures["texture 1"]])
    same, other = method.compare(found[0], found)
    assert same > other


def repeats_itself(cls: type[Method], pictures: Pictures) -> None:
    first, second = make(cls), make(cls)
    chosen = list(pictures.values())
    found, again, backwards = first.describe(chosen), second.describe(chosen), second.describe(chosen[::-1])[::-1]
    for a, b, c in zip(found, again, backwards, strict=True):
        if learned(first):
            assert min(float(a @ b), float(a @ c)) >= 0.999  # type: ignore[operator]
        else:
            assert np.array_equal(a, b)
            assert np.array_equal(a, c)
    similarities = first.compare(found[0], found)
    assert np.array_equal(similarities, second.compare(found[0], found))
    np.testing.assert_allclose(similarities, second.compare(found[0], found[::-1])[::-1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(similarities[1:2], first.compare(found[0], found[1:2]), rtol=0, atol=1e-6)


def bears_odd_pictures(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    chosen = [*odd_pictures().values(), *pictures.values()]
    found = method.describe(chosen)
    for i, descriptor in enumerate(found):
        assert fits(descriptor, method)
        similarities = method.compare(descriptor, found)
        assert inside(similarities, method, len(found))
        if -1 not in method.shape and not learned(method):  # without keypoints there is nothing to be alike
            assert similarities[i] == pytest.approx(method.similarity_range[1], abs=1e-6)


def is_symmetric_if_it_says_so(cls: type[Method], pictures: Pictures) -> None:
    if not getattr(cls, "symmetric", False):
        return
    method = make(cls)
    found = method.describe([*pictures.values(), *odd_pictures().values()])
    table = np.stack([method.compare(descriptor, found) for descriptor in found])
    np.testing.assert_allclose(table, table.T, rtol=0, atol=1e-6)


def has_a_fingerprint_of_its_settings(cls: type[Method], pictures: Pictures) -> None:
    made = {"defaults": make(cls).fingerprint}
    assert make(cls).fingerprint == made["defaults"]
    for field in dataclasses.fields(cls.Settings):
        if field.name not in WITHOUT_EFFECT.get(cls.Settings.__name__, ()):
            made[field.name] = make(cls, **{field.name: another(field)}).fingerprint
    assert len(set(made.values())) == len(made)


def is_indexed_in_the_order_of_compare(cls: type[Method], pictures: Pictures) -> None:
    method = make(cls)
    if not hasattr(cls, "metric"):
        assert not isinstance(method, MetricMethod)
        return
    assert isinstance(method, MetricMethod)
    found: NDArray[Any] = np.stack(method.describe([*pictures.values(), *odd_pictures().values()]))
    if method.metric == "cosine":
        assert found.dtype == np.float32
        assert found.shape[1:] == (method.dim,)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)
        nearness = found @ found.T
    else:
        assert found.dtype == np.uint8
        assert found.shape[1:] == (method.dim // 8,)
        bits = np.unpackbits(found, axis=1)
        nearness = -(bits[:, None] != bits[None]).sum(axis=2).astype(np.float32)
    if learned(method):  # its pair head has its own opinion, which is why candidates are verified
        return
    for row, descriptor in zip(nearness, found, strict=True):
        ordered = method.compare(descriptor, list(found))[np.argsort(row)]
        assert (np.diff(ordered) >= -2e-5).all()  # the products above are in float32


CHECKS = (
    says_what_it_is,
    describes_each_picture,
    leaves_the_picture_alone,
    survives_storage,
    finds_nothing_more_alike_than_itself,
    stays_in_its_range,
    tells_pictures_apart,
    repeats_itself,
    bears_odd_pictures,
    is_symmetric_if_it_says_so,
    has_a_fingerprint_of_its_settings,
    is_indexed_in_the_order_of_compare,
)


def make(cls: type[Method], **values: Any) -> Method:
    return cls(parse_settings(cls.Settings, values, where="test"))  # type: ignore[call-arg]


def another(field: dataclasses.Field[Any]) -> Any:
    """An allowed value that is not the default."""
    default, limits = field.default, field.metadata
    if limits.get("choices"):
        return next(choice for choice in limits["choices"] if choice != default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        step = 1 if isinstance(default, int) else 0.01
        high = limits["high"] if limits.get("high") is not None else math.inf
        return default + step if default + step <= high else default - step
    return f"{default}x"


def missing_weights(name: str) -> str | None:
    file = NEEDS_WEIGHTS.get(name)
    return f"the weights {file} are not there yet" if file and not (WEIGHTS / file).exists() else None


def each_method(*, learned_too: bool = True) -> list[Any]:
    found = []
    for name, cls in sorted(methods.discover().items()):
        reason = missing_weights(name)
        if learned_too or name not in NEEDS_WEIGHTS:
            marks = [pytest.mark.skip(reason=reason)] if reason else []
            found.append(pytest.param(cls, id=name, marks=marks))
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("cls", each_method())
def test_contract(cls: type[Method], check: Callable[[type[Method], Pictures], None], pictures: Pictures) -> None:
    check(cls, pictures)


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


def test_a_new_file_is_a_method_and_passes(toy: type[Method], pictures: Pictures) -> None:
    assert isinstance(methods.create("toy-brightness", {"power": 2.0}), toy)
    for check in CHECKS:
        check(toy, pictures)


def test_the_toy_is_gone_again() -> None:
    assert "toy-brightness" not in methods.discover()


def test_the_checks_can_fail(toy: type[Method], pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy, "compare", lambda self, query, others: np.array([query[0] for _ in others], np.float64))
    for check in (stays_in_its_range, is_symmetric_if_it_says_so, tells_pictures_apart):
        with pytest.raises(AssertionError):
            check(toy, pictures)
