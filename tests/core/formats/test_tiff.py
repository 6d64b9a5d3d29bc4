"""Of a TIFF the page that is the picture; what libtiff says of it becomes the reason."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from simsearch.core import images
from simsearch.core.config import ImageSettings
from simsearch.core.errors import ImageError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def pages(*of: tuple[NDArray[np.uint8], int | None], big: bool = False) -> bytes:
    """Each an array, and its NewSubfileType."""
    made = []
    for values, subfile in of:
        image = Pillow.fromarray(values)
        image.encoderinfo = {"tiffinfo": {} if subfile is None else {254: subfile}}
        made.append(image)
    stream = io.BytesIO()
    options = {"save_all": True, "append_images": made[1:], "big_tiff": big}
    made[0].save(stream, "TIFF", tiffinfo=made[0].encoderinfo["tiffinfo"], **options)
    return stream.getvalue()


def width(data: bytes) -> int:
    return images.decode(data, ImageSettings(), "test").width


SMALL, FULL = np.full((12, 16, 3), 60, np.uint8), np.full((120, 160, 3), 200, np.uint8)
OTHER = np.full((300, 160, 3), 200, np.uint8)


@pytest.mark.parametrize("big", [False, True])
def test_the_full_page_counts(big: bool) -> None:
    assert width(pages((SMALL, 1), (FULL, 0), big=big)) == 160
    assert width(pages((SMALL, None), (FULL, None), big=big)) == 160
    assert width(pages((FULL, None), (SMALL, 1), big=big)) == 160
    assert width(pages((FULL, None), (FULL // 2, None), big=big)) == 160


def test_of_several_pages_the_first() -> None:
    found = images.decode(pages((FULL, 2), (FULL // 2, 2), (OTHER, 2)), ImageSettings())
    assert (found.height, found.pixels[0, 0, 0]) == (120, 200)
    assert width(pages((SMALL, None), (OTHER, None))) == 16


def test_directories_in_a_circle_end() -> None:
    data = bytearray(pages((FULL, None)))
    at = struct.unpack_from("<I", data, 4)[0]
    count = struct.unpack_from("<H", data, at)[0]
    data[at + 2 + 12 * count : at + 6 + 12 * count] = struct.pack("<I", at)
    assert width(bytes(data)) == 160


def fax(seed: int) -> bytes:
    stream = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 256, (64, 64)).astype(np.uint8)
    Pillow.fromarray(noise).convert("1").save(stream, "TIFF", compression="group4")
    data = bytearray(stream.getvalue())
    middle = len(data) // 3
    data[middle : middle + 200] = np.random.default_rng(seed).bytes(200)
    return bytes(data)


def outcome(data: bytes) -> str:
    try:
        return images.decode(data, ImageSettings(), "test").sha256
    except ImageError as error:
        return str(error)


def test_what_libtiff_says_is_the_reason(capfd: pytest.CaptureFixture[str]) -> None:
    said = [outcome(fax(seed)) for seed in range(20)]
    assert sum("the image data is damaged (" in text and "at line" in text for text in said) > 10
    assert capfd.readouterr() == ("", "")


def test_each_thread_hears_of_its_own_file(capfd: pytest.CaptureFixture[str]) -> None:
    files = [fax(seed) for seed in range(12)] + [pages((FULL, None))] * 4
    alone = [outcome(data) for data in files]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, files * 5)) == alone * 5
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(os.name != "posix", reason="needs libtiff's functions")
def test_others_in_the_process_still_hear_libtiff() -> None:
    code = """
import io, sys
from PIL import Image
from simsearch.core import images
from simsearch.core.config import ImageSettings
data = sys.stdin.buffer.read()
try:
    images.decode(data, ImageSettings())
except images.ImageError:
    pass
sys.stderr.write("now ours\\n"); sys.stderr.flush()
Image.open(io.BytesIO(data)).load()
"""
    root = Path(images.__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, input=fax(0), capture_output=True, check=True)
    before, after = ran.stderr.split(b"now ours\n")
    assert (before, b"Fax4Decode" in after) == (b"", True)
