"""Training settings: the shipped configs are valid, and what they leave out has a default."""

from __future__ import annotations

import pytest

from simsearch.core.config import parse_settings, read_toml
from simsearch.core.resources import resource_dir
from simsearch.training.augment import with_strategy
from simsearch.training.settings import TrainSettings

CONFIGS = sorted(resource_dir("configs").glob("siamese*.toml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_shipped_configs_are_valid(path: object) -> None:
    assert len(CONFIGS) >= 4, "the glob of this test misses configs"
    tables = with_strategy(read_toml(path), where=str(path))  # type: ignore[arg-type]
    settings = parse_settings(TrainSettings, tables, where=str(path))
    assert settings.optimiser.batch % 2 == 0
    assert set(settings.unsure) <= set(settings.weights)
