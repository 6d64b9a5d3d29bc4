"""Named arrays in one file, mapped when it is opened: the layout of safetensors, which holds no code.

Eight bytes with the length of a JSON header, the header (name -> type, shape, first and last byte), the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simsearch.core.errors import GenerationError
from simsearch.indexes.stored_file import REPAIR

_TYPES: dict[str, type[np.integer[Any]]] = {"U8": np.uint8, "U32": np.uint32, "I32": np.int32, "I64": np.int64}
_LONGEST_HEADER = 2**16
_AT_ONCE = 2**20
"""Numbers that are written at once."""


def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays`, block by block: they may be mapped from a file and larger than memory. Widest types come first.

    Raises:
        GenerationError: the file cannot be written.
    """
    order = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))
    header, end = {}, 0
    for name in order:
        start, end = end, end + arrays[name].nbytes
        [code] = (code for code, dtype in _TYPES.items() if arrays[name].dtype == dtype)
        header[name] = {"dtype": code, "shape": arrays[name].shape, "data_offsets": (start, end)}
    said = json.dumps(header, separators=(",", ":")).encode()
    said += b" " * (-len(said) % 8)  # so that numbers of eight bytes lie at multiples of eight
    try:
        with path.open("wb") as stream:
            stream.write(len(said).to_bytes(8, "little") + said)
            for name in order:
                flat = arrays[name].reshape(-1)
                for start in range(0, len(flat), _AT_ONCE):
                    stream.write(np.ascontiguousarray(flat[start : start + _AT_ONCE]).data)
    except OSError as error:
        raise GenerationError(
            f"{path}: cannot be written ({error}); check the folder and the free disk space"
        ) from error


def read(path: Path, wanted: Mapping[str, tuple[type[np.integer[Any]], int]]) -> dict[str, NDArray[Any]]:
    """Map the arrays `wanted`: name -> type and number of dimensions. They cannot be changed.

    Raises:
        GenerationError: the file is damaged, or holds other arrays.
    """
    try:
        data = np.memmap(path, np.uint8, "r")
        length = int(data[:8].view("<u8")[0])
        start = 8 + length
        if length > _LONGEST_HEADER or start > len(data):
            raise ValueError("its header is longer than it")
        header = json.loads(data[8:start].tobytes())
        return {name: _array(data[start:], header[name], *kind) for name, kind in wanted.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise GenerationError(f"{path}: is no index of text, or a damaged one ({error}); {REPAIR}") from None


def _array(
    data: NDArray[np.uint8], entry: Mapping[str, Any], dtype: type[np.integer[Any]], dimensions: int
) -> NDArray[Any]:
    first, last = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if _TYPES.get(entry["dtype"]) is not dtype or len(shape) != dimensions or not 0 <= first <= last <= len(data):
        raise ValueError("an array of another type, shape or size")
    return np.asarray(data[first:last].view(dtype).reshape(shape))


def foreign(path: Path, wanted: str) -> GenerationError:
    """The error for a file whose arrays do not fit each other. `wanted`: what it should be."""
    return GenerationError(f"{path}: is not {wanted}; {REPAIR}")
