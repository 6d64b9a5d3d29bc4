"""`simsearch train`: seeded, resumable, on CPU or GPU.

A run lives in one folder: `checkpoint.pt` (the whole state, replaced atomically), `metrics.csv`, `curves.png`,
`best.safetensors` (the best by validation R@1, with the model card in its header) and `card.json`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from simsearch.core.errors import ImageError, TrainingError
from simsearch.core.files import replace, replacing
from simsearch.core.text import refused_in_words
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.core.types import Progress, Refusal, silent
from simsearch.features.network.network import pick_device, save
from simsearch.training.batches import Batch, Batches, TrainingPhoto, Views, held_out
from simsearch.training.loop import Loop
from simsearch.training.settings import TrainSettings
from simsearch.training.validation import Validation, draw_curves, embed

_START_PHOTOS = 2048
"""About so many photos say what the embedding starts from: eight times its components."""


@dataclass(frozen=True)
class TrainResult:
    """What a run reached."""

    weights: Path
    steps: int
    best_r1: float
    """Validation R@1 over all sets, 0 to 1; nan where nothing could be validated."""
    losses: tuple[float, ...]
    """Total loss of each step that this process did."""
    card: Mapping[str, Any]
    refusals: tuple[Refusal, ...] = ()
    """Rows and photos that were left out."""
    calibration: Path | None = None
    """The calibration beside the weights; None where none could be fitted."""
    not_calibrated: str = ""
    """Why there is no calibration."""


def train(
    settings: TrainSettings,
    photos: Sequence[TrainingPhoto],
    run: Path,
    *,
    device: str = "cpu",
    progress: Progress = silent,
    card: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Train until `optimiser.steps`, going on from `run/checkpoint.pt` where there is one.

    Raises:
        TrainingError: fewer than two products can be read, or the checkpoint belongs to other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    chosen = pick_device(device)
    data = _read(photos, settings)
    trained = [i for i, aside in enumerate(data.aside) if not aside]
    if len({data.photos[i].sku for i in trained}) < 2:
        words = refused_in_words(data.refusals)
        raise TrainingError(f"{len(data.photos)} readable photos leave fewer than two products to train on{words}")
    try:
        batches = Batches([data.views[i] for i in trained], [data.photos[i] for i in trained], settings)
    except ValueError as error:
        raise TrainingError(str(error)) from None
    loop = Loop(settings, chosen, data=_digest(data.photos), unsure=batches.unsure)
    loop.resume(run)
    loop.start_embedding([data.views[i].seen for i in trained[:: max(1, len(trained) // _START_PHOTOS)]])
    validation = Validation.of(data.photos, [views.seen for views in data.views], data.aside)
    facts = {**(card or {}), **_facts(settings, data)}
    losses = _train(loop, batches, validation, run, facts, progress)
    draw_curves(run)
    best = loop.best if validation.queries else float("nan")
    return TrainResult(run / "best.safetensors", loop.step, best, tuple(losses), facts, data.refusals)


def _train(
    loop: Loop, batches: Batches, validation: Validation, run: Path, facts: dict[str, Any], progress: Progress
) -> list[float]:
    """All steps, with validation and checkpoints between them; the total losses. `facts` gets step and validation."""
    settings, total = loop.settings, len(batches)
    losses: list[float] = []
    started = time.perf_counter()
    for step, batch in _stream(batches, loop, settings):
        loss = loop.train_step(batch)
        losses.append(loss["total"])
        done = step + 1
        progress(done, total, f"loss {np.mean(losses[-20:]):.3f}")
        if done % settings.validate_every == 0 or done == total:
            figures = validation.run(loop.average, loop.device)
            loop.log(run, {"step": done, "seconds": round(time.perf_counter() - started, 1), **loss, **figures})
            if figures.get("r1", 0.0) >= loop.best or not figures:
                loop.best = figures.get("r1", 0.0)
                facts |= {"step": done, "validation": figures}
                _save_best(loop, run, facts)
        if done % settings.checkpoint_every == 0 or done == total:
            loop.checkpoint(run)
    return losses


def _save_best(loop: Loop, run: Path, facts: Mapping[str, Any]) -> None:
    with replacing(run / "best.safetensors") as part:
        save(loop.average, part, dict(facts))
    replace(run / "card.json", json.dumps(facts, indent=2) + "\n")


# -- data ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Data:
    """The photos that could be read."""

    views: list[Views]
    photos: list[TrainingPhoto]
    aside: list[bool]
    """Whether the photo is held out for validation."""
    refusals: tuple[Refusal, ...]


def _read(photos: Sequence[TrainingPhoto], settings: TrainSettings) -> _Data:
    def read(photo: TrainingPhoto) -> Views | Refusal:
        try:
            return Views.of(photo, settings.cache_side)
        except ImageError as error:
            return Refusal(photo.name or photo.sku, error.code, str(error))

    with SingleThreaded():
        found = in_threads(read, photos)
    kept = [photo for photo, views in zip(photos, found, strict=True) if isinstance(views, Views)]
    # A product with one photo has nothing to validate with, and so is always trained on.
    count: dict[str, int] = {}
    for p in kept:
        count[p.sku] = count.get(p.sku, 0) + 1
    aside = [count[p.sku] > 1 and held_out(p.sku, settings.validation_share) for p in kept]
    refusals = tuple(refusal for refusal in found if isinstance(refusal, Refusal))
    return _Data([views for views in found if isinstance(views, Views)], kept, aside, refusals)


def _digest(photos: Sequence[TrainingPhoto]) -> str:
    rows = [(p.sku, p.group, p.surface) for p in photos]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _facts(settings: TrainSettings, data: _Data) -> dict[str, Any]:
    """Settings and counts, for the model card."""
    marked = list(zip(data.photos, data.aside, strict=True))
    return {
        "name": settings.name, "photos_trained": data.aside.count(False),
        "products_trained": len({p.sku for p, aside in marked if not aside}), "photos_refused": len(data.refusals),
        # Without the folder of the start: a card travels, and says nothing of the machine it was made on.
        "settings": {**asdict(settings), "start": Path(settings.start).name},
        "products_validated": len({p.sku for p, aside in marked if aside}),
    }  # fmt: skip


def _stream(batches: Batches, loop: Loop, settings: TrainSettings) -> Iterator[tuple[int, Batch]]:
    """Steps and their batches. Between two minings the workers see one state of the neighbours."""
    every = settings.mine_every if settings.hard_share else len(batches)
    while loop.step < len(batches):
        if settings.hard_share and loop.step and loop.step % every == 0:
            loop.neighbours = _neighbours(batches, loop, settings)
        batches.neighbours = loop.neighbours
        steps = range(loop.step, min(len(batches), (loop.step // every + 1) * every))
        loader = DataLoader(
            batches, batch_size=None, sampler=list(steps), num_workers=settings.loader_workers,
            worker_init_fn=_quiet_worker, prefetch_factor=4 if settings.loader_workers else None,
        )  # fmt: skip
        yield from zip(steps, loader, strict=True)


def _neighbours(batches: Batches, loop: Loop, settings: TrainSettings) -> NDArray[np.int32]:
    """(classes, k) the classes most similar to each class, by one photo each and the averaged network.

    -1 marks the class itself, and where labels may be incomplete a class whose similarity reaches `loss.doubtful`: it
    is likely the same product.
    """
    images = batches.images
    photos = [batches.views[int(images.order[start])].seen for start in images.starts]
    embeddings = embed(loop.average, photos, loop.device, size=settings.train_size)
    similarities, ids = _nearest(torch.from_numpy(embeddings).to(loop.device), settings.hard_neighbours + 1)
    itself = ids == np.arange(len(ids))[:, None]
    unsure = batches.unsure[:, None] | batches.unsure[ids]
    return np.where(itself | (unsure & (similarities >= settings.loss.doubtful)), -1, ids).astype(np.int32)


def _nearest(embeddings: Tensor, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Cosines and places (n, k) of the k most similar of n embeddings, itself among them; fewer where n is less."""
    found = [(block @ embeddings.T).topk(min(k, len(embeddings)), dim=1) for block in torch.split(embeddings, 1024)]
    return torch.cat([f.values for f in found]).cpu().numpy(), torch.cat([f.indices for f in found]).cpu().numpy()


def _quiet_worker(worker: int) -> None:
    """One thread in a data-loader process: the processes are the parallelism."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
