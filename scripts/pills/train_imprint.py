"""Train the network that reads imprints: simsearch/features/pills/imprint.safetensors.

    PYTHONPATH=. OMP_NUM_THREADS=1 python scripts/pills/train_imprint.py ../shared/data/rximage.csv \\
        --people ../shared/data/nlmphotos.csv --fonts /usr/share/fonts/truetype --run /tmp/imprint --out FILE \\
        [--labels LABELS.json --start FILE]

It learns in two stages. First from drawn imprints alone (`imprint_drawn`), starting from the backbone of the network
of faces. What it then reads on studio faces is brought together with the imprints that their table states
(`label_imprints.py`), and it goes on with real faces, too, whose characters are now known by place (`--labels`).
Looks that the network of faces has not learned from (`views.split_off`) are kept out of either.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from cutouts import cut_out, rows
from imprint_batches import SEED, Batch, ImprintBatches, ImprintWorld, Labelled, drawn_sheet
from imprint_drawn import Bank, Character
from steps import learn
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from views import split_off

from simsearch.features.network.network import normalise
from simsearch.features.pills import network as faces
from simsearch.features.pills.frames import FINER
from simsearch.features.pills.imprint_network import ImprintNetwork, restore
from simsearch.features.pills.imprint_network_plan import CHARACTERS
from simsearch.features.pills.weights import open_pill_weights, write_pill_weights

FROZEN = 2
"""Layers of the backbone that keep their start."""
RATES = {"backbone": 4e-4, "heads": 2e-3}
SHARE = 0.5
"""Of the frames that show real imprints, once their characters are known."""
EVERY = 40.0
"""Cells of a frame whose loss counts as one: about as many as say something."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studio", type=Path, help="table of studio photos, with split, look_id and imprint")
    parser.add_argument("--people", type=Path, required=True, help="table of people's photos, with split and look_id")
    parser.add_argument("--fonts", type=Path, required=True, help="folder of TrueType fonts")
    parser.add_argument("--labels", type=Path, help="characters of real faces, by label_imprints.py")
    parser.add_argument("--start", type=Path, help="weights to go on from; none: the backbone of the network of faces")
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--sheet", type=Path, help="write a picture of what is learned from, and end")
    asked = parser.parse_args()
    world = world_of(asked.studio, asked.people, asked.fonts, asked.labels)
    if asked.sheet:
        cv2.imwrite(str(asked.sheet), drawn_sheet(world, 24)[..., ::-1])
        return
    asked.run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(world, asked.start, asked.run / "checkpoint.pt", asked.steps)
    print(f"{len(world.bank.fonts)} fonts, {len(world.labelled)} labelled faces", flush=True)
    trainer.run()
    trainer.write(asked.out)


def world_of(studio: Path, people: Path, fonts: Path, labels: Path | None) -> ImprintWorld:
    """What is learned from."""
    table = rows(studio)
    held, _ = split_off(table, rows(people))
    own = [row for row in table if row["split"] == "train" and row["look_id"] not in held]
    faces, stored = cut_out(studio, own, FINER)
    parts = sorted({part for row in own for part in parts_of(row["imprint"])})
    known = _labelled(labels, {face.row["image"]: (face.wide, face.at) for face in faces}) if labels else []
    return ImprintWorld(stored, parts, Bank.of(upright_fonts(fonts)), known, SHARE)


def parts_of(imprint: str) -> list[str]:
    """The parts of an imprint as a table states it, of what is told apart alone."""
    every = ("".join(c for c in part if c.upper() in CHARACTERS) for part in imprint.split(";"))
    return [part for part in every if part]


def upright_fonts(folder: Path) -> list[Path]:
    """Font files that are not slanted and have letters."""
    slanted = ("Math", "Italic", "Oblique", "Icon", "Symbol")
    return [path for path in sorted(folder.rglob("*.ttf")) if not any(part in path.name for part in slanted)]


def _labelled(labels: Path, places: dict[str, tuple[bool, int]]) -> list[Labelled]:
    table = json.loads(labels.read_text(encoding="utf-8"))
    return [
        Labelled(*places[image], one["printed"], tuple(Character(*c) for c in one["characters"]))
        for image, one in table.items() if image in places
    ]  # fmt: skip


class Trainer:
    """The network, what it learns with, and where it stands."""

    def __init__(self, world: ImprintWorld, start: Path | None, file: Path, steps: int) -> None:
        torch.manual_seed(SEED)
        self.world, self.file, self.step, self.steps = world, file, 0, steps
        self.before = int(open_pill_weights(start).card["steps"]) if start else 0
        self.network = started(start).to(memory_format=torch.channels_last)
        assert isinstance(self.network.backbone, nn.Sequential)
        self.stem = self.network.backbone[:FROZEN]
        for part in self.stem.parameters():
            part.requires_grad_(False)
        self.learned = {name: value for name, value in self.network.named_parameters() if value.requires_grad}
        groups: dict[str, list[Any]] = {"backbone": [], "heads": []}
        for name, value in self.learned.items():
            groups["backbone" if name.startswith("backbone") else "heads"].append(value)
        self.optimiser = torch.optim.AdamW([{"params": groups[n]} for n in RATES], betas=(0.9, 0.99), weight_decay=0.01)
        self.average = {name: value.detach().clone() for name, value in self.learned.items()}
        if file.exists():
            kept = torch.load(file, weights_only=True)
            self.network.load_state_dict(kept["network"])
            self.optimiser.load_state_dict(kept["optimiser"])
            self.average, self.step = kept["average"], kept["step"]

    def run(self) -> None:
        # Their process is a fresh one: OpenCV may wait for ever in a fork of one that has threads.
        batches = DataLoader(
            ImprintBatches(self.world, self.step, self.steps, SEED + self.before, self.before), batch_size=None,
            num_workers=1, multiprocessing_context="spawn", prefetch_factor=4,
        )  # fmt: skip
        self.network.train()
        sums: list[tuple[float, ...]] = []
        for batch in batches:
            sums.append(self._learn(batch))
            if self.step % 25 == 0:
                print(self.step, np.mean(sums[-25:], axis=0).round(3).tolist(), flush=True)
            if self.step % 100 == 0 or self.step == self.steps:
                self._keep()

    def _learn(self, batch: Batch) -> tuple[float, ...]:
        with torch.no_grad():
            x = self.stem(normalise(batch.frames.permute(0, 3, 1, 2)))
        maps = self.network.maps(self.network.layers(x, FROZEN))
        losses = losses_of(maps, batch.classes, batch.measures)
        done, warm = self.step / self.steps, (self.step + 1) / 60
        self.step += 1
        learn(
            torch.stack(losses).sum(), self.optimiser, RATES, self.learned, self.average, done=done, warm=warm,
            step=self.step, most=10.0,
        )  # fmt: skip
        with torch.no_grad():
            middles = (batch.classes >= 0) & (batch.classes < len(CHARACTERS))
            right = (maps[:, : len(CHARACTERS)].argmax(dim=1) == batch.classes)[middles].float().mean()
        return (*(float(loss.detach()) for loss in losses), float(right))

    def _keep(self) -> None:
        whole = {
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "average": self.average,
            "step": self.step,
        }  # fmt: skip
        torch.save(whole, self.file.with_suffix(".new"))
        self.file.with_suffix(".new").replace(self.file)

    def write(self, path: Path) -> None:
        """The averaged weights, with their card."""
        card = {
            "steps": self.step + self.before,
            "labelled": len(self.world.labelled),
            "seed": SEED,
            "rates": RATES,
            "data": "drawn imprints on studio faces of RxIMAGE (NLM C3PI), split train, and their own imprints",
            "start": "the backbone of pills.safetensors",
        }
        tensors = {k: v.numpy() for k, v in {**self.network.state_dict(), **self.average}.items()}
        write_pill_weights(path, tensors, card)


def losses_of(maps: Tensor, classes: Tensor, measures: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of what lies in the cells, and the distance of the measures where a character's middle lies."""
    count = len(CHARACTERS)
    each = functional.cross_entropy(maps[:, : count + 1], classes, ignore_index=-1, reduction="sum")
    middles = ((classes >= 0) & (classes < count))[:, None]
    off = (maps[:, count + 1 :] - measures).abs() * middles
    return each / (EVERY * len(maps)), off.sum() / (middles.sum() + 1)


def started(path: Path | None) -> ImprintNetwork:
    """The network of a file, or one with the backbone of the network of faces and random heads."""
    if path is not None:
        return restore(open_pill_weights(path))
    network, backbone = ImprintNetwork(), faces.restore(open_pill_weights()).backbone
    assert isinstance(backbone, nn.Sequential)
    assert isinstance(network.backbone, nn.Sequential)
    network.backbone.load_state_dict(backbone[: len(network.backbone)].state_dict())
    return network


if __name__ == "__main__":
    main()
