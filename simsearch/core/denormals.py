"""Numbers too small to matter are taken for zero, because some processors take a hundred times as long over them.

Denormal numbers are those below 1.2e-38 in float32. A network's activations fade out into them, and Intel's processors
then compute each product in microcode: a convolution of 9 ms took 230 ms. Adding what they would add changes nothing
that float32 can hold. PyTorch has a switch for this; ONNX Runtime sets its own once a process, for the thread that
loads the first model and its children, which threads of a pool are not.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_SIZE, _PLACE = 32, 28
"""Bytes of C's `fenv_t` on x86-64 Linux, and where in it the control word of SSE and AVX (MXCSR) lies."""
_ZERO = 0x8040
"""Flush to zero, and denormals are zero."""
_MASKED = 0x1F80
"""No floating point exception traps: so it is in every process that did not ask for it."""


@contextmanager
def as_zero() -> Iterator[None]:
    """While it is entered, the calling thread takes denormal numbers for zero. It does nothing on other processors."""
    library = _library()
    if library is None:
        yield
        return
    before = ctypes.create_string_buffer(_SIZE)
    library.fegetenv(before)
    now = ctypes.create_string_buffer(before.raw, _SIZE)
    ctypes.c_uint32.from_buffer(now, _PLACE).value |= _ZERO
    library.fesetenv(now)
    try:
        yield
    finally:
        library.fesetenv(before)


@cache
def _library() -> Any:
    """C's library of mathematics; None where its `fenv_t` is not the one that is known here."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return None
    try:
        library = ctypes.CDLL(None)
        found = ctypes.create_string_buffer(_SIZE)
        library.fegetenv(found)
    except (OSError, AttributeError):
        return None
    word = int.from_bytes(found.raw[_PLACE:], "little")
    return library if word & _MASKED == _MASKED and word < 0x10000 else None
