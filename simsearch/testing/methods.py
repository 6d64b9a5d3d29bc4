"""What every method promises, as tests that a method of one's own can be held to."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.config import parse_settings
from simsearch.core.errors import DamagedDescriptor
from simsearch.core.types import Image, Surface
from simsearch.features.base import Method, MetricMethod, SurfaceMethod, pack, unpack
from simsearch.testing.pictures import image, numbers, texture

Pictures = Mapping[str, Image]


@cache
def ordinary_pictures() -> Pictures:
    """Six photos, all different, a repeated pattern among them."""
    tiles = np.kron(np.indices((12, 16)).sum(axis=0) % 2, np.ones((20, 20), np.int64)) * 255
    found = {f"texture {seed}": image(texture(seed)) for seed in range(4)}
    return found | {"tall": image(texture(9, 300, 180)), "tiles": image(tiles)}


@cache
def odd_pictures() -> Pictures:
    """Noise of extreme shapes, flat pictures and single pixels: a method must describe these too."""
    draw = numbers(5)
    shapes = [(1, 1), (1, 40), (40, 1), (2, 2), (3, 640), (640, 3), (15, 16), (640, 1), (1, 640), (16, 512)]
    found = {
        f"noise {h} x {w}": image(np.array([next(draw) % 256 for _ in range(h * w * 3)]).reshape(h, w, 3))
        for h, w in shapes
    }
    found |= {f"flat {value}": image(np.full((60, 80), value)) for value in (0, 1, 127, 255)}
    found |= {f"one pixel of {value}": image(np.full((1, 1), value)) for value in (0, 255)}
    found["a dot on black"] = image(np.pad(np.full((1, 1), 255), 30))
    found["a ramp"] = image(np.tile(np.arange(256), (16, 1)))
    return found


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


class MethodContract:
    """Holds a class that keeps to `features.base.Method` to what the seam promises.

    Inherit it in a test module, and say by the parameter `cls` which classes to test::

        @pytest.mark.parametrize("cls", [Mine])
        class TestMine(MethodContract):
            def without_effect(self, cls):
                return {"device"}

    A method that has an attribute `weights` is a trained one. The tests then ask for nothing that only exact
    arithmetic can keep: that a photo is as alike to itself as can be, or that equal photos get equal bits.
    """

    @pytest.fixture
    def pictures(self) -> Pictures:
        """The photos of the tests; at least two of them are called "texture 0" and "texture 1"."""
        return ordinary_pictures()

    def without_effect(self, cls: type[Method]) -> Collection[str]:
        """Settings that rightly leave the fingerprint alone, because they do not change what is computed."""
        return ()

    def test_says_what_it_is(self, cls: type[Method], pictures: Pictures) -> None:
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

    def test_describes_each_picture(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        found = method.describe(list(pictures.values()))
        assert len(found) == len(pictures)
        assert all(fits(descriptor, method) for descriptor in found)
        assert method.describe([]) == []

    def test_leaves_the_picture_alone(self, cls: type[Method], pictures: Pictures) -> None:
        before = {name: picture.pixels.copy() for name, picture in pictures.items()}
        make(cls).describe(list(pictures.values()))
        assert all(np.array_equal(before[name], picture.pixels) for name, picture in pictures.items())

    def test_survives_storage(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        found = method.describe([*pictures.values(), *odd_pictures().values()])
        stored = [unpack(method, pack(descriptor)) for descriptor in found]
        assert all(np.array_equal(a, b) and fits(b, method) for a, b in zip(found, stored, strict=True))
        # What comes out of the catalog is read-only, and compares as what went in.
        assert np.array_equal(method.compare(found[0], found), method.compare(stored[0], stored))
        with pytest.raises(DamagedDescriptor, match=f"an image: its {method.fingerprint} descriptor is damaged"):
            unpack(method, pack(found[0]) + b"\0")
        with pytest.raises(DamagedDescriptor, match="image 7: its "):
            unpack(method, pack(found[0]) + b"\0", 7)

    def test_finds_nothing_more_alike_than_itself(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        found = method.describe(list(pictures.values()))
        for i, descriptor in enumerate(found):
            similarities = method.compare(descriptor, found)
            assert similarities[i] >= similarities.max() - 1e-6
            if np.isfinite(method.similarity_range[1]) and not learned(method):
                assert similarities[i] == pytest.approx(method.similarity_range[1], abs=1e-6)

    def test_stays_in_its_range(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        found = method.describe(list(pictures.values()))
        for descriptor in found:
            assert inside(method.compare(descriptor, found), method, len(found))
        assert inside(method.compare(found[0], []), method, 0)

    def test_tells_pictures_apart(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        found = method.describe([pictures["texture 0"], pictures["texture 1"]])
        same, other = method.compare(found[0], found)
        assert same > other

    def test_repeats_itself(self, cls: type[Method], pictures: Pictures) -> None:
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

    def test_bears_odd_pictures(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        chosen = [*odd_pictures().values(), *pictures.values()]
        found = method.describe(chosen)
        for i, descriptor in enumerate(found):
            assert fits(descriptor, method)
            similarities = method.compare(descriptor, found)
            assert inside(similarities, method, len(found))
            if -1 not in method.shape and not learned(method):  # without keypoints there is nothing to be alike
                assert similarities[i] == pytest.approx(method.similarity_range[1], abs=1e-6)

    def test_is_symmetric_if_it_says_so(self, cls: type[Method], pictures: Pictures) -> None:
        if not getattr(cls, "symmetric", False):
            return
        method = make(cls)
        found = method.describe([*pictures.values(), *odd_pictures().values()])
        table = np.stack([method.compare(descriptor, found) for descriptor in found])
        np.testing.assert_allclose(table, table.T, rtol=0, atol=1e-6)

    def test_has_a_fingerprint_of_its_settings(self, cls: type[Method], pictures: Pictures) -> None:
        made, without_effect = {"defaults": make(cls).fingerprint}, self.without_effect(cls)
        assert make(cls).fingerprint == made["defaults"]
        for field in dataclasses.fields(cls.Settings):
            if field.name not in without_effect:
                made[field.name] = make(cls, **{field.name: another(field)}).fingerprint
        assert len(set(made.values())) == len(made)

    def test_is_indexed_in_the_order_of_compare(self, cls: type[Method], pictures: Pictures) -> None:
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

    def test_says_surfaces_beside_the_same_descriptors(self, cls: type[Method], pictures: Pictures) -> None:
        method = make(cls)
        if not isinstance(method, SurfaceMethod):
            return
        chosen = list(pictures.values())
        found = method.describe_with_surface(chosen)
        assert all(isinstance(surface, Surface) and 0 <= probability <= 1 for _, surface, probability in found)
        for (descriptor, _, _), again in zip(found, method.describe(chosen), strict=True):
            assert float(descriptor @ again) >= 0.999 if learned(method) else np.array_equal(descriptor, again)  # type: ignore[operator]

    def test_is_shared_between_threads(self, cls: type[Method], pictures: Pictures) -> None:
        method, chosen = make(cls), list(pictures.values()) * 2
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda picture: method.describe([picture])[0], chosen))
            tables = list(pool.map(lambda descriptor: method.compare(descriptor, found), found))
        assert all(fits(descriptor, method) for descriptor in found)
        for descriptor, table in zip(found, tables, strict=True):
            assert np.array_equal(table, method.compare(descriptor, found))
