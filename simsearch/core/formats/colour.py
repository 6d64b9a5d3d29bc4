"""Colours as a browser shows them: embedded profiles are brought to sRGB.

A picture without a profile is taken for sRGB, and so is one whose profile is damaged or made for another kind of
picture. The conversion is littlecms's, with the perceptual intent, as Pillow's `ImageCms` does it by default.
"""

from __future__ import annotations

import io
import math
import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageCms

from simsearch.core.types import Pixels

LARGEST = 8_000_000
"""Bytes of the largest profile that is looked at. Profiles of presses have 0.5 to 3 MB."""

BT709 = (0.3127, 0.3290, 0.640, 0.330, 0.300, 0.600, 0.150, 0.060)
"""x and y of white, red, green and blue: the primaries of sRGB."""
_BT2020 = (0.3127, 0.3290, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
_P3 = (0.3127, 0.3290, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
_PRIMARIES = {1: BT709, 9: _BT2020, 12: _P3}  # code points of ITU-T H.273
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_CURVES: dict[int, tuple[float, ...]] = {4: (2.2,), 5: (2.8,), 8: (1.0,)}
_CURVES |= dict.fromkeys((1, 6, 13, 14, 15), _SRGB_CURVE)

_SAME = 2
"""Levels of 255 within which a profile counts as sRGB: then pixels stay as they are, and cost nothing."""


def srgb(pixels: Pixels, profile: bytes, *, grey: bool) -> Pixels:
    """RGB or grey `pixels` of that profile in sRGB; the same array where nothing is to do."""
    space = profile[16:20]
    if not profile or space not in (b"RGB ", b"GRAY") or (space == b"GRAY" and not grey):
        return pixels
    if space == b"GRAY":
        table = _grey_table(profile)
        return pixels if table is None else np.asarray(table[pixels[..., 0]], dtype=np.uint8)
    transform = _transform(profile, "RGB")
    if transform is None:
        return pixels
    return np.asarray(transform.apply(Pillow.fromarray(pixels)), dtype=np.uint8)


def ink_to_rgb(image: Pillow.Image, profile: bytes) -> Pillow.Image:
    """A CMYK or Lab image as RGB. CMYK without a profile of its own is converted as browsers do, by multiplication."""
    transform = _transform(profile if image.mode == "CMYK" else b"", image.mode)
    return image.convert("RGB") if transform is None else transform.apply(image)


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where the profile cannot be used, or changes nothing. A transform may be applied by several threads."""
    space = {"RGB": b"RGB ", "CMYK": b"CMYK", "L": b"GRAY"}.get(mode)
    if space and (profile[16:20] != space or len(profile) > LARGEST):
        return None
    try:
        source = io.BytesIO(profile) if space else ImageCms.createProfile("LAB")
        target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        found = ImageCms.ImageCmsTransform(ImageCms.ImageCmsProfile(source), target, mode, "RGB")
        return None if mode == "RGB" and _changes_nothing(found) else found
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _changes_nothing(transform: ImageCms.ImageCmsTransform) -> bool:
    steps = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(27, 27, 3)
    changed = np.asarray(transform.apply(Pillow.fromarray(colours)), dtype=np.int16)
    return bool(np.abs(changed - colours).max() <= _SAME)


@lru_cache(maxsize=16)
def _grey_table(profile: bytes) -> NDArray[np.uint8] | None:
    """RGB of each of 256 grey levels, shape (256, 3)."""
    transform = _transform(profile, "L")
    if transform is None:
        return None
    ramp = Pillow.fromarray(np.arange(256, dtype=np.uint8)[None])
    table: NDArray[np.uint8] = np.asarray(transform.apply(ramp), dtype=np.uint8)[0]
    return table


def of_code_points(primaries: int, curve: int) -> bytes:
    """The profile of a picture that names its colours by the code points of ITU-T H.273; empty for those of HDR."""
    if primaries not in _PRIMARIES or curve not in _CURVES or (primaries == 1 and _CURVES[curve] == _SRGB_CURVE):
        return b""
    return _built(_PRIMARIES[primaries], _CURVES[curve])


def of_gamma(gamma: float, primaries: tuple[float, ...]) -> bytes:
    """The profile of a picture whose values are light to the power of `gamma`; empty for what cannot be or is sRGB."""
    usual = abs(gamma - 1 / 2.2) < 0.01 and np.allclose(primaries, BT709, atol=0.002)
    if usual or not 0.1 <= gamma <= 5:
        return b""
    return _built(primaries, (1 / gamma,))


def in_boxes(data: bytes) -> bytes:
    """The profile that the first `colr` box of an AVIF or HEIC names by code points."""
    at = data.find(b"colrnclx", 0, 65536)
    if at < 0 or at + 12 > len(data):
        return b""
    return of_code_points(*struct.unpack(">HH", data[at + 8 : at + 12]))


@lru_cache(maxsize=16)
def _built(primaries: tuple[float, ...], curve: tuple[float, ...]) -> bytes:
    """An ICC profile of version 4: primaries, adapted to the white of D50 as Bradford does, and one curve for all."""
    matrix = _to_d50(primaries)
    if matrix is None:
        return b""
    tags = {b"wtpt": _xyz(_D50)} | {name: _xyz(matrix[:, i]) for i, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    body = struct.pack(">4sIHH", b"para", 0, 0 if len(curve) == 1 else 3, 0) + _fixed(curve)
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), body)
    head = bytes(8) + b"\4\0\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28) + _fixed(_D50) + bytes(48)
    table, content = struct.pack(">I", len(tags)), b""
    for name, tag in tags.items():
        table += name + struct.pack(">II", 132 + 12 * len(tags) + len(content), len(tag))
        content += tag
    return struct.pack(">I", len(head) + len(table) + len(content)) + head[4:] + table + content


_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def _to_d50(primaries: tuple[float, ...]) -> NDArray[np.float64] | None:
    """The matrix from linear RGB to XYZ, shape (3, 3); None for primaries that span no colours."""
    xy = np.asarray(primaries, np.float64).reshape(4, 2)
    if not (xy[:, 1] > 1e-4).all():
        return None
    white, *corners = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]], axis=1)
    columns = np.stack(corners, axis=1)
    if abs(np.linalg.det(columns)) < 1e-6 or not (_BRADFORD @ white > 1e-6).all():
        return None
    matrix = columns * np.linalg.solve(columns, white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / (_BRADFORD @ white)) @ _BRADFORD @ matrix
    return adapted if np.abs(adapted).max() < 30_000 else None


def _fixed(values: tuple[float, ...] | NDArray[np.float64]) -> bytes:
    """ICC's s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(math.floor(value * 65536 + 0.5) for value in values))


def _xyz(values: tuple[float, ...] | NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(values)
