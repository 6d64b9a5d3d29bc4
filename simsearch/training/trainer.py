"""`simsearch train`: seeded, resumable, on CPU or GPU.

A run lives in one folder: `checkpoint.pt` (state of everything, replaced atomically), `metrics.csv`,
`curves.png`, `best.safetensors` (by validation R@1, with the model card in its header) and `card.json`.
"""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

from simsearch.core.config import setting
from simsearch.core.errors import ImageError, TrainingError
from simsearch.core.files import replace, replacing
from simsearch.core.threads import SingleThreaded, in_threads
from simsearch.features.network.network import Network, bfloat16_pays, normalise, pick_device, save
from simsearch.features.network.weights_file import Architecture
from simsearch.training import losses
from simsearch.training.augment import AugmentSettings
from simsearch.training.batches import Batch, Batches, TrainingPhoto, Views, held_out
from simsearch.training.folded_norms import lean
from simsearch.training.validation import Validation, draw_curves, embed


@dataclass(frozen=True)
class LossSettings:
    """Which losses, and how much of each."""

    metric: str = setting("softmax", choices=("softmax", "contrastive", "triplet", "none"))
    temperature: float = setting(0.07, low=0.001, high=10.0)
    margin: float = setting(2.0, low=0.0, high=10.0)
    memory: int = setting(0, low=0, high=1_000_000)
    doubtful: float = setting(2.0, low=0.0, high=2.0)
    pair_weight: float = setting(0.5, low=0.0)
    surface_weight: float = setting(0.2, low=0.0)


@dataclass(frozen=True)
class OptimiserSettings:
    """AdamW with warm-up and cosine decay, and an exponential moving average of the weights."""

    steps: int = setting(2000, low=1)
    batch: int = setting(64, low=4, high=8192)
    rate: float = setting(1.5e-4, low=0.0)
    head_rate: float = setting(1e-3, low=0.0)
    weight_decay: float = setting(0.02, low=0.0)
    warmup: int = setting(100, low=0)
    frozen_stages: int = setting(4, low=0)
    frozen_norms: bool = True
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    average: float = setting(0.998, low=0.0, high=0.99999)


@dataclass(frozen=True)
class TrainSettings:
    """A training config, one TOML file."""

    name: str = "network"
    seed: int = setting(0, low=0)
    start: str = ""
    sampling: str = setting("classes", choices=("classes", "algorithm-1", "algorithm-2"))
    weights: Mapping[str, float] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()
    hard_share: float = setting(0.0, low=0.0, high=0.9)
    hard_neighbours: int = setting(20, low=1, high=1000)
    mine_every: int = setting(500, low=1)
    train_size: int = setting(192, low=32, high=512)
    cache_side: int = setting(288, low=32, high=1023)
    whole_share: float = setting(0.2, low=0.0, high=1.0)
    rearranged_share: float = setting(0.0, low=0.0, high=1.0)
    validation_share: float = setting(0.15, low=0.0, high=0.9)
    validate_every: int = setting(200, low=1)
    checkpoint_every: int = setting(100, low=1)
    loader_workers: int = setting(1, low=0, high=64)
    rendered_products: int = setting(0, low=0, high=100_000)
    rendered_photos: int = setting(2, low=1, high=100)
    network: Architecture = field(default_factory=Architecture)
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    augment_pills: AugmentSettings = field(default_factory=AugmentSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    optimiser: OptimiserSettings = field(default_factory=OptimiserSettings)


@dataclass(frozen=True)
class TrainResult:
    """What a run reached."""

    weights: Path
    steps: int
    best_r1: float
    """Validation R@1 over all sets, 0 to 1; nan where nothing could be validated."""
    losses: tuple[float, ...]
    """Total loss of every step of this process's part of the run."""
    card: Mapping[str, Any]


Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all and a short text."""


def train(
    settings: TrainSettings,
    photos: Sequence[TrainingPhoto],
    run: Path,
    *,
    device: str = "cpu",
    progress: Progress = lambda done, total, text: None,
    card: Mapping[str, Any] | None = None,
) -> TrainResult:
    """Train until `optimiser.steps`, going on from `run/checkpoint.pt` where there is one.

    Raises:
        TrainingError: fewer than two products can be read, or the checkpoint belongs to other settings.
    """
    run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(settings.seed)
    chosen = pick_device(device)
    cache, kept, refused = _read(photos, settings.cache_side)
    # A product with one photo has nothing to validate with, and so is always trained on.
    count: dict[str, int] = {}
    for p in kept:
        count[p.sku] = count.get(p.sku, 0) + 1
    aside = [count[p.sku] > 1 and held_out(p.sku, settings.validation_share) for p in kept]
    trained = [i for i, a in enumerate(aside) if not a]
    if len({kept[i].sku for i in trained}) < 2:
        raise TrainingError(
            f"{len(kept)} readable photos leave fewer than two products to train on; {refused} were refused"
        )
    try:
        batches = Batches(
            [cache[i] for i in trained], [kept[i] for i in trained], augment=settings.augment,
            augment_pills=settings.augment_pills, hard_share=settings.hard_share, size=settings.train_size,
            batch=settings.optimiser.batch, sampling=settings.sampling, unsure=settings.unsure,
            weights=settings.weights, seed=settings.seed, steps=settings.optimiser.steps,
            whole_share=settings.whole_share, rearranged_share=settings.rearranged_share,
        )  # fmt: skip
    except ValueError as error:
        raise TrainingError(str(error)) from None
    loop = _Loop(settings, chosen, data=_digest(kept), unsure=batches.unsure)
    loop.resume(run)
    facts = {
        **(card or {}), "name": settings.name, "photos_trained": len(trained),
        "products_trained": len({kept[i].sku for i in trained}), "photos_refused": refused,
        # Without the folder of the start: a card travels, and says nothing of the machine it was made on.
        "settings": {**asdict(settings), "start": Path(settings.start).name},
        "products_validated": len({p.sku for p, a in zip(kept, aside, strict=True) if a}),
    }  # fmt: skip
    validation = Validation.of(kept, [views.seen for views in cache], aside)
    history: list[float] = []
    started, total = time.perf_counter(), settings.optimiser.steps
    for step, batch in _stream(batches, loop, settings):
        loss = loop.train_step(batch)
        history.append(loss["total"])
        done = step + 1
        progress(done, total, f"loss {np.mean(history[-20:]):.3f}")
        if done % settings.validate_every == 0 or done == total:
            figures = validation.run(loop.average, settings.network.input_size, loop.device)
            loop.log(run, {"step": done, "seconds": round(time.perf_counter() - started, 1), **loss, **figures})
            if figures.get("r1", 0.0) >= loop.best or not figures:
                loop.best = figures.get("r1", 0.0)
                facts |= {"step": done, "validation": figures}
                with replacing(run / "best.safetensors") as part:
                    save(loop.average, part, dict(facts))
                replace(run / "card.json", json.dumps(facts, indent=2) + "\n")
        if done % settings.checkpoint_every == 0 or done == total:
            loop.checkpoint(run)
    draw_curves(run)
    best = loop.best if validation.queries else float("nan")
    return TrainResult(run / "best.safetensors", loop.step, best, tuple(history), facts)


def _read(photos: Sequence[TrainingPhoto], side: int) -> tuple[list[Views], list[TrainingPhoto], int]:
    def read(photo: TrainingPhoto) -> Views | None:
        try:
            return Views.of(photo, side)
        except ImageError:
            return None  # counted in the card and in the message of the caller

    with SingleThreaded():
        read_all = in_threads(read, photos)
    kept = [photo for photo, views in zip(photos, read_all, strict=True) if views]
    return [views for views in read_all if views], kept, len(photos) - len(kept)


def _digest(photos: Sequence[TrainingPhoto]) -> str:
    rows = [(p.sku, p.group, p.surface) for p in photos]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _stream(batches: Batches, loop: _Loop, settings: TrainSettings) -> Iterator[tuple[int, Batch]]:
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


def _neighbours(batches: Batches, loop: _Loop, settings: TrainSettings) -> NDArray[np.int32]:
    """Of each class the most similar others by one photo each, as the averaged network sees them now, (classes, k).

    Where labels may be incomplete, what is more similar than `loss.doubtful` is left out (-1): it is likely the same
    product.
    """
    import faiss

    images = batches.images
    photos = [batches.pixels[int(images.order[start])].seen for start in images.starts]
    embeddings = embed(loop.average, photos, settings.train_size, loop.device)
    index = faiss.IndexFlatIP(embeddings.shape[1])
    index.add(embeddings)
    similarities, ids = index.search(embeddings, min(settings.hard_neighbours + 1, len(embeddings)))
    itself = ids == np.arange(len(ids))[:, None]
    unsure = batches.unsure[:, None] | batches.unsure[ids]
    return np.where(itself | (unsure & (similarities >= settings.loss.doubtful)), -1, ids).astype(np.int32)


def _quiet_worker(worker: int) -> None:
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


class _Loop:
    """Network, its average, optimiser and memory: all that a checkpoint holds."""

    def __init__(self, settings: TrainSettings, device: torch.device, *, data: str, unsure: NDArray[np.bool_]) -> None:
        self.settings, self.device, self.data = settings, device, data
        self.unsure = torch.from_numpy(unsure).to(device)
        self.network = Network(settings.network)
        if settings.start:
            self.network.load_start(Path(settings.start))
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Only what was learned before is worth keeping: without a start nothing is frozen.
        stages = list(self.network.backbone.children())
        self.frozen: list[nn.Module] = stages[: settings.optimiser.frozen_stages] if settings.start else []
        for stage in self.frozen:
            stage.requires_grad_(False)
        self.backbone: nn.Module = self.network.backbone
        if settings.start and settings.optimiser.frozen_norms:
            self.frozen += [m for m in self.network.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
            if device.type == "cpu":
                self.backbone = lean(self.network.backbone)
        self.average = copy.deepcopy(self.network).eval()
        body = [p for p in self.network.backbone.parameters() if p.requires_grad]
        known = {id(p) for p in self.network.backbone.parameters()}
        heads = [p for p in self.network.parameters() if id(p) not in known]
        o = settings.optimiser
        self.optimiser = torch.optim.AdamW(
            [{"params": body, "peak": o.rate}, {"params": heads, "peak": o.head_rate}],
            lr=o.rate,
            weight_decay=o.weight_decay,
        )
        self.step, self.best = 0, -1.0
        self.bfloat16 = o.precision == "bfloat16" or (o.precision == "auto" and bfloat16_pays(device))
        self.neighbours: NDArray[np.int32] | None = None
        self.memory = torch.zeros(0, settings.network.embedding, device=device)
        self.memory_labels = torch.zeros(0, dtype=torch.int64, device=device)

    def train_step(self, batch: Batch) -> dict[str, float]:
        o, s = self.settings.optimiser, self.settings.loss
        warm = min(1.0, (self.step + 1) / max(1, o.warmup))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * warm * (0.5 + 0.5 * math.cos(math.pi * self.step / o.steps))
        self.network.train()
        for module in self.frozen:
            module.eval()
        labels, surfaces = batch.labels.to(self.device), batch.surfaces.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            maps = self.backbone(normalise(batch.pixels.to(self.device)))
        embeddings, surface_logits = self.network.heads(maps)
        parts = self._losses(embeddings, labels, surface_logits, surfaces)
        total = parts["metric"] + s.pair_weight * parts["pair"] + s.surface_weight * parts["surface"]
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._move_average()
        if s.metric == "softmax" and s.memory:
            self.memory = torch.cat([embeddings.detach(), self.memory])[: s.memory]
            self.memory_labels = torch.cat([labels, self.memory_labels])[: s.memory]
        return {"total": total.item(), **{k: v.item() for k, v in parts.items()}}

    def _losses(
        self, embeddings: Tensor, labels: Tensor, surface_logits: Tensor, surfaces: Tensor
    ) -> dict[str, Tensor]:
        s, zero = self.settings.loss, embeddings.new_zeros(())
        doubtful = self._limits(labels, labels)
        if self.settings.sampling == "classes":
            a, b, same = losses.mined_pairs(embeddings, labels, doubtful)
        else:
            a = torch.arange(0, len(labels), 2, device=labels.device)
            b, same = a + 1, labels[a] == labels[a + 1]
        metric = zero
        if s.metric == "softmax":
            limits = self._limits(labels, torch.cat([labels, self.memory_labels]))
            metric = losses.softmax(embeddings, labels, s.temperature, self.memory, self.memory_labels, limits)
        elif s.metric == "triplet":
            metric = losses.batch_hard_triplet(embeddings, labels, s.margin)
        elif s.metric == "contrastive":
            metric = losses.contrastive(embeddings[a], embeddings[b], same, s.margin)
        pair = losses.pair_cross_entropy(self.network.pair_logits(embeddings[a], embeddings[b]), same)
        known = surfaces >= 0
        surface = nn.functional.cross_entropy(surface_logits[known], surfaces[known]) if known.any() else zero
        return {"metric": metric, "pair": pair, "surface": surface}

    def _limits(self, labels: Tensor, others: Tensor) -> Tensor:
        """(n, m) similarities from which a "negative" is left out; where both labels are sure, none is."""
        unsure = self.unsure[labels][:, None] | self.unsure[others][None, :]
        return torch.where(unsure, self.settings.loss.doubtful, 2.0)

    @torch.no_grad()
    def _move_average(self) -> None:
        # The young average would remember the random heads: it follows faster at first.
        keep = min(self.settings.optimiser.average, (1 + self.step) / (10 + self.step))
        own = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - keep)
            else:
                value.copy_(own[name])

    def checkpoint(self, run: Path) -> None:
        state = {
            "settings": json.dumps(asdict(self.settings)), "data": self.data, "step": self.step, "best": self.best,
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "memory": self.memory, "memory_labels": self.memory_labels,
            "neighbours": None if self.neighbours is None else torch.from_numpy(self.neighbours),
        }  # fmt: skip
        with replacing(run / "checkpoint.pt") as part:
            torch.save(state, part)

    def resume(self, run: Path) -> None:
        path = run / "checkpoint.pt"
        if path.exists():
            try:
                state = torch.load(path, map_location=self.device, weights_only=True)
                known = {"settings": state["settings"], "photos": state["data"]}
            except Exception as error:  # torch raises whatever its zip, pickle and tensor readers raise
                raise TrainingError(f"{path}: is damaged ({type(error).__name__}); remove it to start anew") from error
            for what, own in (("settings", json.dumps(asdict(self.settings))), ("photos", self.data)):
                if known[what] != own:
                    hint = "choose another --run folder, or remove it to start anew"
                    raise TrainingError(f"{path}: belongs to other {what}; {hint}")
            self.step, self.best = int(state["step"]), float(state["best"])
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.memory, self.memory_labels = state["memory"], state["memory_labels"]
            near = state.get("neighbours")
            self.neighbours = None if near is None else near.cpu().numpy()
        _forget_rows(run / "metrics.csv", self.step)

    def log(self, run: Path, row: Mapping[str, float]) -> None:
        path = run / "metrics.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(row))
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def _forget_rows(path: Path, step: int) -> None:
    # What was logged after the last checkpoint is done again, and a kill may have cut the last row short.
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    kept = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= step]
    if kept:
        path.write_text(header + "".join(kept), encoding="utf-8")
    else:
        path.unlink()
