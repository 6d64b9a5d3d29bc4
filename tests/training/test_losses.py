"""Losses, against values worked out by hand and against plain loops."""

from __future__ import annotations

from math import exp, log, sqrt

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from simsearch.training import losses


def unit(*rows: tuple[float, ...]) -> Tensor:
    return functional.normalize(torch.tensor(rows), dim=1)


def drawn(n: int, d: int = 8, seed: int = 0) -> Tensor:
    return functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


X, Y = (1.0, 0.0), (0.0, 1.0)


def test_contrastive_by_hand() -> None:
    a, b = unit(X, X, X), unit(X, Y, Y)
    same = torch.tensor([True, True, False])
    # d = 0, sqrt(2), sqrt(2): 0 + 2 + (2 - sqrt(2))^2, over three pairs, halved.
    expected = (2 + (2 - sqrt(2)) ** 2) / 3 / 2
    assert losses.contrastive(a, b, same).item() == pytest.approx(expected, abs=1e-6)
    far = losses.contrastive(unit(X), unit((-1.0, 0.0)), torch.tensor([False]), margin=2.0)
    assert far.item() == pytest.approx(0.0, abs=1e-6)
    assert losses.contrastive(unit(X), unit(Y), torch.tensor([False]), margin=1.0).item() == 0.0


def test_pair_cross_entropy_by_hand() -> None:
    found = losses.pair_cross_entropy(torch.tensor([0.0, log(3.0)]), torch.tensor([True, False]))
    assert found.item() == pytest.approx((log(2) + log(4)) / 2)


def test_softmax_by_hand() -> None:
    # Each anchor has one positive at cosine 1 and two negatives at cosine 0.
    found = losses.softmax(unit(X, X, Y, Y), torch.tensor([0, 0, 1, 1]), temperature=0.5)
    assert found.item() == pytest.approx(-log(exp(2) / (exp(2) + 2)), abs=1e-6)


def plain_softmax(
    e: Tensor, labels: list[int], t: float, memory: Tensor, memory_labels: list[int], doubtful: float
) -> float:
    everything, all_labels = torch.cat([e, memory]), labels + memory_labels
    anchors = []
    for i, own in enumerate(labels):
        s = [float(e[i] @ other) for other in everything]
        positives = [j for j, label in enumerate(all_labels) if label == own and j != i]
        negatives = [j for j, label in enumerate(all_labels) if label != own and s[j] < doubtful]
        rest = sum(exp(s[j] / t) for j in negatives)
        terms = [-log(exp(s[j] / t) / (exp(s[j] / t) + rest)) for j in positives]
        if terms:
            anchors.append(sum(terms) / len(terms))
    return sum(anchors) / len(anchors)


@pytest.mark.parametrize("doubtful", [1.1, 0.3])
@pytest.mark.parametrize("seed", range(3))
def test_softmax_agrees_with_a_plain_loop(seed: int, doubtful: float) -> None:
    e, memory = drawn(8, seed=seed), drawn(5, seed=seed + 100)
    labels, memory_labels = [0, 0, 1, 1, 1, 2, 3, 3], [0, 5, 1, 6, 2]
    found = losses.softmax(e, torch.tensor(labels), 0.2, memory, torch.tensor(memory_labels), doubtful)
    assert found.item() == pytest.approx(plain_softmax(e, labels, 0.2, memory, memory_labels, doubtful), rel=1e-4)
    alone = losses.softmax(e, torch.tensor(labels), 0.2, doubtful=doubtful)
    assert alone.item() == pytest.approx(plain_softmax(e, labels, 0.2, e[:0], [], doubtful), rel=1e-4)


def test_triplet_by_hand() -> None:
    e = unit(X, Y, (-1.0, 0.0))
    # Anchors 0 and 1: positive at sqrt(2); nearest negative at 2 and sqrt(2). Anchor 2: itself and sqrt(2).
    found = losses.batch_hard_triplet(e, torch.tensor([0, 0, 1]), margin=1.0)
    assert found.item() == pytest.approx((sqrt(2) - 2 + 1 + 1.0 + 0.0) / 3, abs=1e-5)


@pytest.mark.parametrize(
    "labels", [[0, 0, 1, 1], [0, 1, 2, 3], [0, 0, 0, 0]], ids=["mixed", "no positives", "no negatives"]
)
@pytest.mark.parametrize("same_vectors", [False, True])
def test_gradients_are_finite(labels: list[int], same_vectors: bool) -> None:
    raw = torch.ones(4, 6) if same_vectors else torch.randn(4, 6, generator=torch.Generator().manual_seed(1))
    raw.requires_grad_()
    e = functional.normalize(raw, dim=1)
    y = torch.tensor(labels)
    a, b, same = losses.mined_pairs(e, y)
    total = (
        losses.softmax(e, y, 0.07, e.detach()[:0], y[:0], 0.9)
        + losses.batch_hard_triplet(e, y)
        + losses.contrastive(e[a], e[b], same)
        + losses.pair_cross_entropy((e[a] * e[b]).sum(dim=1), same)
    )
    assert total.isfinite()
    total.backward()  # type: ignore[no-untyped-call]
    assert raw.grad is not None
    assert raw.grad.isfinite().all()


def test_softmax_without_positives_is_zero() -> None:
    assert losses.softmax(drawn(4), torch.arange(4), 0.07).item() == 0.0


def test_mined_pairs() -> None:
    e = unit(X, (1.0, 0.1), (0.9, 0.3), (0.8, 0.5), Y, (0.1, 1.0))
    a, b, same = losses.mined_pairs(e, torch.tensor([0, 0, 1, 1, 2, 2]))
    assert a.tolist() == [0, 1, 2, 3, 4, 5] * 2
    assert b.tolist() == [1, 0, 3, 2, 5, 4, 2, 2, 1, 1, 3, 3]
    assert same.tolist() == [True] * 6 + [False] * 6


def test_mined_pairs_leave_doubtful_negatives_out() -> None:
    e = unit(X, X, X, X, Y, Y)
    a, b, same = losses.mined_pairs(e, torch.tensor([0, 0, 1, 1, 2, 2]), doubtful=0.9)
    negatives = list(zip(a[6:].tolist(), b[6:].tolist(), strict=True))
    assert all(not s for s in same[6:])
    # The X of the two classes may be the same product: each is set against a Y.
    assert all({i, j} & {4, 5} for i, j in negatives)
    a, b, same = losses.mined_pairs(unit(X, X, X, X), torch.tensor([0, 0, 1, 1]), doubtful=0.9)
    assert len(a) == 4
    assert same.all()
