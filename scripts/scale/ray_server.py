"""A Ray cluster of one head without cores and two workers with one each, all on this machine.

    python scripts/scale/ray_server.py PORT CLIENT_PORT       with an environment that has `ray`

`ray start` three times does the same in three times as long. It prints "ready" and the pids of the workers' raylets,
and ends everything when it is ended itself. Run it in a network namespace: Ray listens on all interfaces. RAY_TMPDIR
says where its logs and sockets lie; their paths may have 107 characters.
"""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

_WORKERS = 2
_PORTS = "metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port"
"""Of what runs beside a node. Where they are not fixed, a node gives up after 15 s of waiting for them: Ray #65983."""
_FIRST = 27000
_STORE = 100 * 2**20
"""Bytes of shared memory a node: a chunk of photos is a few megabytes."""


def started(port: int, client_port: int) -> Any:
    """The cluster, with its workers."""
    from ray.cluster_utils import Cluster

    head = {
        **_ports(0), "num_cpus": 0, "gcs_server_port": port, "ray_client_server_port": client_port,
        "node_ip_address": "127.0.0.1", "include_dashboard": False, "object_store_memory": _STORE,
    }  # fmt: skip
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for number in range(_WORKERS):
        worker(cluster, 1 + number)
    return cluster


def worker(cluster: Any, number: int) -> None:
    """Add a worker; `number`: no other node has it, nor had."""
    ports = _ports(number)
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=_STORE, **ports)


def _ports(number: int) -> dict[str, int]:
    return {name: _FIRST + 10 * number + place for place, name in enumerate(_PORTS)}


def pids(cluster: Any) -> list[int]:
    """Of the raylets of the workers."""
    return [node.all_processes["raylet"][0].process.pid for node in cluster.worker_nodes]


def main() -> None:
    """Serve until SIGTERM; SIGHUP puts a new worker in the place of each that died."""
    cluster = started(int(sys.argv[1]), int(sys.argv[2]))
    number = _WORKERS
    over, renew = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    signal.signal(signal.SIGHUP, lambda *_: renew.set())
    print("ready", *pids(cluster), flush=True)
    while not over.wait(0.5):
        if renew.is_set():
            renew.clear()
            for node in [n for n in cluster.worker_nodes if n.dead_processes()]:
                cluster.remove_node(node, allow_graceful=False)
                number += 1
                worker(cluster, number)
            print("ready", *pids(cluster), flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
