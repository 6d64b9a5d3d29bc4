"""Weights on disk: safetensors with architecture, surfaces and model card in the header. Needs no torch.

Comparing stored embeddings needs only the pair head. It runs from here in NumPy, so that it starts at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as serialise

from simsearch.core.config import parse_settings, setting
from simsearch.core.errors import ConfigError, WeightsError
from simsearch.core.files import replace
from simsearch.core.types import Surface

FORMAT = "simsearch-siamese-1"
MAX_BYTES = 1_000_000_000
BUILT_IN = Path(__file__).parent / "weights"
SURFACES: tuple[Surface, ...] = (
    Surface.FRONT,
    Surface.BACK,
    Surface.SIDE,
    Surface.TOP,
    Surface.PILLS,
    Surface.BOTTLE,
    Surface.OTHER,
)
"""Rows of the surface head, in order. Never reorder: files without names, as the shipped ones, have their rows so."""


@dataclass(frozen=True)
class Architecture:
    """Backbone and sizes of a network; stored with its weights."""

    backbone: str = "mobilenet_v2"
    embedding: int = setting(256, low=8, high=512)
    input_size: int = setting(224, low=64, high=512)
    pair_hidden: int = setting(128, low=1, high=4096)
    frames: str = setting("square", choices=("square", "area"))
    """Shapes of the input: a square of `input_size`, or the one of its area that fits the photo (`frames`)."""


@dataclass(frozen=True)
class Weights:
    """One weights file, its header read."""

    path: Path
    digest: str
    """SHA-256 of the file, hex. It enters the fingerprint of everything that the weights compute."""
    architecture: Architecture
    card: Mapping[str, Any]
    """Where the weights come from: data, training, results. For people."""
    surfaces: tuple[Surface, ...] = SURFACES
    """Rows of the surface head in the file, in order."""

    @cached_property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """Name -> array in half precision; the rows of the surface head in the order of :data:`SURFACES`.

        Raises:
            WeightsError: the file is damaged.
        """
        found = read_tensors(self.path)
        return found if self.surfaces == SURFACES else {**found, **self._surface_head(found)}

    def _surface_head(self, tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        order = [self.surfaces.index(surface) for surface in SURFACES]
        head = {name: rows for name, rows in tensors.items() if name.startswith("surface.")}
        if any(rows.shape[:1] != (len(order),) for rows in head.values()):
            raise WeightsError(f"{self.path}: its surface head does not fit the surfaces that its header names")
        return {name: rows[order] for name, rows in head.items()}

    @cached_property
    def pair_head(self) -> PairHead:
        """The pair head alone, in float32.

        Raises:
            WeightsError: it is missing, of another shape or not finite.
        """
        try:
            names = ("pair.0.weight", "pair.0.bias", "pair.2.weight", "pair.2.bias")
            parts = [self.tensors[name].astype(np.float32) for name in names]
        except KeyError as error:
            raise WeightsError(f"{self.path}: has no pair head ({error} is missing)") from None
        hidden, embedding = self.architecture.pair_hidden, self.architecture.embedding
        if [part.shape for part in parts] != [(hidden, embedding), (hidden,), (1, hidden), (1,)]:
            raise WeightsError(f"{self.path}: its pair head does not fit its architecture")
        if not all(np.isfinite(part).all() for part in parts):
            raise WeightsError(f"{self.path}: holds numbers that are not finite")
        return PairHead(*parts)


@dataclass(frozen=True)
class PairHead:
    """The paper's verification: sigmoid(w2 . relu(W1 |f1 - f2| sqrt(d) + b1) + b2).

    |f1 - f2| of unit vectors shrinks with sqrt(d). Multiplying by sqrt(d) gives the layers numbers of order 1.
    """

    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    out_bias: NDArray[np.float32]

    def logits(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n,), before the sigmoid, of embeddings (n, d) or (d,) against (n, d)."""
        difference = np.abs(a - b)
        difference *= np.float32(self.hidden.shape[1] ** 0.5)
        inner = difference @ self.hidden.T + self.hidden_bias
        return np.asarray(np.maximum(inner, 0) @ self.out[0] + self.out_bias, dtype=np.float32)


def read_header(path: Path, format_: str, *, missing: str, other: str) -> tuple[Mapping[str, str], str]:
    """The header of a file of weights, and the SHA-256 of the file, hex.

    Args:
        path: of a safetensors file.
        format_: what its header has to name as its format.
        missing: what to do where it cannot be read.
        other: what to do where it is of another format.

    Raises:
        WeightsError: the file is missing, too large, no safetensors or of another format.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WeightsError(f"{path}: has {size} bytes, more than any weights of simsearch")
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {missing}") from None
    try:
        with safe_open(str(path), framework="numpy") as stream:
            header = stream.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: is no safetensors file, or a damaged one ({error})") from None
    if header.get("format") != format_:
        raise WeightsError(f"{path}: is of format {header.get('format')!r}, not {format_}; {other}")
    return header, hashlib.sha256(data).hexdigest()


def read_tensors(path: Path) -> dict[str, NDArray[Any]]:
    """Name -> array, of a safetensors file.

    Raises:
        WeightsError: the file is damaged.
    """
    try:
        with safe_open(str(path), framework="numpy") as stream:
            return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, TypeError) as error:  # TypeError: a dtype that NumPy lacks
        raise WeightsError(f"{path}: is a damaged weights file ({error})") from error


def open_weights(path: Path) -> Weights:
    """The weights in `path`. Only the header is looked into yet.

    Raises:
        WeightsError: the file is missing, too large, no safetensors or of another format, or its header does not
            describe a network of simsearch.
    """
    header, digest = read_header(
        path,
        FORMAT,
        missing="set methods.siamese.weights to a weights file, or to '' for the built-in",
        other="train anew with `simsearch train`",
    )
    try:
        table, card = json.loads(header["architecture"]), json.loads(header.get("card", "{}"))
        if not isinstance(table, dict) or not isinstance(card, dict):
            raise TypeError("architecture and card must be tables")
        architecture = parse_settings(Architecture, table, where="architecture")
    except (ConfigError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: its header does not describe a network ({error})") from None
    return Weights(path, digest, architecture, card, _surfaces(path, header))


def _surfaces(path: Path, header: Mapping[str, str]) -> tuple[Surface, ...]:
    """The surfaces that the header names; files written before it named them have the order of :data:`SURFACES`."""
    if "surfaces" not in header:
        return SURFACES
    try:
        names = json.loads(header["surfaces"])
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its header does not name its surfaces ({error})") from None
    if not isinstance(names, list):
        raise WeightsError(f"{path}: its header does not name its surfaces in a list")
    known = {surface.value: surface for surface in SURFACES}
    for name in names:
        if name not in list(known):  # a list: a name that is no string need not be hashable
            raise WeightsError(f"{path}: tells the surface {name!r}, which simsearch does not know")
    if sorted(names) != sorted(known):
        raise WeightsError(f"{path}: must name each surface once ({', '.join(known)})")
    return tuple(known[name] for name in names)


def write_weights(
    path: Path, tensors: Mapping[str, NDArray[Any]], architecture: Architecture, card: Mapping[str, Any]
) -> None:
    """Inverse of :func:`open_weights`. Floating-point tensors are stored in half precision.

    Equal tensors, architecture and card give equal bytes, and so an equal digest.

    Raises:
        WeightsError: a number is not finite, or too large for half precision.
    """
    header = {
        "format": FORMAT,
        "architecture": json.dumps(asdict(architecture)),
        "surfaces": json.dumps([surface.value for surface in SURFACES]),
        "card": json.dumps(card),
    }
    write_tensors(path, tensors, header)


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]], header: Mapping[str, str]) -> None:
    """Tensors in half precision as safetensors with `header`; equal arguments give equal bytes.

    Raises:
        WeightsError: a number is not finite, or too large for half precision.
    """
    with np.errstate(over="ignore"):
        # In C order: safetensors writes an array's memory as it lies, and channels_last weights lie otherwise.
        halves = {k: np.ascontiguousarray(v, np.float16 if v.dtype.kind == "f" else None) for k, v in tensors.items()}
    odd = [k for k, v in halves.items() if not np.isfinite(v).all()]
    if odd:
        raise WeightsError(f"{path}: {odd[0]} holds numbers that half precision cannot; the training has diverged")
    data = serialise(halves, metadata=dict(header))
    # safetensors writes the entries of its header in an order that changes from call to call.
    size = int.from_bytes(data[:8], "little")
    text = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    replace(path, len(text).to_bytes(8, "little") + text + data[8 + size :])
