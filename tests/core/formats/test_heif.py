"""HEIC: what libheif decoded, without copies, on a bounded number of threads."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from simsearch.core import threads
from simsearch.core.formats import heif
from simsearch.core.threads import stay_on_this_thread

pillow_heif = pytest.importorskip("pillow_heif")


def file(mode: str, size: tuple[int, int], **options: Any) -> bytes:
    """A HEIC of noise; `size`: width and height."""
    heif.available()
    pixels = np.random.default_rng(3).integers(0, 256, (size[1], size[0], len(mode)), np.uint8)
    stream = io.BytesIO()
    Pillow.fromarray(pixels.squeeze(), mode).save(stream, "HEIF", quality=80, **options)
    return stream.getvalue()


@pytest.mark.parametrize("size", [(64, 48), (101, 67), (333, 211), (1001, 40)])
@pytest.mark.parametrize("options", [{}, {"tile_size": 128}])
def test_pixels_are_those_that_pillow_gives(size: tuple[int, int], options: dict[str, Any]) -> None:
    """Rows in libheif's memory are longer than the picture is wide."""
    data = file("RGB", size, **options)
    found = heif.pixels(heif.opened(data))
    assert found is not None
    assert np.array_equal(found, np.asarray(heif.opened(data)))
    assert not found.flags.writeable or not found.flags.owndata


def test_transparency_is_left_to_pillow() -> None:
    assert heif.pixels(heif.opened(file("RGBA", (64, 64)))) is None


def test_a_file_cut_short_is_an_error_and_no_picture() -> None:
    data = file("RGB", (256, 256))
    with pytest.raises((SyntaxError, EOFError, ValueError, OSError, RuntimeError)):
        heif.pixels(heif.opened(data[: len(data) // 2]))


def test_threads_are_as_many_as_the_caller_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 5)
    data = file("RGB", (64, 64))
    heif.opened(data)
    assert pillow_heif.options.DECODE_THREADS == 5

    with ThreadPoolExecutor(1, initializer=stay_on_this_thread) as pool:
        pool.submit(heif.opened, data).result()
    assert pillow_heif.options.DECODE_THREADS == 1
