"""Losses of the Siamese network. Embeddings are float32 of unit length; each loss is a scalar."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def contrastive(a: Tensor, b: Tensor, same: Tensor, margin: float = 2.0) -> Tensor:
    """Contrastive loss over pairs: mean of y d^2 + (1 - y) max(m - d, 0)^2, halved; d the Euclidean distance.

    Source: Hadsell, Chopra, LeCun (2006), eq. 4; the paper takes m = 2. `a`, `b` (n, d); `same` (n,) of 0 and 1.
    """
    distance = (a - b).pow(2).sum(dim=1).clamp(min=1e-12).sqrt()
    y = same.to(distance.dtype)
    return (y * distance.pow(2) + (1 - y) * (margin - distance).clamp(min=0).pow(2)).mean() / 2


def pair_cross_entropy(logits: Tensor, same: Tensor) -> Tensor:
    """Binary cross-entropy of the pair head (the paper's improved Siamese network). `logits` and `same` (n,)."""
    return functional.binary_cross_entropy_with_logits(logits, same.to(logits.dtype))


def softmax(
    embeddings: Tensor,
    labels: Tensor,
    temperature: float,
    memory: Tensor | None = None,
    memory_labels: Tensor | None = None,
    doubtful: float | Tensor = 1.1,
) -> Tensor:
    """Supervised contrastive loss over a batch and a memory of earlier batches.

    For each anchor: mean over its positives p of -log(exp(s_p / t) / (exp(s_p / t) + sum over negatives exp(s_n / t))).
    Anchors without a positive do not count; the loss is 0 where no anchor has one.
    Source: Khosla et al. (2020), "Supervised Contrastive Learning", L_out, with the positives kept out of each other's
    denominator; the memory: Wang et al. (2020), "Cross-Batch Memory for Embedding Learning".

    Args:
        embeddings: (n, d).
        labels: (n,) class of each.
        temperature: t.
        memory: (k, d) embeddings of earlier batches.
        memory_labels: (k,).
        doubtful: cosine from which a negative is left out: where labels are incomplete it is likely the same product. A
            number, or one for each of the (n, n + k) pairs.
    """
    n = embeddings.shape[0]
    others = embeddings if memory is None else torch.cat([embeddings, memory])
    other_labels = labels if memory_labels is None else torch.cat([labels, memory_labels])
    similarity = embeddings @ others.T
    positive = labels[:, None] == other_labels[None, :]
    itself = torch.zeros_like(positive)
    itself[:, :n] = torch.eye(n, dtype=torch.bool, device=labels.device)
    negative = ~positive & (similarity.detach() < doubtful)
    positive = positive & ~itself
    scaled = similarity / temperature
    rest = scaled.masked_fill(~negative, float("-inf")).logsumexp(dim=1, keepdim=True)
    each = functional.softplus(rest - scaled)
    counts = positive.sum(dim=1)
    per_anchor = (each * positive).sum(dim=1) / counts.clamp(min=1)
    # Anchors without a positive add 0; the clamp turns a batch without any into 0 instead of 0 / 0.
    return per_anchor.sum() / (counts > 0).sum().clamp(min=1)


def batch_hard_triplet(embeddings: Tensor, labels: Tensor, margin: float = 0.2) -> Tensor:
    """Triplet loss with the hardest positive and negative of the batch (Hermans, Beyer, Leibe 2017, eq. 5)."""
    distance = (2 - 2 * (embeddings @ embeddings.T)).clamp(min=1e-12).sqrt()
    positive = labels[:, None] == labels[None, :]
    furthest = distance.masked_fill(~positive, float("-inf")).amax(dim=1)
    nearest = distance.masked_fill(positive, float("inf")).amin(dim=1)
    return functional.relu(furthest - nearest + margin).mean()


def mined_pairs(embeddings: Tensor, labels: Tensor, doubtful: float | Tensor = 1.1) -> tuple[Tensor, Tensor, Tensor]:
    """Balanced pairs for the pair head out of a batch: indices a, b and same, each (m,).

    Positives: each image with the one beside it in the batch (the sampler puts two of a class side by side).
    Negatives: each image with the most similar image of another class whose cosine is below `doubtful`, where there is
    one.
    """
    with torch.no_grad():
        similarity = embeddings @ embeddings.T
        positive = labels[:, None] == labels[None, :]
        nearest, hardest = similarity.masked_fill(positive | (similarity >= doubtful), float("-inf")).max(dim=1)
        found = nearest > float("-inf")
        n = embeddings.shape[0]
        index = torch.arange(n, device=labels.device)
        twin = index ^ 1
        a = torch.cat([index, index[found]])
        b = torch.cat([twin, hardest[found]])
        same = labels[a] == labels[b]
        return a, b, same
