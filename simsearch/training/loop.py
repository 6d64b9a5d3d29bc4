"""The state of a training run and one step of it: network, moving average, optimiser, memory, checkpoint and log."""

from __future__ import annotations

import copy
import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from simsearch.core.errors import TrainingError
from simsearch.core.files import replacing
from simsearch.core.types import Pixels
from simsearch.features.network.frames import seen
from simsearch.features.network.network import Network, bfloat16_pays, normalise, to_input
from simsearch.training import losses
from simsearch.training.batches import Batch
from simsearch.training.folded_norms import with_folded_norms
from simsearch.training.settings import TrainSettings


class Loop:
    """Everything that a checkpoint holds, and `train_step`.

    `data` identifies the photos: a checkpoint of other photos is refused. `unsure` (classes,): whether another class
    may be the same product.
    """

    def __init__(self, settings: TrainSettings, device: torch.device, *, data: str, unsure: NDArray[np.bool_]) -> None:
        self.settings, self.device, self.data = settings, device, data
        self.unsure = torch.from_numpy(unsure).to(device)
        self.network = Network(settings.network)
        if settings.start:
            self.network.load_start(Path(settings.start))
        self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.frozen: list[nn.Module] = []
        """Modules that stay in evaluation mode: frozen stages, and batch norms that keep their statistics."""
        self.backbone: nn.Module = self.network.backbone
        if settings.start:  # a random start has nothing worth keeping
            self._freeze()
        self.average = copy.deepcopy(self.network).eval()
        self.optimiser = self._optimiser()
        self.step, self.best = 0, -1.0
        precision = settings.optimiser.precision
        self.bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays(device))
        self.neighbours: NDArray[np.int32] | None = None
        self.memory = torch.zeros(0, settings.network.embedding, device=device)
        self.memory_labels = torch.zeros(0, dtype=torch.int64, device=device)

    def _freeze(self) -> None:
        self.frozen = list(self.network.backbone.children())[: self.settings.optimiser.frozen_stages]
        for stage in self.frozen:
            stage.requires_grad_(False)
        if self.settings.optimiser.frozen_norms:
            self.frozen += [m for m in self.network.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
            if self.device.type == "cpu":
                self.backbone = with_folded_norms(self.network.backbone)

    def _optimiser(self) -> torch.optim.AdamW:
        o = self.settings.optimiser
        body = [p for p in self.network.backbone.parameters() if p.requires_grad]
        known = {id(p) for p in self.network.backbone.parameters()}
        heads = [p for p in self.network.parameters() if id(p) not in known]
        groups = [{"params": body, "peak": o.rate}, {"params": heads, "peak": o.head_rate}]
        return torch.optim.AdamW(groups, lr=o.rate, weight_decay=o.weight_decay)

    @torch.no_grad()
    def start_embedding(self, photos: Sequence[Pixels]) -> None:
        """Start the embedding from what the backbone tells apart, where `start` is a classifier that has none."""
        start = Path(self.settings.start)
        if self.step or not self.settings.start or start.suffix == ".safetensors":
            return
        architecture = replace(self.settings.network, input_size=self.settings.train_size)
        self.network.eval()
        inputs = (to_input([seen(photo, architecture)]).to(self.device) for photo in photos)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            pooled = [self.network.pool(self.backbone(one)) for one in inputs]
        self.network.start_embedding(torch.cat(pooled).cpu())
        self.average.load_state_dict(self.network.state_dict())

    def train_step(self, batch: Batch) -> dict[str, float]:
        """One step of the optimiser; the losses by name (metric, pair, surface) and their weighted sum, total."""
        o, s = self.settings.optimiser, self.settings.loss
        warm = min(1.0, (self.step + 1) / max(1, o.warmup))
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * warm * (0.5 + 0.5 * math.cos(math.pi * self.step / o.steps))
        self.network.train()
        for module in self.frozen:
            module.eval()
        labels, surfaces = batch.labels.to(self.device), batch.surfaces.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            maps = [self.backbone(normalise(views.to(self.device))) for views in batch.views]
        pooled = torch.cat([self.network.pool(each) for each in maps])[batch.order.to(self.device)]
        embeddings, surface_logits = self.network.heads(pooled)
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
        """Scalars metric, pair and surface; 0 where a loss is off or has nothing to measure."""
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
        """(n, m) similarity from which a negative is left out, as it may be the same product.

        2, never reached, where both labels are sure.
        """
        unsure = self.unsure[labels][:, None] | self.unsure[others][None, :]
        return torch.where(unsure, self.settings.loss.doubtful, 2.0)

    @torch.no_grad()
    def _move_average(self) -> None:
        # A young average would remember the random heads, so it follows faster at first.
        keep = min(self.settings.optimiser.average, (1 + self.step) / (10 + self.step))
        own = self.network.state_dict()
        for name, value in self.average.state_dict().items():
            if value.is_floating_point():
                value.lerp_(own[name], 1 - keep)
            else:
                value.copy_(own[name])

    def checkpoint(self, run: Path) -> None:
        """Replace `run/checkpoint.pt` in one step."""
        state = {
            "settings": json.dumps(asdict(self.settings)), "data": self.data, "step": self.step, "best": self.best,
            "network": self.network.state_dict(), "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(), "memory": self.memory, "memory_labels": self.memory_labels,
            "neighbours": None if self.neighbours is None else torch.from_numpy(self.neighbours),
        }  # fmt: skip
        with replacing(run / "checkpoint.pt") as part:
            torch.save(state, part)

    def resume(self, run: Path) -> None:
        """Go on from `run/checkpoint.pt` where there is one.

        Raises:
            TrainingError: it is damaged, or belongs to other settings or photos.
        """
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
        """Append a line to `run/metrics.csv`."""
        path = run / "metrics.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(row))
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.5g}" if isinstance(v, float) else v for k, v in row.items()})


def _forget_rows(path: Path, step: int) -> None:
    """Take out rows behind `step`, which are trained again, and a last row that a kill has cut short."""
    if not path.exists():
        return
    header, *rows = path.read_text(encoding="utf-8").splitlines(keepends=True) or [""]
    kept = [row for row in rows if row.endswith("\n") and int(row.split(",")[0]) <= step]
    if kept:
        path.write_text(header + "".join(kept), encoding="utf-8")
    else:
        path.unlink()
