"""Training batches: photos in memory, augmented views out, every batch a function of (seed, step)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from simsearch.core.images import shrunk
from simsearch.core.numbers import stable_share
from simsearch.core.types import Pixels, Surface
from simsearch.features.network.frames import frame_for
from simsearch.features.network.pill_crop import cropped_with_outlines
from simsearch.features.network.weights_file import SURFACES
from simsearch.training.augment import view
from simsearch.training.copy_paste import copy_pasted
from simsearch.training.pairs import ALGORITHMS, ClassBatches, LabelledImages
from simsearch.training.settings import TrainSettings

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
    name: str = ""
    """For messages: the path."""


@dataclass(frozen=True)
class Batch:
    """Views of one training step."""

    views: tuple[Tensor, ...]
    """(m, 3, h, w) uint8 of each shape, together n."""
    order: Tensor
    """(n,) int64: place of each view among all of `views` in a row. Views 2i and 2i + 1 form a pair."""
    labels: Tensor
    """(n,) int64, class of each view."""
    surfaces: Tensor
    """(n,) int64 index into SURFACES, -1 where not known."""


def held_out(sku: str, share: float) -> bool:
    """Whether a product belongs to the validation part: a fixed function of its SKU, so that it never moves."""
    return stable_share(sku, share)


@dataclass(frozen=True)
class Views:
    """The pictures of a photo that training uses: the whole, and for loose pills the crop that inference makes."""

    whole: Pixels
    crop: Pixels | None = None
    """To the pills; None where none were found."""
    outlines: tuple[NDArray[np.float32], ...] = ()
    """Of each pill: (n, 2) points x, y in pixels of the crop."""

    @property
    def seen(self) -> Pixels:
        """The picture that inference describes."""
        return self.whole if self.crop is None else self.crop

    @classmethod
    def of(cls, photo: TrainingPhoto, side: int) -> Views:
        """Read a photo; both pictures have at most `side` pixels on the longer side. May raise ImageError."""
        pixels = photo.load()
        if photo.surface != Surface.PILLS:
            return cls(shrunk(pixels, side))
        crop, outlines = cropped_with_outlines(pixels)
        if crop.shape == pixels.shape:
            return cls(shrunk(pixels, side))
        small = shrunk(crop, side)
        scale = np.float32(max(small.shape) / max(crop.shape))
        return cls(shrunk(pixels, side), small, tuple(outline * scale for outline in outlines))


class Batches(Dataset[Batch]):
    """`batches[step]` is the batch of that step.

    Raises:
        ValueError: fewer than two classes, or weights of the sets that leave nothing to draw.
    """

    def __init__(self, views: Sequence[Views], photos: Sequence[TrainingPhoto], settings: TrainSettings) -> None:
        self.views, self.settings = views, settings
        self.architecture = replace(settings.network, input_size=settings.train_size)
        """Of the views."""
        self.neighbours: NDArray[np.int32] | None = None
        """(classes, k) the classes that look like each class; set between epochs, None before the first mining."""
        names = sorted({p.sku for p in photos})
        index = {sku: i for i, sku in enumerate(names)}
        self.images = LabelledImages([index[p.sku] for p in photos])
        half = settings.optimiser.batch // 2
        self.by_class = ClassBatches(self.images, [p.group for p in photos], settings.weights, half)
        groups = np.empty(len(self.images.counts), object)
        groups[self.images.classes] = [p.group for p in photos]
        unsure = settings.unsure
        self.unsure = np.isin(groups, list(unsure)) if unsure else np.ones(len(groups), bool)
        """(classes,) whether another class may be the same product; all True where no set is named."""
        known = {s.value: i for i, s in enumerate(SURFACES)}
        self.surfaces = np.array([known.get(p.surface, -1) for p in photos], np.int64)

    def __len__(self) -> int:
        return self.settings.optimiser.steps

    def __getitem__(self, step: int) -> Batch:
        s = self.settings
        rng = np.random.default_rng([s.seed, step])
        if s.sampling == "classes":
            chosen = self.by_class.draw(rng, self.neighbours, s.hard_share)
        else:
            pairs = ALGORITHMS[s.sampling](self.images, s.optimiser.batch // 2, rng)
            chosen = np.stack([pairs.a, pairs.b], axis=1).reshape(-1)
        views, order = _by_shape([self._view(int(i), rng) for i in chosen])
        labels = torch.from_numpy(self.images.classes[chosen].astype(np.int64))
        return Batch(views, order, labels, torch.from_numpy(self.surfaces[chosen]))

    def _view(self, image: int, rng: np.random.Generator) -> Pixels:
        s, own = self.settings, self.views[image]
        behind = self.views[int(rng.integers(len(self.views)))].whole
        # Pills are not always found, so embeddings of whole photos must stay near those of their crops.
        pixels = own.whole if own.crop is None or rng.random() < s.whole_share else own.crop
        if pixels is own.crop and own.outlines and rng.random() < s.rearranged_share:
            pixels = copy_pasted(pixels, own.outlines, rng)
        pills = own.crop is not None or self.surfaces[image] == _PILLS
        if self.architecture.frames != "square":  # phones are held upright and across
            pixels = np.ascontiguousarray(np.rot90(pixels, int(rng.integers(4))))
        frame = frame_for(pixels.shape[0], pixels.shape[1], self.architecture)
        return view(pixels, s.augment_pills if pills else s.augment, frame, rng, behind)


def _by_shape(pictures: Sequence[Pixels]) -> tuple[tuple[Tensor, ...], Tensor]:
    """The pictures (h, w, 3) as tensors (m, 3, h, w) of one shape each, and the place (n,) of each picture in these."""
    ids: dict[tuple[int, ...], list[int]] = {}
    for i, picture in enumerate(pictures):
        ids.setdefault(picture.shape, []).append(i)
    stacked = (np.stack([pictures[i] for i in part]) for part in ids.values())
    views = tuple(torch.from_numpy(each).permute(0, 3, 1, 2).contiguous() for each in stacked)
    order = np.argsort(np.concatenate(list(ids.values())))
    return views, torch.from_numpy(order)
