"""Training, on drawn packages and a tiny network: it learns, it goes on where it was killed, it says what is wrong."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from simsearch.core.errors import ImageError, TrainingError, UsageError
from simsearch.core.types import Pixels
from simsearch.features.network.network import Network, restore, save, to_input
from simsearch.features.network.weights_file import Architecture, open_weights
from simsearch.training.augment import AugmentSettings
from simsearch.training.batches import TrainingPhoto
from simsearch.training.settings import LossSettings, OptimiserSettings, TrainSettings
from simsearch.training.trainer import train
from simsearch.training.validation import embed

MILD = AugmentSettings(
    rotation=15.0, scale_low=0.8, scale_high=1.1, perspective=0.04, background_share=0.0, occlusion_share=0.0,
    glare_share=0.0, jpeg_share=0.0, blur_share=0.1, noise_share=0.2, brightness=0.2, colour=0.05,
)  # fmt: skip
TINY = TrainSettings(
    seed=3,
    train_size=64,
    cache_side=64,
    validation_share=0.4,
    validate_every=3,
    checkpoint_every=3,
    loader_workers=0,
    network=Architecture("mobilenet_v3_small", embedding=32, input_size=64, pair_hidden=16),
    augment=MILD,
    loss=LossSettings(memory=64),
    optimiser=OptimiserSettings(
        steps=6, batch=8, rate=2e-3, head_rate=4e-3, warmup=2, frozen_stages=0, frozen_norms=False, average=0.9
    ),
)  # fmt: skip
# The batch norms of MobileNetV3 move by a hundredth a step: in so few steps they do not settle, those of ResNet do.
LEARNS = replace(
    TINY,
    network=Architecture("resnet18", embedding=32, input_size=64, pair_hidden=16),
    train_size=48,
    validate_every=15,
    loss=LossSettings(temperature=0.1),
    optimiser=replace(TINY.optimiser, steps=30, batch=16, rate=1e-3, head_rate=2e-3, warmup=5),
)


def package(product: int, photo: int) -> Pixels:
    """A box in the colours and bars of its product; light and place change from photo to photo."""
    look, scene = np.random.default_rng(product), np.random.default_rng([product, photo])
    out = np.full((64, 64, 3), scene.integers(150, 255), np.uint8)
    x, y = (int(v) for v in scene.integers(3, 12, 2))

    def colour() -> tuple[int, ...]:
        return tuple(int(c) for c in look.integers(0, 256, 3))

    cv2.rectangle(out, (x, y), (x + 48, y + 42), colour(), -1)
    for _ in range(5):
        left, top, wide, high = (int(v) for v in look.integers(2, 30, 4))
        cv2.rectangle(out, (x + left, y + top), (x + min(46, left + wide), y + min(40, top + high)), colour(), -1)
    return np.asarray(np.clip(out * scene.uniform(0.8, 1.1), 0, 255), np.uint8)


@dataclass(frozen=True)
class Load:
    """Draws when called, as a photo is read from its file."""

    product: int
    photo: int

    def __call__(self) -> Pixels:
        return package(self.product, self.photo)


def catalog(products: int, photos: int = 3, group: str = "drawn") -> list[TrainingPhoto]:
    return [
        TrainingPhoto(f"p{p:03}", Load(p, i), group, ("front", "back", "")[i % 3])
        for p in range(products)
        for i in range(photos)
    ]


def stop_at(step: int) -> Callable[[int, int, str], None]:
    """A progress callback that kills the run, as a signal would."""

    def progress(done: int, total: int, text: str) -> None:
        if done == step:
            raise KeyboardInterrupt

    return progress


def tensors(path: Path) -> Mapping[str, NDArray[Any]]:
    return open_weights(path).tensors


def r1(network: Network, photos: list[TrainingPhoto]) -> float:
    """Recall@1 of every photo among all others."""
    e = embed(network, [p.load() for p in photos], torch.device("cpu"))
    similarity = e @ e.T
    np.fill_diagonal(similarity, -2)
    owners = np.array([p.sku for p in photos])
    return float((owners[similarity.argmax(axis=1)] == owners).mean())


def steps(settings: TrainSettings, count: int) -> TrainSettings:
    return replace(settings, optimiser=replace(settings.optimiser, steps=count))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed run."""
    run = tmp_path_factory.mktemp("whole")
    train(TINY, catalog(16), run, card={"data": "drawn", "licence": "none"})
    return run


FRESH = catalog(60)[120:]
"""Of products that are not trained on."""


@pytest.fixture(scope="module")
def start_r1() -> float:
    """Recall@1 of the network before training."""
    torch.manual_seed(LEARNS.seed)
    network = Network(LEARNS.network)
    with torch.no_grad():  # the batch norms see some photos: without, the start would do worse than it can
        for _ in range(8):
            network.train()(to_input([p.load() for p in FRESH[:16]]))
    return r1(network, FRESH)


def test_training_learns(start_r1: float, tmp_path: Path) -> None:
    result = train(LEARNS, catalog(30), tmp_path)
    assert result.steps == len(result.losses) == 30
    assert np.mean(result.losses[-8:]) < 0.8 * np.mean(result.losses[:4])
    assert r1(restore(open_weights(result.weights)), FRESH) > start_r1 + 0.1
    assert result.best_r1 > 0.4


def test_what_a_run_leaves_behind(whole: Path) -> None:
    names = {p.name for p in whole.iterdir()}
    assert names == {"best.safetensors", "card.json", "checkpoint.pt", "curves.png", "metrics.csv"}
    with (whole / "metrics.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [r["step"] for r in rows] == ["3", "6"]
    assert {"total", "metric", "pair", "surface", "r1", "r1_drawn"} <= set(rows[0])
    assert all(0 <= float(r["r1"]) <= 1 for r in rows)
    curves = cv2.imread(str(whole / "curves.png"))
    assert curves is not None
    assert curves.std() > 10
    assert (curves.std(axis=2) > 20).sum() > 50  # coloured lines
    card = json.loads((whole / "card.json").read_text())
    assert card == open_weights(whole / "best.safetensors").card
    assert (card["data"], card["licence"], card["photos_refused"]) == ("drawn", "none", 0)
    assert card["products_trained"] + card["products_validated"] == 16
    assert card["photos_trained"] == 3 * card["products_trained"]
    assert card["products_validated"] >= 2
    assert card["settings"]["optimiser"]["steps"] == 6
    assert card["validation"]["r1"] == pytest.approx(max(float(r["r1"]) for r in rows), rel=1e-4)


def test_a_killed_run_goes_on_as_if_nothing_had_been(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(TINY, catalog(16), tmp_path, progress=stop_at(5))
    result = train(TINY, catalog(16), tmp_path)
    assert (result.steps, len(result.losses)) == (6, 3)
    one, two = tensors(whole / "best.safetensors"), tensors(tmp_path / "best.safetensors")
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=1e-6), name
    states = [torch.load(p / "checkpoint.pt", weights_only=True) for p in (whole, tmp_path)]
    for name, value in states[0]["network"].items():
        assert torch.allclose(states[1]["network"][name], value, atol=1e-6), name
    assert torch.equal(states[0]["memory_labels"], states[1]["memory_labels"])  # the same photos in the same order
    # Logged once, although steps 4 and 5 were done twice.
    logged = [(p / "metrics.csv").read_text().splitlines() for p in (whole, tmp_path)]
    assert [r.split(",")[0] for r in logged[1]] == ["step", "3", "6"]
    assert [r.split(",")[2:] for r in logged[0]] == [r.split(",")[2:] for r in logged[1]]


def test_mined_neighbours_survive_a_kill(tmp_path: Path) -> None:
    settings = replace(TINY, hard_share=0.5, hard_neighbours=3, mine_every=2)
    whole = train(settings, catalog(16), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(settings, catalog(16), tmp_path / "cut", progress=stop_at(5))  # the checkpoint is of step 3
    cut = train(settings, catalog(16), tmp_path / "cut")
    assert cut.losses == pytest.approx(whole.losses[3:], abs=1e-5)
    near = torch.load(tmp_path / "cut" / "checkpoint.pt", weights_only=True)["neighbours"]
    products = whole.card["products_trained"]
    assert near.shape == (products, 4)
    assert (near >= 0).any()
    assert not (near == torch.arange(products)[:, None]).any()


def test_only_unsure_labels_are_doubted(tmp_path: Path) -> None:
    """Where every likeness is doubtful, a softmax over sure labels still pushes apart; over unsure ones it cannot."""
    settings = replace(steps(TINY, 1), loss=LossSettings(doubtful=0.0, pair_weight=0.0, surface_weight=0.0))
    sure = train(replace(settings, unsure=("other",)), catalog(12), tmp_path / "sure")
    unsure = train(replace(settings, unsure=("drawn",)), catalog(12), tmp_path / "unsure")
    assert sure.losses[0] > unsure.losses[0] + 0.1


def test_rows_after_the_last_checkpoint_are_logged_anew(tmp_path: Path) -> None:
    settings = replace(steps(TINY, 6), validate_every=2, checkpoint_every=3)
    with pytest.raises(KeyboardInterrupt):
        train(settings, catalog(12), tmp_path, progress=stop_at(5))
    with (tmp_path / "metrics.csv").open("a") as stream:
        stream.write("5,0.1,0.")  # killed while it wrote
    train(settings, catalog(12), tmp_path)
    assert [r.split(",")[0] for r in (tmp_path / "metrics.csv").read_text().splitlines()] == ["step", "2", "4", "6"]


def test_a_finished_run_is_not_trained_further(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = (run / "best.safetensors").read_bytes()
    result = train(TINY, catalog(16), run)
    assert (result.steps, result.losses) == (6, ())
    assert (run / "best.safetensors").read_bytes() == before


def test_checkpoints_that_do_not_belong(whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    with pytest.raises(TrainingError, match="other settings"):
        train(replace(TINY, seed=4), catalog(16), run)
    with pytest.raises(TrainingError, match="other photos"):
        train(TINY, catalog(17), run)
    data = (run / "checkpoint.pt").read_bytes()
    for damaged in (data[: len(data) // 2], b"", b"checkpoint"):
        (run / "checkpoint.pt").write_bytes(damaged)
        with pytest.raises(TrainingError, match=r"checkpoint\.pt: is damaged"):
            train(TINY, catalog(16), run)
    torch.save({"step": 3}, run / "checkpoint.pt")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt: is damaged"):
        train(TINY, catalog(16), run)


def test_photos_that_cannot_be_read_are_counted_and_left_out(tmp_path: Path) -> None:
    def broken() -> Pixels:
        raise ImageError("truncated", "cut.jpg: the file ends before the picture does")

    photos = [*catalog(10, 1), TrainingPhoto("p000", broken, name="cut.jpg"), TrainingPhoto("gone", broken)]
    result = train(steps(TINY, 2), photos, tmp_path)
    assert [(r.where, r.code) for r in result.refusals] == [("cut.jpg", "truncated"), ("gone", "truncated")]
    assert result.card["photos_refused"] == 2
    assert (result.card["photos_trained"], result.card["products_trained"]) == (10, 10)
    with pytest.raises(
        TrainingError, match=r"fewer than two products to train on; 1 were left out, the first: cut\.jpg"
    ):
        train(steps(TINY, 2), [*catalog(1), TrainingPhoto("gone", broken)], tmp_path / "other")


def test_one_photo_a_product(tmp_path: Path) -> None:
    result = train(replace(steps(TINY, 2), validation_share=0.9), catalog(10, 1), tmp_path)
    assert isnan(result.best_r1)
    assert result.card["products_trained"] == 10
    assert len(open_weights(result.weights).tensors) > 10
    assert (tmp_path / "curves.png").stat().st_size > 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"sampling": "algorithm-2", "loss": LossSettings(metric="contrastive")},
        {"sampling": "algorithm-1", "loss": LossSettings(metric="none", pair_weight=1.0)},
        {"loss": LossSettings(metric="triplet", margin=0.2)},
        {"sampling": "algorithm-1", "loss": LossSettings(metric="softmax", memory=0)},
        {"loss": LossSettings(metric="contrastive")},
    ],
    ids=["paper's contrastive", "paper's improved", "triplet", "softmax of drawn pairs", "contrastive of mined pairs"],
)
def test_every_way_to_train(changes: dict[str, Any], tmp_path: Path) -> None:
    result = train(replace(steps(TINY, 4), **changes), catalog(12), tmp_path)
    assert np.isfinite(result.losses).all()
    assert np.isfinite(list(result.card["validation"].values())).all()


def test_the_papers_contrastive_network_learns(start_r1: float, tmp_path: Path) -> None:
    loss = LossSettings(metric="contrastive", pair_weight=0.0, surface_weight=0.0)
    result = train(replace(steps(LEARNS, 24), sampling="algorithm-2", loss=loss), catalog(30), tmp_path)
    assert r1(restore(open_weights(result.weights)), FRESH) > start_r1 + 0.1


@pytest.mark.parametrize("norms", [True, False])
def test_frozen_stages_stay_as_they_were(norms: bool, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save(Network(TINY.network), start, {})
    optimiser = replace(TINY.optimiser, steps=2, frozen_stages=4, frozen_norms=norms)
    train(replace(TINY, start=str(start), optimiser=optimiser), catalog(12), tmp_path)
    before, after = tensors(start), torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]

    def changed(name: str) -> bool:
        return not np.array_equal(after[name].numpy(), before[name].astype(np.float32))

    assert not any(changed(name) for name in before if name.startswith(tuple(f"backbone.{i}." for i in range(4))))
    assert changed("backbone.12.0.weight")
    assert changed("backbone.12.1.running_mean") != norms


def test_without_a_start_nothing_is_frozen(tmp_path: Path) -> None:
    # Frozen batch norms that never saw a photo let every embedding collapse into one.
    settings = replace(TINY, optimiser=replace(TINY.optimiser, steps=2, frozen_stages=4, frozen_norms=True))
    torch.manual_seed(settings.seed)
    before = Network(settings.network).backbone.state_dict()
    train(settings, catalog(12), tmp_path)
    after = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]
    for name in ("0.0.weight", "12.0.weight", "12.1.running_mean"):
        assert not torch.equal(after[f"backbone.{name}"], before[name])


def test_a_classifier_tells_photos_apart_before_the_first_step(tmp_path: Path) -> None:
    start = tmp_path / "classifier.pth"
    trunk = Network(TINY.network).backbone.state_dict()
    torch.save({f"features.{name}": value for name, value in trunk.items()}, start)
    settings = replace(TINY, start=str(start), optimiser=replace(TINY.optimiser, steps=1, rate=0.0, head_rate=0.0))
    photos = catalog(2 * TINY.network.embedding)
    train(settings, photos, tmp_path)
    embed_ = torch.load(tmp_path / "checkpoint.pt", weights_only=True)["network"]["embed.weight"].double()
    alike = embed_ @ embed_.T
    assert (alike - alike.diag().diag()).abs().max() < 1e-5 * alike.diag().max(), "the directions are orthogonal"


def test_a_worker_changes_nothing(whole: Path, tmp_path: Path) -> None:
    # loader_workers is part of the settings, so the run is another one; its batches are the same.
    train(replace(TINY, loader_workers=1), catalog(16), tmp_path)
    one, two = tensors(whole / "best.safetensors"), tensors(tmp_path / "best.safetensors")
    for name, value in one.items():
        assert two[name] == pytest.approx(value, abs=1e-6), name


def test_weights_of_the_sets_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="weights"):
        train(replace(TINY, weights={"drawn": 0.0}), catalog(12), tmp_path)


def test_devices(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="use auto"):
        train(TINY, catalog(12), tmp_path, device="gpu")
    assert train(steps(TINY, 1), catalog(6, 1), tmp_path, device="auto").steps == 1
