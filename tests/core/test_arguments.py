"""What callers hand to an App: one thing is taken as one, and what is none is named with the way out."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core import arguments
from simsearch.core.errors import UsageError
from simsearch.core.types import Photo

ENCODED = b"\xff\xd8..."
PHOTO = Photo("a.jpg", ENCODED)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("photo.jpg", ["photo.jpg"]), (Path("photo.jpg"), [Path("photo.jpg")]), (ENCODED, [ENCODED]),
        (bytearray(ENCODED), [ENCODED]), (memoryview(ENCODED), [ENCODED]), (PHOTO, [PHOTO]), ([], []),
        (["a", Path("b"), ENCODED, bytearray(ENCODED), PHOTO], ["a", Path("b"), ENCODED, ENCODED, PHOTO]),
        (("a", "b"), ["a", "b"]), (np.array(["a", "b"]), ["a", "b"]), (iter(["a"]), ["a"]), ({"a": 1}.keys(), ["a"]),
    ],
)  # fmt: skip
def test_photos(given: Any, taken: list[Any]) -> None:
    assert arguments.photos(given) == taken


PIXELS = np.zeros((4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "photos: None cannot be used here"), (7, "photos: an object of builtins.int cannot"),
        (Pillow.new("RGB", (4, 4)), "photos: an object of PIL.Image.Image cannot"),
        (PIXELS, "photos[0]: an object of numpy.ndarray is no photo"), (np.array(5), "photos: an object of numpy"),
        ([PIXELS], "photos[0]: an object of numpy.ndarray is no photo"), (["a", None], "photos[1]: None is no photo"),
        ([Pillow.new("RGB", (4, 4))], "photos[0]: an object of PIL.Image.Image is no photo"),
        ({"a": "b"}, "photos: an object of builtins.dict cannot"), (io.BytesIO(ENCODED), "photos: an object of _io"),
        ([io.BytesIO(ENCODED)], "photos[0]: an object of _io.BytesIO is no photo"), ([["a"]], "photos[0]: an object"),
    ],
)  # fmt: skip
def test_what_is_no_photo(given: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        arguments.photos(given)
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("give the path of an image file, its content as bytes, or Photo(name, content)")


def test_sources() -> None:
    assert arguments.sources("catalog.csv") == arguments.sources(Path("catalog.csv")) == ["catalog.csv"]
    assert arguments.sources(str(n) for n in range(2)) == ["0", "1"]
    assert arguments.sources([]) == []
    for given in (None, b"catalog.csv", 3, io.StringIO("x"), {"a": 1}, [b"x"], [None], [Path("a"), 3]):
        with pytest.raises(UsageError, match=r"^sources"):
            arguments.sources(given)


def test_conditions() -> None:
    assert arguments.conditions("form=tablet") == ["form=tablet"]
    assert arguments.conditions(("a=1", "b=2")) == ["a=1", "b=2"]
    for given in (None, b"a=1", ["a=1", 3], {"form": "tablet"}):
        with pytest.raises(UsageError, match=r"^where.*give strings, for instance"):
            arguments.conditions(given)


def test_pairs() -> None:
    one = [("a.jpg", "b.jpg")]
    for given in (("a.jpg", "b.jpg"), ["a.jpg", Path("b.jpg")], [("a.jpg", "b.jpg")], iter([["a.jpg", "b.jpg"]])):
        assert arguments.pairs(given) == one
    assert arguments.pairs([("a", "b"), ("c", "d")]) == [("a", "b"), ("c", "d")]
    assert arguments.pairs([]) == []
    for odd in ("ab", None, ["ab", "cd", "ef"], [("a",)], [("a", "b", "c")], [("a", b"b")], [("a", None)], Path("a")):
        with pytest.raises(UsageError, match=r"^pairs"):
            arguments.pairs(odd)


@pytest.mark.parametrize("given", [0, -1, 1001, 2.0, "5", True])
def test_a_count_has_bounds(given: Any) -> None:
    assert (arguments.count(None, "k"), arguments.count(1000, "k")) == (None, 1000)
    with pytest.raises(UsageError, match=r"^k: .* is no number from 1 to 1000"):
        arguments.count(given, "k")
