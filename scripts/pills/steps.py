"""One step of training, the same for both networks of pills."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn


def learn(
    loss: Tensor,
    optimiser: torch.optim.Optimizer,
    rates: Mapping[str, float],
    learned: Mapping[str, Tensor],
    average: Mapping[str, Tensor],
    *,
    done: float,
    warm: float,
    step: int,
    most: float,
) -> None:
    """Follow the gradient of a loss, by rates on half a cosine, and take what is learned into its moving average.

    Args:
        loss: of one batch, with its graph.
        optimiser: its groups in the order of `rates`.
        rates: at the start.
        learned: parameters by name.
        average: of the same names; changed in place.
        done: share of the training that is over, 0 to 1.
        warm: what the rates count at the start of a run, 0 to 1.
        step: number of this step, from 1.
        most: norm that the gradient is cut to.
    """
    share = min(1.0, warm) * (0.49 * (1 + np.cos(np.pi * done)) + 0.02)
    for group, rate in zip(optimiser.param_groups, rates.values(), strict=True):
        group["lr"] = float(rate * share)
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(list(learned.values()), most)
    optimiser.step()
    kept = min(0.995, step / (step + 9))
    with torch.no_grad():
        for name, value in learned.items():
            average[name].lerp_(value, 1 - kept)
