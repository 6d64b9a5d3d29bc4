"""The settings of a training: one TOML file, tables `network`, `augment`, `augment_pills`, `loss` and `optimiser`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simsearch.core.config import setting
from simsearch.features.network.weights_file import Architecture
from simsearch.training.augment import AugmentSettings


@dataclass(frozen=True)
class LossSettings:
    """Which losses, and the weight of each."""

    metric: str = setting("softmax", choices=("softmax", "contrastive", "triplet", "none"))
    temperature: float = setting(0.07, low=0.001, high=10.0)
    """Of the softmax."""
    margin: float = setting(2.0, low=0.0, high=10.0)
    """Of the contrastive and the triplet loss."""
    memory: int = setting(0, low=0, high=1_000_000)
    """Embeddings of earlier batches that the softmax compares with too."""
    doubtful: float = setting(2.0, low=0.0, high=2.0)
    """Cosine from which two images of different classes may be one product, where a label is unsure; 2: never."""
    pair_weight: float = setting(0.5, low=0.0)
    surface_weight: float = setting(0.2, low=0.0)


@dataclass(frozen=True)
class OptimiserSettings:
    """AdamW with warm-up and cosine decay, and an exponential moving average of the weights."""

    steps: int = setting(2000, low=1)
    batch: int = setting(64, low=4, high=8192)
    """Views a step."""
    rate: float = setting(1.5e-4, low=0.0)
    """Peak learning rate of the backbone."""
    head_rate: float = setting(1e-3, low=0.0)
    """Peak learning rate of the heads."""
    weight_decay: float = setting(0.02, low=0.0)
    warmup: int = setting(100, low=0)
    """Steps until the peak."""
    frozen_stages: int = setting(4, low=0)
    """First stages of the backbone that are not trained; none where there is no `start`."""
    frozen_norms: bool = True
    """Whether batch norms keep the statistics of `start`."""
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    average: float = setting(0.998, low=0.0, high=0.99999)
    """Share of the average that stays in each step."""


@dataclass(frozen=True)
class TrainSettings:
    """A training config, one TOML file."""

    name: str = "network"
    seed: int = setting(0, low=0)
    start: str = ""
    """Weights to go on from: a simsearch or torchvision file."""
    sampling: str = setting("classes", choices=("classes", "algorithm-1", "algorithm-2"))
    """How batches are drawn: see `pairs`."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Set of photos -> weight in the draw of classes; 1 where it is not named."""
    unsure: tuple[str, ...] = ()
    """Sets whose labels may be incomplete; all where none is named."""
    hard_share: float = setting(0.0, low=0.0, high=0.9)
    """Share of a batch that looks like the rest of it (hard negatives)."""
    hard_neighbours: int = setting(20, low=1, high=1000)
    mine_every: int = setting(500, low=1)
    """Steps between two searches for hard negatives."""
    train_size: int = setting(192, low=32, high=512)
    """Side of a view, in pixels."""
    cache_side: int = setting(288, low=32, high=1023)
    """Longer side of the photos that are held in memory, in pixels."""
    whole_share: float = setting(0.2, low=0.0, high=1.0)
    """Share of the views of loose pills that show the whole photo instead of the crop to the pills."""
    rearranged_share: float = setting(0.0, low=0.0, high=1.0)
    """Share of the crops to pills that copy-paste augmentation lays out anew."""
    validation_share: float = setting(0.15, low=0.0, high=0.9)
    """Share of the products that are held out."""
    validate_every: int = setting(200, low=1)
    checkpoint_every: int = setting(100, low=1)
    loader_workers: int = setting(1, low=0, high=64)
    rendered_products: int = setting(0, low=0, high=100_000)
    rendered_photos: int = setting(2, low=1, high=100)
    """Of each rendered product."""
    network: Architecture = field(default_factory=Architecture)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    augment_pills: AugmentSettings = field(default_factory=AugmentSettings)
    """Of photos of loose pills."""
    loss: LossSettings = field(default_factory=LossSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)
