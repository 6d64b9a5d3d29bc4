"""Weights of the network of pills on disk: safetensors, with the model card in the header. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from simsearch.core.errors import WeightsError
from simsearch.features.network.weights_file import MAX_BYTES, write_tensors

FORMAT = "simsearch-pills-1"
BUILT_IN = Path(__file__).parent / "pills.safetensors"


@dataclass(frozen=True)
class PillWeights:
    """One weights file, its header read."""

    path: Path
    digest: str
    """SHA-256 of the file, hex. It enters the fingerprint."""
    card: Mapping[str, Any]
    """Where the weights come from. For people."""

    @cached_property
    def tensors(self) -> dict[str, NDArray[Any]]:
        """Name -> array in half precision.

        Raises:
            WeightsError: the file is damaged.
        """
        try:
            with safe_open(str(self.path), framework="numpy") as stream:
                return {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError, ValueError, TypeError) as error:
            raise WeightsError(f"{self.path}: is a damaged weights file ({error})") from error


def open_pill_weights(path: Path = BUILT_IN) -> PillWeights:
    """The weights in `path`. Only the header is looked into yet.

    Raises:
        WeightsError: the file is missing, too large, or not of this format.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise WeightsError(f"{path}: is larger than any weights of simsearch")
        data = path.read_bytes()
        with safe_open(str(path), framework="numpy") as stream:
            header = stream.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read as a weights file ({error}); install simsearch anew") from None
    try:
        card = json.loads(header["card"])
        if header["format"] != FORMAT:
            raise ValueError(f"not of the format {FORMAT}")
    except (KeyError, ValueError, TypeError) as error:
        raise WeightsError(f"{path}: its header does not describe a network of pills ({error})") from None
    return PillWeights(path, hashlib.sha256(data).hexdigest(), card)


def write_pill_weights(path: Path, tensors: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> None:
    """Inverse of :func:`open_pill_weights`; half precision. Equal arguments give equal bytes.

    Raises:
        WeightsError: a number is not finite, or too large for half precision.
    """
    write_tensors(path, tensors, {"format": FORMAT, "card": json.dumps(card)})
