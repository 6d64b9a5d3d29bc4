"""Train the network that finds loose pills: simsearch/features/network/weights/pill-masks.safetensors.

    PYTHONPATH=. OMP_NUM_THREADS=1 python scripts/pills/train_masks.py ../shared/data/rximage.csv \\
        --photos ../shared/data/boxes.csv --run /tmp/masks --out FILE

Learned from are drawn scenes (`scenes`) of studio faces of the split train, on grounds of which a part are pieces of
photos of packages, split train. The backbone starts from that of the Siamese network. A run that was ended is taken up
again from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from cutouts import Face, cut_out, rows
from mask_network import MaskNetwork
from numpy.typing import NDArray
from scenes import Cutout, Scene, scene
from steps import learn
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from simsearch.core.config import ImageSettings
from simsearch.core.images import load, resized
from simsearch.features.network.network import fold, normalise, restore
from simsearch.features.network.pill_masks import FORMAT, STRIDE
from simsearch.features.network.pill_masks import MaskNetwork as Finder
from simsearch.features.network.weights_file import BUILT_IN, open_weights, read_header, read_tensors, write_tensors

SIDE, BATCH = 192, 20
PHOTOS, PHOTO_SIDE = 250, 480
"""Photos of packages whose pieces are grounds, and their longer side."""
CONVEX = 0.96
"""Area of a studio outline over that of its convex hull, at least."""
COLOURED = 2
"""How much more often coloured pills are drawn than others: half of all pills are white, and things are coloured."""
POSITIVE = 2.0
"""What a point of a pill counts beside one of the ground."""
FROZEN = 2
"""Layers of the backbone that keep their start."""
RATES = {"backbone": 3e-4, "pyramid": 2e-3}
SEED = 5

Batch = tuple[Tensor, Tensor, Tensor]
"""Pictures (n, side, side, 3); mask and core (n, 2, h, w), and how much of each point is known (n, 1, h, w)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path, help="table of studio photos, with split and imprint_type")
    parser.add_argument("--photos", type=Path, required=True, help="table of photos of packages, with split")
    parser.add_argument("--start", type=Path, help="weights to go on from; none: the Siamese network's backbone")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2400)
    asked = parser.parse_args()
    asked.run.mkdir(parents=True, exist_ok=True)
    drawn = Scenes(cutouts(asked.studio), packages(asked.photos), asked.steps)
    trainer = Trainer(drawn, asked.run / "checkpoint.pt", asked.start)
    trainer.run()
    trainer.write(asked.out)


def cutouts(table: Path) -> list[Cutout]:
    sound = made(*cut_out(table, [row for row in rows(table) if row["split"] == "train"]))
    return sound + [one for one in sound if _coloured(one.stored)] * COLOURED


def made(faces: Sequence[Face], stored: Mapping[bool, NDArray[np.uint8]]) -> list[Cutout]:
    """The studio faces that are cut out well."""
    every = [Cutout(stored[face.wide][face.at], face.wide, face.row["imprint_type"] == "PRINTED") for face in faces]
    return [one for one in every if _sound(one.stored)]


def _coloured(stored: NDArray[np.uint8]) -> bool:
    """Whether it is neither white nor grey."""
    lab = cv2.cvtColor(stored[..., :3].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return float(np.median(np.hypot(lab[..., 1], lab[..., 2])[stored[..., 3] > 127])) > 22


def _sound(stored: NDArray[np.uint8]) -> bool:
    """Whether the outline is convex, as pills are; one cut out wrongly is not."""
    rims, _ = cv2.findContours((stored[..., 3] > 127).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    rim = max(rims, key=cv2.contourArea, default=None)
    return rim is not None and cv2.contourArea(rim) > CONVEX * cv2.contourArea(cv2.convexHull(rim))


def packages(table: Path, split: str = "train") -> list[NDArray[np.uint8]]:
    """Some of the photos of packages."""
    known = [row["image"] for row in rows(table) if row["split"] == split]
    drawn = np.random.default_rng(SEED).permutation(len(known))[:PHOTOS]
    return [resized(load(table.parent / known[i], ImageSettings()).pixels, PHOTO_SIDE) for i in drawn]


class Scenes(Dataset[Batch]):
    """Batches; each depends on its number alone."""

    def __init__(self, cutouts: list[Cutout], photos: list[NDArray[np.uint8]], steps: int, first: int = 0) -> None:
        self.cutouts, self.photos, self.steps, self.first = cutouts, photos, steps, first

    def __len__(self) -> int:
        return self.steps - self.first

    def __getitem__(self, i: int) -> Batch:
        cv2.setNumThreads(1)
        numbers = range((self.first + i) * BATCH, (self.first + i + 1) * BATCH)
        made = [scene(self.cutouts, self.photos, SIDE, np.random.default_rng([SEED, n])) for n in numbers]
        pictures = torch.from_numpy(np.stack([one.picture for one in made]))
        labels = torch.from_numpy(np.stack([_labels(one) for one in made]))
        known = torch.from_numpy(np.stack([_smaller(one.known)[None] for one in made]))
        return pictures, labels, known


def _labels(one: Scene) -> NDArray[np.float32]:
    return np.stack([_smaller(one.mask), _smaller(one.core)])


def _smaller(labels: NDArray[np.float32]) -> NDArray[np.float32]:
    size = labels.shape[1] // STRIDE, labels.shape[0] // STRIDE
    return np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_AREA), np.float32)


class Trainer:
    """The network, what it learns with, and where it stands."""

    def __init__(self, drawn: Scenes, file: Path, start: Path | None) -> None:
        torch.manual_seed(SEED)
        self.drawn, self.file, self.start, self.step = drawn, file, start, 0
        self.network = started(start).to(memory_format=torch.channels_last)
        assert isinstance(self.network.backbone, nn.Sequential)
        self.stem = self.network.backbone[:FROZEN]
        for part in self.stem.parameters():
            part.requires_grad_(False)
        self.learned = {name: value for name, value in self.network.named_parameters() if value.requires_grad}
        groups: dict[str, list[Any]] = {"backbone": [], "pyramid": []}
        for name, value in self.learned.items():
            groups["backbone" if name.startswith("backbone") else "pyramid"].append(value)
        self.optimiser = torch.optim.AdamW([{"params": groups[n]} for n in RATES], betas=(0.9, 0.99), weight_decay=0.01)
        self.average = {name: value.detach().clone() for name, value in self.learned.items()}
        if file.exists():
            kept = torch.load(file, weights_only=True)
            self.network.load_state_dict(kept["network"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.average, self.step = kept["average"], kept["step"]

    def run(self) -> None:
        self.drawn.first = self.step
        # Their process is a fresh one: OpenCV may wait for ever in a fork of one that has threads.
        batches = DataLoader(
            self.drawn, batch_size=None, num_workers=1, multiprocessing_context="spawn", prefetch_factor=4
        )
        sums: list[float] = []
        for pictures, labels, known in batches:
            sums.append(self._learn(pictures, labels, known))
            if self.step % 25 == 0:
                print(self.step, round(float(np.mean(sums[-25:])), 4), flush=True)
            if self.step % 100 == 0 or self.step == self.drawn.steps:
                self._keep()

    def _learn(self, pictures: Tensor, labels: Tensor, known: Tensor) -> float:
        with torch.no_grad():
            x = self.stem(normalise(pictures.permute(0, 3, 1, 2)))
        loss = loss_of(self.network.maps([x, *self.network.layers(x, FROZEN)]), labels, known)
        done, warm = self.step / self.drawn.steps, (self.step + 1) / 60
        self.step += 1
        learn(loss, self.optimiser, RATES, self.learned, self.average, done=done, warm=warm, step=self.step, most=5.0)
        return float(loss.detach())

    def _keep(self) -> None:
        whole = {
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(),
            "average": self.average, "step": self.step,
        }  # fmt: skip
        torch.save(whole, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def write(self, path: Path) -> None:
        """The averaged weights, with their card; they are given back by OpenCV as PyTorch computes them.

        Raises:
            ValueError: they are not.
        """
        before = (
            0
            if self.start is None
            else int(json.loads(read_header(self.start, FORMAT, missing="", other="")[0]["card"])["steps"])
        )
        card = {
            "steps": self.step + before,
            "seed": SEED,
            "rates": RATES,
            "data": "RxIMAGE (NLM C3PI) and photos of packages, split train; drawn scenes",
            "start": "the backbone of siamese.safetensors",
        }
        tensors = {k: v.numpy() for k, v in {**self.network.state_dict(), **self.average}.items()}
        write_tensors(path, tensors, {"format": FORMAT, "card": json.dumps(card)})
        pictures, _, _ = self.drawn[0]
        self.network.load_state_dict({k: torch.from_numpy(v).float() for k, v in read_tensors(path).items()})
        with torch.inference_mode():
            wanted = self.network.eval()(normalise(pictures.permute(0, 3, 1, 2))).sigmoid().numpy()
        apart = float(np.abs(Finder(path).look(list(pictures.numpy())) - wanted).max())
        if apart > 1e-3:
            raise ValueError(f"OpenCV's maps differ by {apart}")


def started(path: Path | None) -> MaskNetwork:
    """The network of a file, or one with the backbone of the Siamese network and a random pyramid."""
    network = MaskNetwork()
    if path is not None:
        network.load_state_dict({k: torch.from_numpy(v).float() for k, v in read_tensors(path).items()})
        return network
    backbone = fold(restore(open_weights(BUILT_IN / "siamese.safetensors")).backbone)
    assert isinstance(backbone, nn.Sequential)
    assert isinstance(network.backbone, nn.Sequential)
    network.backbone.load_state_dict(backbone[: len(network.backbone)].state_dict())
    return network


def loss_of(logits: Tensor, labels: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of both maps, and the soft Dice loss of the mask (Milletari et al. 2016)."""
    each = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none") * known
    each = each * (1 + (POSITIVE - 1) * labels)
    seen = logits[:, 0].sigmoid() * known[:, 0]
    truth = labels[:, 0] * known[:, 0]
    dice = 1 - (2 * (seen * truth).sum(dim=(1, 2)) + 4) / (seen.sum(dim=(1, 2)) + truth.sum(dim=(1, 2)) + 4)
    return 3 * each.mean() + 0.5 * dice.mean()


if __name__ == "__main__":
    main()
