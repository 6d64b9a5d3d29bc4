"""The snapshots of the filters that were asked last: made once, whatever number of threads ask for them."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock

from simsearch.core.types import Ids
from simsearch.recognition.product_filter import Condition, matching
from simsearch.recognition.snapshot import Snapshot, Snapshots, restricted

Where = tuple[Condition, ...]
"""Which products an answer may name; empty: all."""

_KEPT = 8
"""Filters whose snapshots are held: each holds descriptors of its part of the catalog, about a kilobyte an image."""
_TRIES = 3
"""Attempts to read products and images of one revision while others commit."""

_Key = tuple[Where, int, str]


class FilterCache:
    """The last few restricted snapshots, by filter, revision and generation. Safe to share between threads."""

    def __init__(self, snapshots: Snapshots) -> None:
        self.snapshots = snapshots
        self._made: OrderedDict[_Key, Future[Snapshot]] = OrderedDict()
        self._lock = Lock()

    def current(self, where: Where) -> Snapshot:
        """The current snapshot of the part of the catalog that fulfils `where`; of the whole where that is empty.

        Raises:
            UsageError: `where` names a field that no product has.
        """
        whole = self.snapshots.current()
        return whole if not where else self._restricted(where, whole)

    def _restricted(self, where: Where, whole: Snapshot) -> Snapshot:
        key = (where, whole.revision, whole.generation)
        with self._lock:
            future = self._made.get(key)
            mine = future is None
            if future is None:
                future = self._made[key] = Future()
            self._made.move_to_end(key)
            for old in [k for k in self._made if k[1] < whole.revision]:  # nobody asks for an earlier catalog again
                del self._made[old]
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        if not mine:
            return future.result()
        try:
            future.set_result(self._make(where, whole))
        except BaseException as error:
            with self._lock:
                self._made.pop(key, None)
            future.set_exception(error)
            raise
        return future.result()

    def _make(self, where: Where, whole: Snapshot) -> Snapshot:
        allowed: Ids = matching(self.snapshots.catalog, where)
        for _ in range(_TRIES):
            if self.snapshots.catalog.revision() == whole.revision:
                break
            whole = self.snapshots.current()
            allowed = matching(self.snapshots.catalog, where)
        return restricted(whole, self.snapshots, allowed)
