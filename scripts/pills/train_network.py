"""Train the network that looks at pills: simsearch/features/pills/pills.safetensors.

    PYTHONPATH=. OMP_NUM_THREADS=1 python scripts/pills/train_network.py ../shared/data/rximage.csv \\
        --people ../shared/data/nlmphotos.csv --start simsearch/features/pills/pills.safetensors --run /tmp/pills \\
        --out simsearch/features/pills/pills.safetensors

Learned from are studio photos of the split train, shown as composites (`composites`), and what people took of two
thirds of the looks that they photographed. A batch is of one shape: both faces of some pills and one face again
(`views`). What is learned:

- which of all faces it is: softmax over the cosines to a vector for each face, with a margin (CosFace: Wang et al.,
  CVPR 2018), from the means of the start on;
- whether it is the right way up.

On a machine that does other work, threads of OpenMP that wait for each other took more than half of the time: on one
it makes 60 steps a minute where it made 26 on two.

The start is a file of this network, or ImageNet's MobileNetV2 (a state dict). A run that was ended is taken up again
from its last checkpoint.
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
from steps import learn
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from views import SEED, Batch, Batches, Taken, World, key

from simsearch.core.config import ImageSettings
from simsearch.core.images import load
from simsearch.features.network.network import Network, fold, normalise
from simsearch.features.network.weights_file import Architecture
from simsearch.features.pills.looks import EMBEDDING
from simsearch.features.pills.network import PillNetwork, restore
from simsearch.features.pills.outlines import pills_in
from simsearch.features.pills.weights import open_pill_weights, write_pill_weights

FROZEN = 4
"""Layers of the backbone that keep their start: edges look the same everywhere."""
RATES = {"backbone": 3e-4, "heads": 2e-3, "faces": 6e-4, "embed": 2e-4}
SCALE, MARGIN = 24.0, 0.15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path, help="table of studio photos, with split, look_id, view and imprint_type")
    parser.add_argument("--people", type=Path, required=True, help="table of people's photos, with split and look_id")
    parser.add_argument("--start", type=Path, required=True, help="weights to start from")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    asked = parser.parse_args()
    asked.run.mkdir(parents=True, exist_ok=True)
    world = World.of(asked.studio, asked.people)
    trainer = Trainer(world, asked.start, asked.run / "checkpoint.pt", asked.steps)
    trainer.join(asked.people)
    print(f"{len(world.faces)} faces, {len(world.classes)} classes, {len(world.people)} photos by people", flush=True)
    trainer.run()
    trainer.write(asked.out)


def started(path: Path) -> PillNetwork:
    """The network of a file, or one with ImageNet's backbone."""
    if path.suffix == ".safetensors":
        return restore(open_pill_weights(path))
    whole, network = Network(Architecture()), PillNetwork()
    whole.load_start(path)
    network.backbone = fold(whole.backbone.eval())
    return network


class Trainer:
    """The network, what it learns with, and where it stands."""

    def __init__(self, world: World, start: Path, file: Path, steps: int) -> None:
        torch.manual_seed(SEED)
        self.world, self.file, self.step, self.steps = world, file, 0, steps
        self.card = open_pill_weights(start).card if start.suffix == ".safetensors" else {}
        self.network = started(start).to(memory_format=torch.channels_last)
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
        self.faces = nn.Parameter(kept["faces"] if kept else self._means(fresh=start.suffix != ".safetensors"))
        groups: dict[str, list[Any]] = {"backbone": [], "heads": [], "faces": [self.faces], "embed": []}
        for name, value in self.learned.items():
            groups[name.split(".")[0] if name.startswith(("backbone", "embed")) else "heads"].append(value)
        self.optimiser = torch.optim.AdamW(
            [{"params": groups[n], "weight_decay": 0.01 if n in ("backbone", "heads") else 0.0} for n in RATES],
            betas=(0.9, 0.99),
        )
        if kept:
            self.optimiser.load_state_dict(kept["optimiser"])

    @torch.no_grad()
    def _means(self, *, fresh: bool) -> Tensor:
        """(classes, EMBEDDING): the means of what the network makes of each face.

        `fresh`: whether `embed` first becomes the principal components.
        """
        faces = self.world.faces
        pooled = torch.zeros(len(faces), self.network.embed.in_features)
        for wide in (False, True):
            of_shape = [i for i, face in enumerate(faces) if face.wide == wide]
            for part in (of_shape[i : i + 8] for i in range(0, len(of_shape), 8)):
                pooled[part] = self._pooled([plain(self.world.stored[wide][faces[i].at], wide) for i in part])
        if fresh:
            Network.start_embedding(self.network, pooled)  # type: ignore[arg-type]
        classes = torch.tensor([self.world.classes[key(face)] for face in faces], dtype=torch.long)
        sums = torch.zeros(len(self.world.classes), EMBEDDING)
        sums.index_add_(0, classes, self.network.heads(pooled)[0])
        return functional.normalize(sums, dim=1)

    @torch.no_grad()
    def _pooled(self, frames: list[NDArray[np.uint8]]) -> Tensor:
        return self.network.features(normalise(torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)))

    def join(self, people: Path) -> None:
        """People's photos of the looks that join, each as the face and at the turn that the network sees in it."""
        for row in rows(people):
            if row["look_id"] not in self.world.joined or row["split"] != "train" or row["frame"] != "crop":
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

    def run(self) -> None:
        # Their process is a fresh one: OpenCV may wait for ever in a fork of one that has threads.
        batches = DataLoader(
            Batches(self.world, self.step, self.steps, int(self.card.get("steps", 0))), batch_size=None,
            num_workers=1, multiprocessing_context="spawn",
        )  # fmt: skip
        self.network.train()
        for number, batch in enumerate(batches):
            losses = self._losses(batch)
            done, warm, whole = self.step / self.steps, (number + 1) / 30, torch.stack([*losses.values()]).sum()
            self.step += 1
            learn(
                whole, self.optimiser, RATES, self.learned, self.average, done=done, warm=warm, step=self.step,
                most=20.0,
            )  # fmt: skip
            if self.step % 25 == 0:
                print(self.step, {name: round(float(loss.detach()), 3) for name, loss in losses.items()}, flush=True)
            if self.step % 50 == 0 or self.step == self.steps:
                self._keep()

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        with torch.no_grad():
            x = self.stem(normalise(batch.frames.permute(0, 3, 1, 2)))
        embedded, up = self.network.heads(self.network.features(x, FROZEN))
        upright = batch.upright
        shown = torch.cat([upright, torch.ones(len(embedded) - len(upright), dtype=torch.bool)])
        faces, classes = embedded[shown], batch.classes[shown]
        cosines = faces @ functional.normalize(self.faces, dim=1).T
        lowered = cosines - MARGIN * functional.one_hot(classes, cosines.shape[1])
        return {
            "face": functional.cross_entropy(SCALE * lowered, classes),
            "upright": 0.3 * functional.binary_cross_entropy_with_logits(up[: len(upright)], upright.float()),
        }

    def _keep(self) -> None:
        whole = {
            "network": self.network.state_dict(), "faces": self.faces.data, "optimiser": self.optimiser.state_dict(),
            "average": self.average, "step": self.step,
        }  # fmt: skip
        torch.save(whole, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def write(self, path: Path) -> None:
        """The averaged weights, with their card. Steps are counted on from those of the start, whose looks it knows."""
        card = {
            "joined": sorted(self.world.joined | set(self.card.get("joined", ()))),
            "faces": len(self.world.faces),
            "people": len(self.world.people),
            "steps": self.step + int(self.card.get("steps", 0)),
            "seed": SEED,
            "rates": RATES,
            "data": "RxIMAGE (NLM C3PI), NLM Pill Image Recognition Challenge; split train of either",
            "start": "MobileNetV2 trained on ImageNet (Apache-2.0)",
        }
        tensors = {k: v.numpy() for k, v in {**self.network.state_dict(), **self.average}.items()}
        write_pill_weights(path, tensors, card)


if __name__ == "__main__":
    main()
