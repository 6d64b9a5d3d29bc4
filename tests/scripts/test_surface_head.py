"""The fit of the surface head, on features that are drawn; and the tables of labels."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from surface_head import (
    Labelled,
    choose_penalty,
    fit_surface_head,
    held_out_loss,
    pooled_features,
    similar_groups,
    solve,
)

from simsearch.core.types import Surface
from simsearch.features.network.network import Network
from simsearch.features.network.weights_file import SURFACES, Architecture

SCRIPTS = Path(__file__).parents[2] / "scripts"
CHANNELS = 12


def clouds(number: int = 40, spread: float = 0.6, seed: int = 0) -> Labelled:
    """Three surfaces as clouds round three corners, two photos a product, far from zero and unlike in scale."""
    rng = np.random.default_rng(seed)
    codes = np.repeat([0, 2, 4], number)
    x = np.eye(CHANNELS)[codes] + rng.normal(0, spread, (len(codes), CHANNELS))
    features = (x * np.geomspace(0.1, 10, CHANNELS) + 5).astype(np.float32)
    groups = np.arange(len(codes)) // 2
    return Labelled(features, codes.astype(np.int64), np.ones(len(codes), np.float32), groups.astype(np.int64))


def answers(photos: Labelled, l2: float = 1e-3) -> np.ndarray:
    weight, bias = solve(photos, l2)
    return np.asarray((photos.features @ weight.T + bias).argmax(axis=1))


def test_the_fit_separates_clouds_and_never_answers_a_surface_without_label() -> None:
    photos = clouds(spread=0.1)
    assert (answers(photos) == photos.surfaces).all()
    weight, bias = solve(photos, 1e-3)
    far = np.random.default_rng(1).normal(0, 1000, (500, CHANNELS)).astype(np.float32)
    absent = [i for i in range(len(SURFACES)) if i not in (0, 2, 4)]
    assert (bias[absent] < -1e3).all()
    assert (weight[absent] == 0).all()
    assert set((far @ weight.T + bias).argmax(axis=1)) <= {0, 2, 4}


def test_the_fit_is_deterministic() -> None:
    first, second = solve(clouds(), 1e-2), solve(clouds(), 1e-2)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_weights_decide_between_labels_that_contradict() -> None:
    photos = clouds(spread=0.1)
    wrong = replace(photos, surfaces=np.where(photos.surfaces == 0, 2, photos.surfaces))
    both = Labelled(
        np.concatenate([photos.features, wrong.features]),
        np.concatenate([photos.surfaces, wrong.surfaces]),
        np.concatenate([photos.weights, wrong.weights * np.float32(0.05)]),
        np.concatenate([photos.groups, np.full(len(wrong.groups), -1, np.int64)]),
    )
    assert (answers(both)[: len(photos.surfaces)] == photos.surfaces).all()
    turned = replace(both, weights=both.weights[::-1].copy())
    assert (answers(turned)[: len(photos.surfaces)] == wrong.surfaces).all()


def test_held_out_photos_are_of_products_that_were_not_fitted_on() -> None:
    """Labels that follow the product and nothing else cannot be learnt across products."""
    rng = np.random.default_rng(3)
    products = np.repeat(np.arange(60), 4)
    features = rng.normal(size=(60, CHANNELS))[products].astype(np.float32)
    codes = rng.integers(0, 2, 60)[products].astype(np.int64)
    photos = Labelled(features, codes, np.ones(240, np.float32), products.astype(np.int64))
    mixed = replace(photos, groups=np.arange(240, dtype=np.int64))
    assert held_out_loss(photos, 1e-3)[1] < 0.65
    assert held_out_loss(mixed, 1e-3)[1] > held_out_loss(photos, 1e-3)[1]
    assert held_out_loss(photos, 1e-3)[0] > held_out_loss(mixed, 1e-3)[0]


def test_a_surface_with_hardly_a_photo_does_not_count() -> None:
    photos = clouds()
    odd = replace(photos, surfaces=np.where(np.arange(120) < 3, 6, photos.surfaces), weights=photos.weights.copy())
    common = odd.part(np.arange(120) >= 3)
    assert held_out_loss(odd, 1e-2)[0] == pytest.approx(held_out_loss(common, 1e-2)[0], rel=0.35)


def test_the_penalty_follows_the_noise() -> None:
    assert choose_penalty(clouds(12, spread=2.0), (1e-5, 1e-1)) == 1e-1
    assert choose_penalty(clouds(60, spread=0.2), (1e-3, 10.0)) == 1e-3


def test_only_the_surface_head_changes() -> None:
    network = Network(Architecture(embedding=16, input_size=64, pair_hidden=4))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    pictures = [np.random.default_rng(i).integers(0, 256, (40, 60, 3), dtype=np.uint8) for i in range(6)]
    features = pooled_features(network, pictures)
    assert features.shape == (6, network.surface.in_features)
    assert pooled_features(network, []).shape == (0, network.surface.in_features)
    photos = Labelled(features, np.array([0, 1, 2] * 2), np.ones(6, np.float32), np.arange(6))
    fit_surface_head(network, photos, l2=1e-2)
    changed = {k for k, v in network.state_dict().items() if not v.equal(before[k])}
    assert changed == {"surface.weight", "surface.bias"}


def test_similar_photos_fall_into_one_group_through_others() -> None:
    angles = np.radians([0, 15, 30, 120, 130, 240])
    groups = similar_groups(np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32), 0.93)
    assert len(set(groups[:3])) == 1
    assert groups[3] == groups[4]
    assert len(set(groups)) == 3


@pytest.mark.parametrize(("name", "least"), [("surface_labels.csv", 200), ("surface_training_labels.csv", 600)])
def test_tables_name_each_photo_once_with_a_known_surface(name: str, least: int) -> None:
    with (SCRIPTS / name).open(encoding="utf-8", newline="") as stream:
        records = list(csv.DictReader(stream))
    assert len(records) >= least
    assert max(Counter(r["image"] for r in records).values()) == 1
    assert {r["surface"] for r in records} <= {s.value for s in Surface} - {"unknown"}


def test_no_product_is_both_trained_on_and_measured() -> None:
    def products(name: str) -> set[str]:
        with (SCRIPTS / name).open(encoding="utf-8", newline="") as stream:
            images = [r["image"] for r in csv.DictReader(stream)]
        return {i.rpartition("/" if i.startswith("boxes/") else "-")[0] for i in images if "unlabelled" not in i}

    measured, trained = products("surface_labels.csv"), products("surface_training_labels.csv")
    assert len(measured) > 100
    assert len(trained) > 500
    assert not measured & trained
