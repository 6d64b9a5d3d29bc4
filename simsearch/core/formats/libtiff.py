"""What libtiff says while Pillow decodes: kept for the file's reason instead of printed to stderr.

libtiff has one error handler a process and calls it in the thread that decodes. Ours is installed once; it keeps what
is said in threads that listen, and hands the rest to the handler before it.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from PIL import _imaging

_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
_KEPT = 3
_heard = threading.local()
_installed: list[Any] = []
"""Handlers must not be collected. Two threads may install one each, at the same time: a lock would outlive a fork."""


@contextmanager
def listening() -> Iterator[list[str]]:
    """The first few errors that libtiff reports in this thread meanwhile."""
    _install()
    before = getattr(_heard, "messages", None)
    messages: list[str] = []
    _heard.messages = messages
    try:
        yield messages
    finally:
        _heard.messages = before


@cache
def _install() -> None:
    """Does nothing where libtiff's functions are not to be found: it prints to stderr then."""
    try:
        library = ctypes.CDLL(_imaging.__file__)  # its symbols include those of the libraries it is linked with
        library.TIFFSetErrorHandler.restype = ctypes.c_void_p
        formatter = ctypes.CDLL(None).vsnprintf
    except (OSError, AttributeError, TypeError):  # a static build; Windows
        return
    former: list[Any] = []

    def hear(module: bytes | None, template: bytes, arguments: int) -> None:
        messages = getattr(_heard, "messages", None)
        if messages is None:
            for other in former:
                other(module, template, arguments)
        elif len(messages) < _KEPT:
            text = ctypes.create_string_buffer(200)
            formatter(text, len(text), template, ctypes.c_void_p(arguments))
            messages.append(text.value.decode("utf-8", "replace"))

    _installed.append(_HANDLER(hear))
    before = library.TIFFSetErrorHandler(_installed[-1])
    if before:
        former.append(_HANDLER(before))
