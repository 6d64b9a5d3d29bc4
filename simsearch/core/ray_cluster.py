"""The connection to a Ray cluster, which the extra `ray` brings: one for the whole process.

    ray                  the cluster that RAY_ADDRESS names or this machine is part of; else one of this process's own
    ray://HOST:PORT      a cluster elsewhere, by Ray's client: the machine here is no part of it

Whoever reaches a cluster can run any code there. Ray asks for a token (RAY_AUTH_MODE=token); see docs/scale-out.md.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from simsearch.core.errors import ConfigError, EngineError

HERE = "ray"
_ADDRESS = re.compile(r"ray://(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}")
_LOCK = threading.Lock()
_connected = ""
"""The address that this process is connected to."""


def is_ray(where: str) -> bool:
    """Whether a setting names a Ray cluster."""
    return where == HERE or _ADDRESS.fullmatch(where) is not None


def connected(where: str) -> Any:
    """The module `ray`, connected to the cluster `where`.

    Raises:
        ConfigError: Ray is not installed, or this process is connected to another cluster.
        EngineError: the cluster does not answer, or refuses.
    """
    global _connected
    try:
        import ray
    except ImportError:
        raise ConfigError(f"{where} needs Ray: pip install 'simsearch[ray]'") from None
    with _LOCK:
        if ray.is_initialized():
            if _connected not in ("", where):
                raise ConfigError(f"{where}: this process is connected to {_connected}; name one Ray cluster only")
            return ray
        _connected = ""
        with asked(where), _signals_kept():
            _begin(ray, where)
        _connected = where
    return ray


def _begin(ray: Any, where: str) -> None:
    """Connect. Of a client's server in the cluster some starts fail, each by itself (Ray #63202)."""
    address = where if where != HERE else None
    for last in (False, False, True):
        try:
            ray.init(address, log_to_driver=False, logging_level="ERROR", namespace="simsearch")
            return
        except ConnectionAbortedError:
            if last:
                raise


def disconnect() -> None:
    """Leave the cluster; what was started for this process ends there."""
    global _connected
    import ray

    with _LOCK:
        _connected = ""
        if ray.is_initialized():
            ray.shutdown()


@contextmanager
def asked(where: str) -> Iterator[None]:
    """Translate what Ray raises where the cluster itself is at fault.

    Raises:
        EngineError: it does not answer, or refuses.
    """
    from ray.exceptions import AuthenticationError, RayError

    try:
        yield
    except AuthenticationError as error:
        raise EngineError(
            f"{where}: refuses the token (RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH): {_line(error)}"
        ) from None
    except (ConnectionError, RuntimeError, RayError, TimeoutError) as error:
        raise EngineError(f"{where}: Ray does not answer, or refuses ({_line(error)})") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray puts a handler of its own in the place of ours."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
