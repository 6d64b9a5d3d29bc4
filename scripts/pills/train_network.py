"""Train the network that looks at pills: simsearch/features/pills/pills.safetensors.

    for join in "" --people-join; do PYTHONPATH=. OMP_NUM_THREADS=2 python scripts/pills/train_network.py \\
        ../shared/data/rximage.csv --start ../shared/data/pretrained/mobilenet_v2_imagenet_fp16.pth \\
        --people ../shared/data/nlmphotos.csv --run /tmp/pills --out simsearch/features/pills/pills.safetensors $join
    done

First, for `EARLY` steps, studio photos of the split train are learned from, shown as composites (`composites`); then,
with `--people-join`, two thirds of the looks that people photographed and their photos, too. A batch is of one shape:
both faces of some pills and one face again, and faces with another imprint (`views`). What is learned:

- which of all faces it is: softmax over the cosines to a vector for each face, with a margin (CosFace: Wang et al.,
  CVPR 2018), from the means of the start on;
- the marks of the imprint, characters and pairs: the register does not say on which face they are. The evidence of all
  cells of both faces adds up to 1 - exp(-sum), the probability that a mark is there (noisy or: Viola, Platt, Zhang
  2005). Of written imprints it is known in which cell. This head is not shipped: it reads too little;
- whether it is the right way up.

A run that was ended is taken up again from its last checkpoint.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from composites import plain
from cutouts import placed, rows
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from views import SEED, Batch, Batches, Taken, World, key, split_off

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.features.network.network import Network, fold, normalise
from simsearch.features.network.weights_file import Architecture
from simsearch.features.pills.looks import EMBEDDING
from simsearch.features.pills.network import CELLS, PillNetwork
from simsearch.features.pills.outlines import pills_in
from simsearch.features.pills.weights import write_pill_weights

EARLY, STEPS = 800, 1200
"""Steps without people's photos, and in all."""
FROZEN = 4
"""Layers of the backbone that keep their start: edges look the same everywhere."""
RATES = {"backbone": 3e-4, "heads": 2e-3, "faces": 6e-4, "embed": 2e-4}
SCALE, MARGIN = 24.0, 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path, help="table of studio photos, with split, look_id, view and imprint")
    parser.add_argument("--start", type=Path, required=True, help="MobileNetV2 trained on ImageNet, a state dict")
    parser.add_argument("--people", type=Path, required=True, help="table of people's photos, with split and look_id")
    parser.add_argument("--people-join", action="store_true", help="the second part, with their photos")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, help="where this part ends")
    asked = parser.parse_args()
    asked.run.mkdir(parents=True, exist_ok=True)
    world = World.of(asked.studio, asked.people, joined=asked.people_join)
    print(f"{len(world.faces)} faces, {len(world.classes)} classes, {len(world.marks)} marks", flush=True)
    trainer = Trainer(world, asked.start, asked.run / "checkpoint.pt")
    if asked.people_join:
        trainer.join(asked.people, asked.studio)
    trainer.run(asked.steps or (STEPS if asked.people_join else EARLY))
    trainer.write(asked.out)


class Taught(PillNetwork):
    """The network with the head that learns to read."""

    def __init__(self, marks: int) -> None:
        super().__init__()
        self.marks = nn.Conv2d(CELLS, marks, 1)
        nn.init.normal_(self.marks.weight, 0.0, 0.01)
        self.marks.bias = nn.Parameter(torch.full((marks,), -7.0))  # a mark is rare

    @classmethod
    def started(cls, path: Path, marks: int) -> Taught:
        """With ImageNet's backbone."""
        whole, network = Network(Architecture()), cls(marks)
        whole.load_start(path)
        network.backbone = fold(whole.backbone.eval())
        return network


class Trainer:
    """The network, what it learns with, and where it stands."""

    def __init__(self, world: World, start: Path, file: Path) -> None:
        torch.manual_seed(SEED)
        self.world, self.file, self.step = world, file, 0
        self.network = Taught.started(start, len(world.marks)).to(memory_format=torch.channels_last)
        assert isinstance(self.network.backbone, nn.Sequential)
        self.stem = self.network.backbone[:FROZEN]
        for part in self.stem.parameters():
            part.requires_grad_(False)
        self.learned = {k: v for k, v in self.network.named_parameters() if v.requires_grad}
        kept = torch.load(file, weights_only=True) if file.exists() else None
        if kept:
            self.network.load_state_dict(kept["network"])
            self.step = kept["step"]
        self.average = kept["average"] if kept else {k: v.detach().clone() for k, v in self.learned.items()}
        self.faces = nn.Parameter(self._vectors(kept["faces"] if kept else None))
        groups: dict[str, list[Any]] = {"backbone": [], "heads": [], "faces": [self.faces], "embed": []}
        for name, value in self.learned.items():
            groups[name.split(".")[0] if name.startswith(("backbone", "embed")) else "heads"].append(value)
        self.optimiser = torch.optim.AdamW(
            [{"params": groups[n], "weight_decay": 0.01 if n in ("backbone", "heads") else 0.0} for n in RATES],
            betas=(0.9, 0.99),
        )
        if kept and len(kept["faces"]) == len(self.faces):
            self.optimiser.load_state_dict(kept["optimiser"])

    @torch.no_grad()
    def _vectors(self, known: Tensor | None) -> Tensor:
        """(classes, EMBEDDING): the `known` ones, and of the others the means of what the network makes of them.

        Where none is known, `embed` first becomes the principal components.
        """
        new = [f for f in self.world.faces if known is None or self.world.classes[key(f)] >= len(known)]
        pooled = torch.zeros(len(new), self.network.embed.in_features)
        for i, face in enumerate(new):
            pooled[i] = self._pooled([plain(self.world.stored[face.wide][face.at], face.wide)])[0]
        if known is None:
            Network.start_embedding(self.network, pooled)  # type: ignore[arg-type]
        classes = torch.tensor([self.world.classes[key(face)] for face in new], dtype=torch.long)
        sums = torch.zeros(len(self.world.classes), EMBEDDING)
        sums.index_add_(0, classes, self.network.heads(pooled)[0])
        if known is not None:
            sums[: len(known)] = known
        return functional.normalize(sums, dim=1)

    @torch.no_grad()
    def _pooled(self, frames: list[NDArray[np.uint8]]) -> Tensor:
        return self.network.features(normalise(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)))[0]

    def join(self, people: Path, studio: Path) -> None:
        """People's photos of the looks that join, each as the face and at the turn that the network sees in it."""
        joining = split_off(rows(studio), rows(people))[1]
        for row in rows(people):
            if row["look_id"] not in joining or row["split"] != "train" or row["frame"] != "crop":
                continue
            photo = load(people.parent / row["image"], ImageSettings())
            for outline in pills_in(photo)[:1]:
                if cv2.contourArea(outline) > 0.93 * cv2.contourArea(cv2.convexHull(outline)):
                    self.world.people += self._taken(row["look_id"], *placed(photo.pixels, outline))

    @torch.no_grad()
    def _taken(self, look: str, stored: NDArray[np.uint8], wide: bool) -> Iterator[Taken]:
        own = [number for (name, _, shape), number in self.world.classes.items() if name == look and shape == wide]
        if not own:
            return
        height, width = stored.shape[:2]
        middle = width / 2 - 0.5, height / 2 - 0.5
        turns = [0, 180] if wide else range(0, 360, 45)
        turned = [
            np.asarray(cv2.warpAffine(stored, cv2.getRotationMatrix2D(middle, -t, 1), (width, height)), np.uint8)
            for t in turns
        ]
        seen = self.network.heads(self._pooled([plain(one, wide) for one in turned]))[0]
        cosines = seen @ functional.normalize(self.faces[own], dim=1).T
        cosines[0] += 0.05  # most people hold it upright
        at, face = divmod(int(cosines.argmax()), len(own))
        yield Taken(turned[at], wide, own[face])

    def run(self, steps: int) -> None:
        # Their process is a fresh one: OpenCV may wait for ever in a fork of one that has threads.
        batches = DataLoader(
            Batches(self.world, self.step, steps), batch_size=None, num_workers=1, multiprocessing_context="spawn"
        )
        self.network.train()
        for number, batch in enumerate(batches):
            share = min(1, (number + 1) / 30) * (0.49 * (1 + np.cos(np.pi * self.step / STEPS)) + 0.02)
            for group, rate in zip(self.optimiser.param_groups, RATES.values(), strict=True):
                group["lr"] = float(rate * share)
            losses = self._losses(batch)
            self.optimiser.zero_grad()
            torch.autograd.backward(torch.stack([*losses.values()]).sum())
            nn.utils.clip_grad_norm_(list(self.learned.values()), 20.0)
            self.optimiser.step()
            self.step += 1
            kept = min(0.995, self.step / (self.step + 9))
            with torch.no_grad():
                for name, value in self.learned.items():
                    self.average[name].lerp_(value, 1 - kept)
            if self.step % 25 == 0:
                print(self.step, {name: round(float(loss.detach()), 3) for name, loss in losses.items()}, flush=True)
            if self.step % 50 == 0 or self.step == steps:
                self._keep()

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        pills, lettered = len(batch.pills), len(batch.places)
        with torch.no_grad():
            x = self.stem(normalise(batch.frames.permute(0, 3, 1, 2)))
        pooled, grid = self.network.features(x, FROZEN)
        embedded, up = self.network.heads(pooled)
        marks = functional.softplus(self.network.marks(grid[: pills + lettered]))
        shown = batch.upright[:pills]
        faces = torch.cat([embedded[:pills][shown], embedded[pills + lettered :]])
        classes = torch.cat([batch.classes[:pills][shown], batch.classes[pills:]])
        cosines = faces @ functional.normalize(self.faces, dim=1).T
        lowered = cosines - MARGIN * functional.one_hot(classes, cosines.shape[1])
        seen = marks[:pills].sum(dim=(2, 3))[shown]
        of_pill = torch.zeros_like(batch.imprints).index_add(0, batch.pills[shown], seen).clamp(1e-5, 30)
        imprints = batch.imprints * -torch.log(-torch.expm1(-of_pill)) + (1 - batch.imprints) * of_pill
        written, places = marks[pills:][batch.upright[pills:]], batch.places[batch.upright[pills:]]
        near, has = (written * places).sum(dim=(2, 3)).clamp(1e-5, 30), places.amax(dim=(2, 3))
        found = (has * -torch.log(-torch.expm1(-near))).sum(dim=1) + (written * (1 - places)).sum(dim=(1, 2, 3))
        return {
            "face": functional.cross_entropy(SCALE * lowered, classes),
            "imprint": 0.15 * imprints.sum(dim=1).mean(),
            "written": 0.15 * found.sum() / max(1, len(found)),
            "upright": 0.3 * functional.binary_cross_entropy_with_logits(up[: pills + lettered], batch.upright.float()),
        }

    def _keep(self) -> None:
        whole = {
            "network": self.network.state_dict(), "faces": self.faces.data, "optimiser": self.optimiser.state_dict(),
            "average": self.average, "step": self.step,
        }  # fmt: skip
        torch.save(whole, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def write(self, path: Path) -> None:
        """The averaged weights, with their card."""
        tensors = {k: v.numpy() for k, v in {**self.network.state_dict(), **self.average}.items()}
        card = {
            "joined": sorted(self.world.joined),
            "faces": len(self.world.faces),
            "people": len(self.world.people),
            "steps": self.step,
            "seed": SEED,
            "rates": RATES,
            "data": "RxIMAGE (NLM C3PI), NLM Pill Image Recognition Challenge; split train of either",
            "start": "MobileNetV2 trained on ImageNet (Apache-2.0)",
        }
        write_pill_weights(path, {k: v for k, v in tensors.items() if not k.startswith("marks.")}, card)


if __name__ == "__main__":
    main()
