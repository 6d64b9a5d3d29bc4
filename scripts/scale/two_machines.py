"""Index on one machine, ask on another: two network namespaces that share nothing but what the servers hold.

    scripts/scale/up
    scripts/scale/two_machines [--engine milvus|pgvector] [--products 8]

Each machine has a network namespace, joined to that of the servers by a cable (veth), and a mount namespace in which
/tmp is its own. The first renders a catalog, indexes it and builds; the second has a home of its own and neither the
photos nor the first one's home. It asks by photos that it was handed, and every answer must name the right product;
then the first one adds a product and rebuilds, and the second, whose process went on, must know it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scale import lab

STEP = {
    "first": """
import json, sys
from pathlib import Path
from simsearch import open_app
from simsearch.synthetic import make_products, write_catalog
products = make_products(int(sys.argv[2]), 5, family_share=0.0)
folder = Path("/tmp/first"); folder.mkdir()
write_catalog(folder, products, 5, photos_per_product=2, duplicates=0, size=352)
with open_app(folder / "home", sys.argv[1]) as app:
    report = app.index([folder / "catalog.csv"], check=False)
    print("indexed", report.added, app.generations.current(), flush=True)
    handed = Path(sys.argv[3])
    for product in products:
        handed.joinpath(product.sku + ".jpg").write_bytes((folder / f"images/{product.sku}_0.jpg").read_bytes())
    input()
    more = make_products(int(sys.argv[2]) + 1, 5, family_share=0.0)
    write_catalog(folder / "more", more[-1:], 5, photos_per_product=2, duplicates=0, size=352)
    app.index([folder / "more" / "catalog.csv"], rebuild=True, check=False)
    handed.joinpath(more[-1].sku + ".jpg").write_bytes((folder / f"more/images/{more[-1].sku}_0.jpg").read_bytes())
    print("rebuilt", app.generations.current(), flush=True)
""",
    "second": """
import sys
from pathlib import Path
from simsearch import open_app
assert not Path("/tmp/first").exists(), "the machines share a folder"
with open_app("/tmp/second", sys.argv[1]) as app:
    while input():
        for photo in sorted(Path(sys.argv[3]).glob("*.jpg")):
            [found] = app.query([photo])
            first = found.hits[0].sku if found.hits else "nothing"
            print("asked", photo.stem, first, found.generation, flush=True)
        print("done", flush=True)
""",
}


def machine(number: int) -> str:
    """Make a machine with an address in the servers' network; the name of its namespace."""
    name = f"machine{number}"
    lab.begin(name, ["unshare", "-n", "sleep", "infinity"])
    pid = lab.pid_of(name)
    while os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        pass
    for command in (
        f"ip link add m{number} type veth peer name eth0 netns {pid}", f"ip link set m{number} master {lab.BRIDGE} up",
    ):  # fmt: skip
        subprocess.run(lab.inside(command.split()), check=True)
    for command in ("ip link set lo up", f"ip addr add {lab.NETWORK}{number + 1}/24 dev eth0", "ip link set eth0 up"):
        subprocess.run(lab.inside(command.split(), name), check=True)
    return name


def begun(name: str, step: str, *given: str) -> subprocess.Popen[str]:
    """A Python process on a machine, with a /tmp of its own."""
    inner = ["sh", "-c", 'mount -t tmpfs tmpfs /tmp && exec "$@"', "sh", str(lab.PYTHON), "-c", STEP[step], *given]
    command = lab.inside(["unshare", "-m", *inner], name)
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=lab.settings())


def said(process: subprocess.Popen[str], until: str) -> list[list[str]]:
    """The words of each line up to one that begins with `until`."""
    assert process.stdout is not None
    lines: list[list[str]] = []
    for line in process.stdout:
        lines.append(line.split())
        print("  ", line.rstrip(), flush=True)
        if line.startswith(until):
            return lines
    sys.exit(f"a machine ended before it said {until!r}")


def tell(process: subprocess.Popen[str], line: str) -> None:
    """A line on its stdin."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def settings_file(folder: Path, engine: str) -> Path:
    """What both machines are configured with."""
    name = f"two_{engine}"
    with psycopg.connect(os.environ["SIMSEARCH_SCALE_POSTGRES"], autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    url = lab.milvus_database("two_machines", f"{lab.NETWORK}1") if engine == "milvus" else ""
    path = folder / "settings.toml"
    path.write_text(
        f'[catalog]\nurl = "postgresql://simsearch@{lab.NETWORK}1:{lab.POSTGRES}/{name}"\n'
        f'[generations]\nengine = "{engine}"\nurl = "{url}"\n[reading]\nmode = "never"\n'
    )
    return path


def main() -> None:
    """Make the machines, index on one, ask on the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engine", choices=("milvus", "pgvector"), default="milvus")
    parser.add_argument("--products", type=int, default=8)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="two-machines-", dir=lab.RUN))
    machines = [machine(1), machine(2)]
    try:
        handed = folder / "handed"
        handed.mkdir()
        arguments = [str(settings_file(folder, given.engine)), str(given.products), str(handed)]
        first = begun(machines[0], "first", *arguments)
        said(first, "indexed")
        second = begun(machines[1], "second", *arguments)
        tell(second, "ask")
        lines = said(second, "done")
        tell(first, "go on")
        [*_, rebuilt] = said(first, "rebuilt")
        tell(second, "ask")
        again = said(second, "done")
        tell(second, "")
        codes = first.wait(60), second.wait(60)
    finally:
        for name in machines:
            lab.end(name)
        shutil.rmtree(folder)
    asked = [line for line in lines + again if line[0] == "asked"]
    right = sum(line[1] == line[2] for line in asked)
    moved = all(line[3] == rebuilt[1] for line in again if line[0] == "asked")
    print(json.dumps({"asked": len(asked), "right": right, "followed": moved, "exit": codes}))
    sys.exit(0 if right == len(asked) == 2 * given.products + 1 and moved and not any(codes) else 1)


if __name__ == "__main__":
    main()
