"""The Siamese network: one shared backbone, an embedding, and heads on top of it.

    photo -> backbone -> GeM pooling -> linear -> L2 norm = embedding f
    pair head (the paper's improved network): sigmoid(FC(|f1 - f2|))
    surface head, on the pooled features: which face of the package the photo shows

Sources: GeM pooling: Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human Annotation" (2018),
eq. 3. Pair head: Wang, Huang, Cai (2024), improved Siamese network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from simsearch.core.errors import UsageError, WeightsError
from simsearch.core.threads import SingleThreaded
from simsearch.core.types import Pixels
from simsearch.features.network.backbones import BACKBONES
from simsearch.features.network.frames import MEAN, STD, seen
from simsearch.features.network.onednn import fuse
from simsearch.features.network.weights_file import SURFACES, Architecture, Weights, open_weights, write_weights

_MEAN, _STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))


class GeM(nn.Module):
    """Generalised-mean pooling: (mean over places of x^p)^(1/p). p is learned; 1 is the average, inf the maximum."""

    def __init__(self, p: float = 3.0) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor([p]))

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) -> (n, c), in float32: x^p overflows half precision."""
        p = self.p.float().clamp(1.0, 10.0)
        return x.float().clamp(min=1e-6).pow(p).mean(dim=(2, 3)).pow(1.0 / p)


class Network(nn.Module):
    """Backbone, embedding and heads."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        if architecture.backbone not in BACKBONES:
            raise WeightsError(f"there is no backbone {architecture.backbone!r}; there are {', '.join(BACKBONES)}")
        row = BACKBONES[architecture.backbone]
        self.backbone = row.build()
        self.pool = GeM()
        self.embed = nn.Linear(row.channels, architecture.embedding)
        self.pair = nn.Sequential(
            nn.Linear(architecture.embedding, architecture.pair_hidden),
            nn.ReLU(),
            nn.Linear(architecture.pair_hidden, 1),
        )
        self.surface = nn.Linear(row.channels, len(SURFACES))

    def features(self, x: Tensor) -> Tensor:
        """Normalised input (n, 3, h, w) -> pooled features (n, channels)."""
        return cast(Tensor, self.pool(self.backbone(x)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised input (n, 3, h, w) -> embeddings (n, d) of length 1, surface logits (n, surfaces)."""
        return self.heads(self.features(x))

    def heads(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features (n, channels) float32 -> embeddings and surface logits, float32."""
        return functional.normalize(self.embed(pooled).float(), dim=1), self.surface(pooled)

    def pair_logits(self, a: Tensor, b: Tensor) -> Tensor:
        """Embeddings (n, d) and (n, d) -> logits (n,) of "same product". The trainable twin of `PairHead.logits`."""
        scale = float(self.architecture.embedding) ** 0.5
        return cast(Tensor, self.pair((a - b).abs() * scale)).squeeze(1)

    def start_embedding(self, pooled: Tensor) -> None:
        """Set `embed` to the principal components of pooled features (n, channels), each divided by the root of its
        deviation, so that the embedding tells apart from the start what the backbone tells apart.

        With no more photos than components it keeps its random start.
        """
        wanted = self.embed.out_features
        if len(pooled) <= wanted:
            return
        mean = pooled.double().mean(dim=0)
        _, spread, directions = torch.linalg.svd(pooled.double() - mean, full_matrices=False)
        weight = directions[:wanted] / spread[:wanted, None].clamp(min=1e-9).sqrt()
        # As large as a random start, so that a step of the optimiser moves it as far.
        weight *= (self.embed.in_features * weight.square().mean()).rsqrt()
        with torch.no_grad():
            self.embed.weight.copy_(weight)
            self.embed.bias.copy_(-weight @ mean)

    def load_start(self, path: Path) -> None:
        """Start from the weights in `path`: simsearch's own (.safetensors), or a state dict (.pth) as it is published.

        From a classifier only the features are taken.

        Raises:
            WeightsError: the file is missing, neither of the two, or of another backbone.
        """
        if path.suffix == ".safetensors":
            weights = open_weights(path)
            if weights.architecture.backbone != self.architecture.backbone:
                raise WeightsError(f"{path}: holds {weights.architecture.backbone}, not {self.architecture.backbone}")
            own = self.state_dict()
            known = {k: v for k, v in weights.tensors.items() if k in own and own[k].shape == v.shape}
            fitting = {k: torch.from_numpy(v) for k, v in known.items()}
            self.load_state_dict(fitting, strict=False)  # heads of other sizes keep their random start
            return
        row = BACKBONES[self.architecture.backbone]
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
        except FileNotFoundError:
            raise WeightsError(f"{path}: there is no such file; set network.start to a weights file or to ''") from None
        except Exception as error:  # torch raises whatever its zip, pickle and tensor readers raise
            name = type(error).__name__
            raise WeightsError(f"{path}: is no weights file that PyTorch reads safely ({name})") from error
        if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
            raise WeightsError(f"{path}: is no state dict of tensors; save the model's `state_dict()`")
        wanted = self.backbone.state_dict()
        own = row.names(state, list(wanted))
        picked = {k: v.float() if v.ndim else v.long() for k, v in own.items() if wanted[k].shape == v.shape}
        missing = [k for k in wanted if k not in picked and not k.endswith("num_batches_tracked")]
        if missing:
            name = self.architecture.backbone
            raise WeightsError(f"{path}: holds no {name} ({missing[0]} is missing or of another shape)")
        self.backbone.load_state_dict(picked, strict=False)


def to_input(pictures: Sequence[Pixels]) -> Tensor:
    """n pictures (h, w, 3) uint8 of one shape -> (n, 3, h, w) float32, normalised as ImageNet is, channels_last."""
    batch = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return normalise(batch)


def normalise(batch: Tensor) -> Tensor:
    """(n, 3, h, w) uint8 -> float32 with ImageNet's mean and deviation, channels_last."""
    mean, std = _MEAN.to(batch.device), _STD.to(batch.device)
    x = (batch.float() / 255.0 - mean) / std
    return x.contiguous(memory_format=torch.channels_last)


def save(network: Network, path: Path, card: Mapping[str, Any]) -> None:
    """Write weights in half precision as safetensors, with architecture, surfaces and `card` in the header.

    Raises:
        WeightsError: a weight is not finite, or too large for half precision.
    """
    state = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    tensors = {k: v.numpy() for k, v in state.items() if not k.endswith("num_batches_tracked")}
    write_weights(path, tensors, network.architecture, card)


def restore(weights: Weights) -> Network:
    """The network of a weights file, in evaluation mode.

    Raises:
        WeightsError: the tensors do not fit the architecture, or are not finite.
    """
    try:
        network = Network(weights.architecture)
    except WeightsError as error:
        raise WeightsError(f"{weights.path}: {error}") from None
    fill(network, weights.tensors, weights.path)
    return network.eval()


def fill(network: nn.Module, tensors: Mapping[str, NDArray[Any]], path: Path) -> None:
    """Give a network the tensors of a file, of which it may lack the counters of batch norms alone.

    Raises:
        WeightsError: they do not fit, or are not finite.
    """
    wanted = {k for k in network.state_dict() if not k.endswith("num_batches_tracked")}
    odd = sorted(wanted ^ set(tensors))
    if odd:
        raise WeightsError(f"{path}: does not fit its own architecture ({odd[0]})")
    try:
        network.load_state_dict({k: torch.from_numpy(v).float() for k, v in tensors.items()}, strict=False)
    except RuntimeError as error:
        text = str(error).splitlines()[-1].strip()
        raise WeightsError(f"{path}: does not fit its own architecture ({text})") from error
    if not all(bool(value.isfinite().all()) for value in network.state_dict().values()):
        raise WeightsError(f"{path}: holds numbers that are not finite")


def fold(module: nn.Module, joined: Callable[[nn.Conv2d, nn.BatchNorm2d], nn.Module] = fuse_conv_bn_eval) -> nn.Module:
    """Replace each convolution and the batch norm behind it by what `joined` makes of them; `module` itself."""
    children = list(module.named_children())
    for (name, child), (following, other) in pairwise(children):
        if isinstance(child, nn.Conv2d) and isinstance(other, nn.BatchNorm2d):
            setattr(module, name, joined(child, other))
            setattr(module, following, nn.Identity())
    for _, child in children:
        fold(child, joined)
    return module


def pick_device(wanted: str) -> torch.device:
    """The device named "auto", "cpu" or "cuda"; "auto" is the GPU where PyTorch sees one.

    Raises:
        UsageError: there is no such device.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UsageError(f"{wanted!r} is no device; use auto, cpu or cuda") from None
    if device.type not in ("cpu", "cuda"):
        raise UsageError(f"simsearch does not run on {wanted!r}; use auto, cpu or cuda")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        seen = torch.cuda.device_count() or "no"
        raise UsageError(f"the device {wanted!r} was asked for, but PyTorch sees {seen} GPUs; use auto or cpu")
    return device


def bfloat16_pays(device: torch.device) -> bool:
    """Whether bfloat16 is the faster precision, to describe and to train: on GPUs, and on CPUs that multiply it.

    Such CPUs have AMX tiles, or AVX-512 with bfloat16 (AMD since Zen 4, Intel's Cooper Lake): docs/benchmarks.md. The
    questions are private functions of PyTorch; one that a later version lacks is answered by no.
    """
    if device.type == "cuda":
        return True
    asked = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
    return any(bool(question()) for question in asked if question is not None)


_AT_ONCE = 8
"""Photos in one pass on a CPU. The activations of more do not stay in its cache, and each photo takes longer."""


class Inference:
    """A network made ready to describe photos: batch norms folded, precision and device chosen.

    It changes the network that it is given, which must be in evaluation mode. May be called from several threads at
    once.
    """

    def __init__(self, network: Network, *, precision: str = "auto", device: str = "auto") -> None:
        self.device = pick_device(device)
        use_bfloat16 = precision == "bfloat16" or (precision == "auto" and bfloat16_pays(self.device))
        self.dtype = torch.bfloat16 if use_bfloat16 else torch.float32
        self.architecture = network.architecture
        fold(network.backbone)
        # Weights are rounded to bfloat16 in every precision, because catalogs move between machines: rounding moves
        # embeddings ten times as far (cosine 0.99) as computing in bfloat16 does (0.9996).
        network.backbone.to(dtype=torch.bfloat16).to(dtype=self.dtype)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.at_once = 0
        if self.device.type == "cpu":
            self.at_once = _AT_ONCE
            fuse(self.network.backbone)

    def describe(self, photos: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """n photos of any size -> embeddings (n, d) of length 1 and probabilities (n, len(SURFACES)), both float32."""
        if self.device.type == "cpu":
            SingleThreaded.torch()
        pictures = [seen(photo, self.architecture) for photo in photos]
        embeddings = np.empty((len(pictures), self.architecture.embedding), np.float32)
        surfaces = np.empty((len(pictures), len(SURFACES)), np.float32)
        by_shape: dict[tuple[int, ...], list[int]] = {}
        for i, picture in enumerate(pictures):
            by_shape.setdefault(picture.shape, []).append(i)
        for ids in by_shape.values():
            size = self.at_once or len(ids)
            for part in (ids[i : i + size] for i in range(0, len(ids), size)):
                embeddings[part], surfaces[part] = self._pass([pictures[i] for i in part])
        return embeddings, surfaces

    def _pass(self, pictures: Sequence[Pixels]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with torch.inference_mode():
            x = to_input(pictures).to(self.device, dtype=self.dtype)
            embeddings, surfaces = self.network(x)
            return embeddings.float().cpu().numpy(), surfaces.float().softmax(dim=1).cpu().numpy()
