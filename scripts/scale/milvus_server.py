"""Run Milvus (PyPI's `milvus`) where nobody but this machine reaches it, and hand on what comes to a loopback port.

    python scripts/scale/milvus_server.py DATA PORT [HOST]    with an environment that has `milvus==2.3.5`; as root

Milvus 2.3.5 listens on all interfaces on some nine ports whatever its settings say. So this process first binds PORT of
HOST (127.0.0.1), then leaves for a network namespace of its own (`unshare(2)`), where only a loopback of its own is,
and starts Milvus there. A socket stays in the namespace that it was made in: what is accepted comes from outside, what
is connected afterwards goes to Milvus. It prints "ready" when Milvus answers, and ends Milvus when it is ended itself.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

_CLONE_NEWNET = 0x40000000
_INSIDE = 19530
_NODES = ("rootCoord", "proxy", "queryCoord", "queryNode", "indexCoord", "indexNode", "dataCoord", "dataNode")


def leave_the_network() -> None:
    """Move this process to a network of its own with nothing but a loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        sys.exit(f"cannot make a network namespace ({os.strerror(ctypes.get_errno())}): run this as root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def start(data: Path) -> Any:
    """Start Milvus; its server, which ends Milvus when nobody holds it any more."""
    from milvus import MilvusServer, MilvusServerConfig

    config = MilvusServerConfig(data_dir=str(data), proxy_port=_INSIDE)
    for node in _NODES:
        config.set(f"{node}.ip", "127.0.0.1")  # it asks the network for its address, and there is none
    server = MilvusServer(config, wait_for_started=True)
    Path("/tmp/milvus").mkdir(exist_ok=True)  # it writes there whatever its settings say
    server.start()
    return server


def hand_on(listener: socket.socket) -> None:
    """Connect whoever comes with Milvus."""
    while True:
        outside, _ = listener.accept()
        threading.Thread(target=_joined, args=(outside,), daemon=True).start()


def _joined(outside: socket.socket) -> None:
    try:
        inside = socket.create_connection(("127.0.0.1", _INSIDE), timeout=5)
    except OSError:
        outside.close()  # Milvus is gone: the client hears so at once
        return
    inside.settimeout(None)
    for one, other in ((outside, inside), (inside, outside)):
        threading.Thread(target=_copied, args=(one, other), daemon=True).start()


def _copied(one: socket.socket, other: socket.socket) -> None:
    try:
        while part := one.recv(65536):
            other.sendall(part)
    except OSError:
        pass  # either side went: both are closed
    for side in (one, other):
        try:
            side.shutdown(socket.SHUT_RDWR)
        except OSError:
            side.close()


def main() -> None:
    """Serve until a signal comes or Milvus ends."""
    data, port = Path(sys.argv[1]), int(sys.argv[2])
    listener = socket.create_server((sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", port))
    leave_the_network()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = start(data)
    process: subprocess.Popen[bytes] = server.server_proc
    try:
        threading.Thread(target=hand_on, args=(listener,), daemon=True).start()
        print("ready", process.pid, flush=True)
        process.wait()
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
