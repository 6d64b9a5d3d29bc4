"""Shards, replicas and stragglers: how long an answer waits where its parts come from many machines.

    python scripts/scale/simulate.py [--seed 1] [--queries 4000]

A question finds its lists once, goes to one replica of every file of votes, and is done when the last one is. A
machine has cores that each serve one part at a time; parts that find none free wait in line (first come, first served).
Questions arrive at random (Poisson).
The time of a part is log-normal around the measured one. One part in a hundred is a straggler, ten times as slow: a
page that is not in memory, a pause of the runtime, a busy neighbour. Hedged: a part that was not done within the 95th
percentile of an idle machine's time is asked of another replica too, and the first one counts (Dean and Barroso, "The
tail at scale", 2013). Nothing here was run on such a cluster: what comes out is the arithmetic of these assumptions.
"""

from __future__ import annotations

import argparse
import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Milliseconds = NDArray[np.float64]

_SPREAD = 0.35
"""Standard deviation of the logarithm of a part's time: p95 / p50 is then 1.8, as of single searches."""
_STRAGGLERS, _SLOWER = 0.01, 10.0


_ASKED, _LISTS, _CENTRES, _KEYPOINTS = 200, 8, 16, 200
"""Descriptors of a photo, lists that each looks into, lists of centres that it looks into; descriptors of an image."""
_MS, _MESSAGE_MS = 7.8e-6, 1.0
"""Of comparing two descriptors (measured: 7.0e-6 of centres, and 25 ms at a million images); of a message (assumed)."""


@dataclass(frozen=True)
class Layout:
    """How the keypoint votes lie, which decide the size of a cluster."""

    images: float
    files: int
    replicas: int
    cores: int
    """Of a machine, for each of its files."""

    @property
    def lists_ms(self) -> float:
        """Time to find the lists that a question looks into, once for all files: the actor of the first does."""
        return _MS * _ASKED * _CENTRES * math.sqrt(_lists(self.images))

    @property
    def part_ms(self) -> float:
        """Time of a question in one file: its share of those lists, and what a message costs an actor."""
        return _MESSAGE_MS + _MS * _ASKED * _LISTS * self.images * _KEYPOINTS / _lists(self.images) / self.files

    @property
    def work_ms(self) -> float:
        """Time of all cores for a question, in the mean."""
        slower = np.exp(_SPREAD**2 / 2) * (1 + _STRAGGLERS * (_SLOWER - 1))
        return float(slower * (self.lists_ms + self.files * self.part_ms))


def _lists(images: float) -> float:
    """As keypoint_votes.lists_for."""
    return float(0.5 * (images * _KEYPOINTS) ** (2 / 3))


def times(rng: np.random.Generator, count: int, part_ms: float) -> Milliseconds:
    """Milliseconds that parts take on a core that is free."""
    slow = np.where(rng.random(count) < _STRAGGLERS, _SLOWER, 1.0)
    return part_ms * rng.lognormal(0.0, _SPREAD, count) * slow


def simulated(layout: Layout, load: float, queries: int, seed: int, hedged: bool) -> Milliseconds:
    """Milliseconds of each query, in the order of arrival; the first tenth, which finds empty machines, is left out.

    `load`: share of all cores' time that is asked for, before hedging.
    """
    rng = np.random.default_rng(seed)
    rate = load * layout.cores * layout.files * layout.replicas / layout.work_ms  # queries a millisecond
    arrivals = np.cumsum(rng.exponential(1 / rate, queries))
    patience = float(np.quantile(times(np.random.default_rng(0), 100_000, layout.part_ms), 0.95))
    asked = arrivals + times(rng, queries, layout.lists_ms)  # on cores beside: a small share of the work of all
    done = np.zeros(queries)
    for _ in range(layout.files):
        free = [[0.0] * layout.cores for _ in range(layout.replicas)]  # when each core is free, a heap a replica
        first = rng.integers(layout.replicas, size=queries)
        work, again = times(rng, queries, layout.part_ms), times(rng, queries, layout.part_ms)
        for q, arrival in enumerate(asked):
            end = _served(free[first[q]], arrival, work[q])
            if hedged and layout.replicas > 1 and end - arrival > patience:
                other = free[(first[q] + 1) % layout.replicas]
                end = min(end, _served(other, arrival + patience, again[q]))
            done[q] = max(done[q], end)
    return (done - arrivals)[queries // 10 :]


def _served(cores: list[float], arrival: float, work: float) -> float:
    """When a part is done that takes the core that is free first."""
    end = max(arrival, cores[0]) + work
    heapq.heapreplace(cores, end)
    return end


LAYOUTS = (
    Layout(1e6, 1, 1, 16),
    Layout(1e8, 100, 1, 8),
    Layout(1e8, 100, 2, 8),
    Layout(1e9, 1000, 2, 8),
)


def main() -> None:
    """Print the table of docs/scale-out.md."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--queries", type=int, default=4000)
    given = parser.parse_args()
    print("| images | files × replicas | lists, then a file's part | load | questions/s | p50 | p99 | p99 hedged |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for layout in LAYOUTS:
        for load in (0.3, 0.6):
            queries = given.queries if layout.files < 1000 else given.queries // 4
            plain, hedged = (simulated(layout, load, queries, given.seed, h) for h in (False, True))
            rate = 1000 * load * layout.cores * layout.files * layout.replicas / layout.work_ms
            print(
                f"| {layout.images:.0e} | {layout.files} × {layout.replicas} | "
                f"{layout.lists_ms:.0f} + {layout.part_ms:.1f} ms | {load:.0%} | "
                f"{rate:.0f} | "
                f"{np.median(plain):.0f} ms | {np.quantile(plain, 0.99):.0f} ms | "
                + (f"{np.quantile(hedged, 0.99):.0f} ms |" if layout.replicas > 1 else "– |"),
                flush=True,
            )


if __name__ == "__main__":
    main()
