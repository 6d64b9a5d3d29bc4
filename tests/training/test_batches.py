"""Training batches: a function of seed and step, whoever makes them."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader

from simsearch.core.types import Pixels
from simsearch.features.network.weights_file import Architecture
from simsearch.training.augment import NONE
from simsearch.training.batches import Batch, Batches, TrainingPhoto, Views, held_out
from simsearch.training.settings import OptimiserSettings, TrainSettings


def photo(colour: int) -> Pixels:
    return np.full((20, 30, 3), colour, np.uint8)


def make(sampling: str = "classes", seed: int = 0) -> Batches:
    pixels = [Views(photo(10 * i)) for i in range(12)]
    photos = [
        TrainingPhoto(f"p{i // 2}", lambda: photo(0), group="a", surface="front" if i % 2 else "") for i in range(12)
    ]
    settings = TrainSettings(
        seed=seed, sampling=sampling, train_size=32, optimiser=OptimiserSettings(batch=8, steps=6), whole_share=0.0
    )
    return Batches(pixels, photos, settings)


def equal(a: Batch, b: Batch) -> bool:
    if len(a.views) != len(b.views) or not all(map(torch.equal, a.views, b.views)):
        return False
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("order", "labels", "surfaces"))


def test_shapes_and_labels() -> None:
    for sampling in ("classes", "algorithm-1", "algorithm-2"):
        batch = make(sampling)[0]
        assert [views.shape for views in batch.views] == [(8, 3, 32, 32)]
        assert batch.views[0].dtype == torch.uint8
        assert batch.labels.shape == batch.surfaces.shape == (8,)
        assert set(batch.surfaces.tolist()) <= {0, -1}
    twins = make("classes")[3].labels.reshape(-1, 2)
    assert torch.equal(twins[:, 0], twins[:, 1])
    assert len(set(twins[:, 0].tolist())) == 4
    pairs = make("algorithm-2")[3].labels.reshape(-1, 2)
    assert (pairs[:, 0] == pairs[:, 1]).sum() == 2


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    one, again, other = make(), make(), make(seed=1)
    assert equal(one[4], one[4])
    again[0]
    assert equal(one[4], again[4])
    assert not equal(one[4], one[5])
    assert not equal(one[4], other[4])


def test_workers_make_the_same_batches() -> None:
    batches = make()
    for workers in (1, 2):
        loader = DataLoader(batches, batch_size=None, sampler=[2, 3, 4, 5], num_workers=workers)
        for step, batch in zip([2, 3, 4, 5], loader, strict=True):
            assert equal(batch, batches[step])


def test_held_out_is_fixed_and_of_the_stated_share() -> None:
    skus = [f"sku-{i}" for i in range(4000)]
    apart = [held_out(s, 0.15) for s in skus]
    assert abs(np.mean(apart) - 0.15) < 0.02
    assert not any(held_out(s, 0.0) for s in skus)
    assert all(held_out(s, 0.4) for s in np.array(skus)[apart])  # a larger share adds products, it moves none
    assert [held_out(s, 0.15) for s in ("a", "b", "Ibuprofen 400")] == [False, False, False]


def test_views_have_the_shape_of_their_photo_and_keep_their_order() -> None:
    shapes = [(96, 40), (60, 60)]
    pixels = [Views(np.full((*shapes[i % 2], 3), 20 * (i // 2), np.uint8)) for i in range(12)]
    photos = [TrainingPhoto(f"p{i // 2}", lambda: photo(0)) for i in range(12)]
    settings = TrainSettings(
        train_size=64, whole_share=0.0, augment=NONE, optimiser=OptimiserSettings(batch=8, steps=6),
        network=Architecture(frames="area"),
    )  # fmt: skip
    batch = Batches(pixels, photos, settings)[0]
    assert {views.shape[1:] for views in batch.views} <= {(3, 64, 64), (3, 96, 32), (3, 32, 96), (3, 64, 96)}
    assert sum(len(views) for views in batch.views) == 8
    means = torch.cat([views.float().mean(dim=(1, 2, 3)) for views in batch.views])[batch.order]
    assert torch.equal(means.round().long() // 20, batch.labels)
