"""Pictures made by arithmetic, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from numpy.typing import NDArray

from simsearch.core.types import Image
from simsearch.testing import pictures

MakeImage = Callable[[NDArray[Any]], Image]
Texture = Callable[..., NDArray[Any]]


@pytest.fixture(scope="session")
def make_image() -> MakeImage:
    """Image of an array (height, width, 3) or (height, width)."""
    return pictures.image


@pytest.fixture(scope="session")
def texture() -> Texture:
    """Rectangles and discs of drawn colours: corners and edges enough for every method."""
    return pictures.texture
