"""Pictures made by arithmetic, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simsearch.core.types import Image
from simsearch.testing import pictures
from tests.features import scenes

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


@pytest.fixture(scope="session")
def scene() -> NDArray[np.uint8]:
    """A photo with a border, so that turning and tilting cut nothing off."""
    return scenes.scene()
