"""Weights of the network of pills on disk: safetensors, with the model card in the header. Needs no torch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from simsearch.core.errors import WeightsError
from simsearch.features.network.weights_file import read_header, read_tensors, write_tensors

FORMAT = "simsearch-pills-1"
BUILT_IN = Path(__file__).parent / "pills.safetensors"
"""Of the faces' embeddings."""
IMPRINTS = Path(__file__).parent / "imprint.safetensors"
"""Of the reader of imprints."""


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
        return read_tensors(self.path)


def open_pill_weights(path: Path = BUILT_IN) -> PillWeights:
    """The weights in `path`. Only the header is looked into yet.

    Raises:
        WeightsError: the file is missing, too large, or not of this format.
    """
    header, digest = read_header(path, FORMAT, missing="install simsearch anew", other="install simsearch anew")
    try:
        card = json.loads(header["card"])
    except (KeyError, ValueError) as error:
        raise WeightsError(f"{path}: its header does not describe a network of pills ({error})") from None
    return PillWeights(path, digest, card)


def write_pill_weights(path: Path, tensors: Mapping[str, NDArray[Any]], card: Mapping[str, Any]) -> None:
    """Inverse of :func:`open_pill_weights`; half precision. Equal arguments give equal bytes.

    Raises:
        WeightsError: a number is not finite, or too large for half precision.
    """
    write_tensors(path, tensors, {"format": FORMAT, "card": json.dumps(card)})
