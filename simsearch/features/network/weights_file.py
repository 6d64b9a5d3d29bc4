"""Weights on disk: safetensors with the architecture and the model card in the header. Needs no torch.

What only compares stored embeddings (the pair head) runs from here in NumPy, so that it starts at once.
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

FORMAT = "simsearch-siamese-1"
MAX_BYTES = 1_000_000_000
BUILT_IN = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class Architecture:
    """What a network is made of; stored with its weights."""

    backbone: str = "mobilenet_v2"
    embedding: int = setting(256, low=8, high=512)
    input_size: int = setting(224, low=64, high=512)
    pair_hidden: int = setting(128, low=1, high=4096)


@dataclass(frozen=True)
class Weights:
    """One weights file, its header read."""

    path: Path
    digest: str
    """sha256 of the file, hex: part of the fingerprint of all that the weights compute."""
    architecture: Architecture
    card: Mapping[str, Any]

    @cached_property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """Name -> array, half precision as stored."""
        try:
            with safe_open(str(self.path), framework="numpy") as stream:
                return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError, ValueError, TypeError) as error:  # TypeError: a dtype that NumPy lacks
            raise WeightsError(f"{self.path}: is a damaged weights file ({error})") from error

    @cached_property
    def pair_head(self) -> PairHead:
        """The pair head alone."""
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

    |f1 - f2| of unit vectors shrinks with sqrt(d); it is scaled back so that the layers see numbers of order 1.
    """

    hidden: NDArray[np.float32]
    hidden_bias: NDArray[np.float32]
    out: NDArray[np.float32]
    out_bias: NDArray[np.float32]

    def logits(self, a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings (n, d) or (d,) against (n, d): (n,), before the sigmoid."""
        difference = np.abs(a - b)
        difference *= np.float32(self.hidden.shape[1] ** 0.5)
        inner = difference @ self.hidden.T + self.hidden_bias
        return np.asarray(np.maximum(inner, 0) @ self.out[0] + self.out_bias, dtype=np.float32)


def open_weights(path: Path) -> Weights:
    """The weights in `path`.

    Raises:
        WeightsError: missing, too large, no safetensors, of another format, or without a sensible architecture.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise WeightsError(f"{path}: has {size} bytes, more than any weights of simsearch")
        data = path.read_bytes()
    except OSError as error:
        hint = "set methods.siamese.weights to a weights file, or to '' for the built-in"
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); {hint}") from None
    try:
        with safe_open(str(path), framework="numpy") as stream:
            header = stream.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: is no safetensors file, or a damaged one ({error})") from None
    if header.get("format") != FORMAT:
        found = header.get("format")
        raise WeightsError(f"{path}: is of format {found!r}, not {FORMAT}; train anew with `simsearch train`")
    try:
        table, card = json.loads(header["architecture"]), json.loads(header.get("card", "{}"))
        if not isinstance(table, dict) or not isinstance(card, dict):
            raise TypeError("architecture and card must be tables")
        architecture = parse_settings(Architecture, table, where="architecture")
    except (ConfigError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path}: its header does not describe a network ({error})") from None
    return Weights(path, hashlib.sha256(data).hexdigest(), architecture, card)


def write_weights(
    path: Path, tensors: Mapping[str, NDArray[Any]], architecture: Architecture, card: Mapping[str, Any]
) -> None:
    """Inverse of :func:`open_weights`; floating-point tensors are stored in half precision.

    Equal tensors, architecture and card give equal bytes, and so an equal digest.

    Raises:
        WeightsError: a number that is not finite, or too large for half precision.
    """
    with np.errstate(over="ignore"):
        halves = {k: v.astype(np.float16) if v.dtype.kind == "f" else v for k, v in tensors.items()}
    odd = [k for k, v in halves.items() if not np.isfinite(v).all()]
    if odd:
        raise WeightsError(f"{path}: {odd[0]} holds numbers that half precision cannot; the training has diverged")
    header = {"format": FORMAT, "architecture": json.dumps(asdict(architecture)), "card": json.dumps(card)}
    data = serialise(halves, metadata=header)
    # safetensors writes the header's entries in an order that changes from call to call.
    size = int.from_bytes(data[:8], "little")
    text = json.dumps(json.loads(data[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
