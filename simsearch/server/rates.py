"""How often a client may ask: a rate limit over all workers, in a small file that they share.

Method: the generic cell rate algorithm (ATM Forum TM 4.1): for each client one number, the time at which its bucket
would be full again. The file has a fixed number of places, chosen by a keyed digest of the client's name: memory does
not grow with the number of clients, and nobody can choose whom they share a place with.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import struct
import tempfile
import time
from pathlib import Path

_PLACES = 8192
_TIME = struct.Struct("<d")
_KEY_BYTES = 16


class Rates:
    """The rate limit of all clients. Safe to share between threads and processes.

    Two processes that ask for one client in the same microsecond may count one request between them: a place is a
    single aligned number that is written whole.
    """

    def __init__(self, rate_per_s: float, burst: int, file: Path | None = None) -> None:
        """`rate_per_s`: 0 for no limit. `file`: shared between the workers, made by `make`; None: of this process."""
        self.rate, self.burst = rate_per_s, burst
        if file is None:
            with tempfile.TemporaryFile() as stream:
                _fill(stream.fileno())
                self._map = mmap.mmap(stream.fileno(), 0)
        else:
            with file.open("r+b") as stream:
                self._map = mmap.mmap(stream.fileno(), 0)
        self._key = self._map[:_KEY_BYTES]

    @staticmethod
    def make(file: Path) -> None:
        """Make the file that the workers share."""
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _fill(handle)
        finally:
            os.close(handle)

    def wait_s(self, client: str) -> float:
        """0 where `client` may ask now, which is counted; else the seconds after which it may."""
        if not self.rate:
            return 0.0
        digest = hashlib.blake2b(client.encode(errors="surrogateescape"), digest_size=8, key=self._key).digest()
        place = _KEY_BYTES + 8 * (int.from_bytes(digest, "little") % _PLACES)
        now = time.monotonic()  # of the machine, the same in every process
        (full,) = _TIME.unpack_from(self._map, place)
        full = max(full, now)
        wait = full - now - (self.burst - 1) / self.rate
        if wait > 0:
            return float(wait)
        _TIME.pack_into(self._map, place, full + 1 / self.rate)
        return 0.0


def _fill(handle: int) -> None:
    os.write(handle, secrets.token_bytes(_KEY_BYTES) + bytes(8 * _PLACES))
