"""What the tests of commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Shape = Callable[[Any], Any]


@pytest.fixture
def shape() -> Shape:
    """Types of a JSON value; of a list, those of its first entry."""

    def of(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: of(part) for key, part in value.items()}
        return [of(value[0])] if isinstance(value, list) and value else type(value)

    return of
