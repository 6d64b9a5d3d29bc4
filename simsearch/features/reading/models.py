"""The models: PP-OCRv6 small, as they lie in the wheel of `rapidocr`, run by ONNX Runtime in float32.

Of `rapidocr` only these files are used. It is never imported: it would load what downloads models, and its pipeline
keeps state between calls.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from simsearch.core import denormals
from simsearch.core.errors import ConfigError
from simsearch.features.network import onnx_session

if TYPE_CHECKING:
    import onnxruntime

DETECTION = "PP-OCRv6_det_small.onnx"
RECOGNITION = "PP-OCRv6_rec_small.onnx"
DIGESTS = {
    DETECTION: "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    RECOGNITION: "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
}
"""SHA-256 of the files. They are part of the reader's fingerprint, so that a catalog's readings can be compared on a
machine without the reader."""

_REMEDY = "pip install 'simsearch[read]'"


def folder() -> Path | None:
    """Where the models lie; None where `rapidocr` is not installed."""
    found = importlib.util.find_spec("rapidocr")
    return Path(found.origin).parent / "models" if found and found.origin else None


def missing() -> str:
    """Why nothing can be read on this machine, and the way out; "" where the reader is installed."""
    if not onnx_session.installed() or folder() is None:
        return f"the reader of print is not installed: {_REMEDY}"
    return ""


_LOADING = Lock()


def session(name: str) -> onnxruntime.InferenceSession:
    """The model `name` of :data:`DIGESTS`, loaded once a process; any number of threads may run it at once.

    Raises:
        ConfigError: it is not installed, or its content is another one than the fingerprint says.
    """
    with _LOADING:
        return _loaded(name)


def run(name: str, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the model makes of `pictures` (n, 3, h, w), on the calling thread.

    Raises:
        ConfigError: as :func:`session`.
    """
    model = session(name)
    with denormals.as_zero():  # a third of the time on an Intel Xeon, bit for bit the same result
        return np.asarray(model.run(None, {"x": pictures})[0], np.float32)


@cache
def _loaded(name: str) -> onnxruntime.InferenceSession:
    if problem := missing():
        raise ConfigError(problem)
    place = folder()
    assert place is not None
    try:
        data = (place / name).read_bytes()
    except OSError as error:
        raise ConfigError(f"{place / name}: cannot be read ({error.strerror}); {_REMEDY}") from None
    if hashlib.sha256(data).hexdigest() != DIGESTS[name]:
        raise ConfigError(f"{place / name}: is not the model that this version reads with; {_REMEDY}")
    return onnx_session.opened(data, many_shapes=True)
