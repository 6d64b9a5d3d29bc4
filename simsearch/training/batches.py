"""Training batches: photos in memory, augmented views out, every batch a function of (seed, step)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from simsearch.core.images import shrunk
from simsearch.core.types import Pixels, Surface
from simsearch.features.network.pill_crop import cropped_with_outlines
from simsearch.features.network.weights_file import SURFACES
from simsearch.training.augment import AugmentSettings, view
from simsearch.training.copy_paste import rearranged
from simsearch.training.pairs import ALGORITHMS, ClassBatches, LabelledImages

_PILLS = SURFACES.index(Surface.PILLS)


@dataclass(frozen=True)
class TrainingPhoto:
    """One photo to train on or to validate with."""

    sku: str
    load: Callable[[], Pixels]
    """Reads it; may raise ImageError."""
    group: str = ""
    """The set it belongs to, for `sampling.weights` and for validation figures per set."""
    surface: str = ""
    """One of `Surface`, or empty where it is not known."""


@dataclass(frozen=True)
class Batch:
    """Views of one training step."""

    pixels: Tensor
    """(n, 3, size, size) uint8; images 2i and 2i + 1 form a pair."""
    labels: Tensor
    """(n,) int64, class of each."""
    surfaces: Tensor
    """(n,) int64 index into SURFACES, -1 where not known."""


def held_out(sku: str, share: float) -> bool:
    """Whether a product belongs to the validation part: a fixed function of its SKU, so that it never moves."""
    return zlib.crc32(sku.encode()) % 10_000 < share * 10_000


@dataclass(frozen=True)
class Views:
    """What a photo is seen by: the whole of it, and for loose pills the crop that inference makes."""

    whole: Pixels
    subject: Pixels | None = None
    """Where pills were found, the crop to them."""
    outlines: tuple[NDArray[np.float32], ...] = ()
    """Of each pill in the crop."""

    @property
    def seen(self) -> Pixels:
        """As inference sees it."""
        return self.whole if self.subject is None else self.subject

    @classmethod
    def of(cls, photo: TrainingPhoto, side: int) -> Views:
        """Of a photo in memory, at most `side` pixels on the longer side; may raise ImageError."""
        pixels = photo.load()
        if photo.surface != Surface.PILLS:
            return cls(shrunk(pixels, side))
        subject, outlines = cropped_with_outlines(pixels)
        if subject.shape == pixels.shape:
            return cls(shrunk(pixels, side))
        small = shrunk(subject, side)
        scale = np.float32(max(small.shape) / max(subject.shape))
        return cls(shrunk(pixels, side), small, tuple(outline * scale for outline in outlines))


class Batches(Dataset[Batch]):
    """`batches[step]` is the batch of that step."""

    def __init__(
        self,
        pixels: Sequence[Views],
        photos: Sequence[TrainingPhoto],
        *,
        whole_share: float = 0.0,
        rearranged_share: float = 0.0,
        augment: AugmentSettings,
        augment_pills: AugmentSettings | None = None,
        hard_share: float = 0.0,
        unsure: Sequence[str] = (),
        size: int,
        batch: int,
        sampling: str,
        weights: Mapping[str, float],
        seed: int,
        steps: int,
    ) -> None:
        self.pixels, self.augment, self.size, self.batch = pixels, augment, size, batch
        self.augment_pills = augment_pills or augment
        self.hard_share = hard_share
        self.neighbours: NDArray[np.int32] | None = None
        """Of each class, those that look like it; set between epochs, None before the first mining."""
        self.whole_share, self.rearranged_share = whole_share, rearranged_share
        self.sampling, self.seed, self.steps = sampling, seed, steps
        names = sorted({p.sku for p in photos})
        index = {sku: i for i, sku in enumerate(names)}
        self.images = LabelledImages([index[p.sku] for p in photos])
        self.by_class = ClassBatches(self.images, [p.group for p in photos], weights, batch // 2)
        groups = np.empty(len(self.images.counts), object)
        groups[self.images.classes] = [p.group for p in photos]
        self.unsure = np.isin(groups, list(unsure)) if unsure else np.ones(len(groups), bool)
        """Of each class, whether another class may be the same product: (classes,) bool. All, where no set is named."""
        known = {s.value: i for i, s in enumerate(SURFACES)}
        self.surfaces = np.array([known.get(p.surface, -1) for p in photos], np.int64)

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        rng = np.random.default_rng([self.seed, step])
        if self.sampling == "classes":
            chosen = self.by_class.draw(rng, self.neighbours, self.hard_share)
        else:
            pairs = ALGORITHMS[self.sampling](self.images, self.batch // 2, rng)
            chosen = np.stack([pairs.a, pairs.b], axis=1).reshape(-1)
        views = [self._view(int(i), rng) for i in chosen]
        stacked = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).contiguous()
        labels = torch.from_numpy(self.images.classes[chosen].astype(np.int64))
        return Batch(stacked, labels, torch.from_numpy(self.surfaces[chosen]))

    def _view(self, image: int, rng: np.random.Generator) -> Pixels:
        behind = self.pixels[int(rng.integers(len(self.pixels)))].whole
        photo = self.pixels[image]
        # Pills are not always found: whole photos of them must stay near their crops.
        pixels = photo.whole if photo.subject is None or rng.random() < self.whole_share else photo.subject
        if pixels is photo.subject and photo.outlines and rng.random() < self.rearranged_share:
            pixels = rearranged(pixels, photo.outlines, rng)
        pills = photo.subject is not None or self.surfaces[image] == _PILLS
        return view(pixels, self.augment_pills if pills else self.augment, self.size, rng, behind)
