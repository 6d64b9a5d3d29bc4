"""Opening the database and its transactions. SQLite in WAL mode is the default, the URL may name PostgreSQL.

A reading transaction sees the database as of one moment. A writing one takes the write lock at its start, so that two
writers wait for each other (`catalog.busy_timeout_s`) instead of failing half-way.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock, local
from typing import Any, NoReturn
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from simsearch.catalog import postgres, sqlite
from simsearch.catalog.tables import HEAD, StateRow
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError
from simsearch.core.resources import resource_dir

_MIGRATING = Lock()
"""Alembic keeps the migration that it runs in globals of its module: threads would mix theirs up."""
_CHUNK = 500
"""Ids in one IN (...): SQLite's oldest limit on bound parameters is 999."""


def now() -> datetime:
    """The present in UTC, without a zone: the form in which the catalog stores times."""
    return datetime.now(UTC).replace(tzinfo=None)


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """`items` in parts that are small enough for the parameters of one statement."""
    for i in range(0, len(items), _CHUNK):
        yield items[i : i + _CHUNK]


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for any other."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


class Database:
    """An open catalog database of this version. Many threads may use it at once, each transaction in one thread."""

    def __init__(self, url: str | Path, settings: CatalogSettings) -> None:
        """Open the database, creating or migrating it as needed. A path is that of an SQLite file.

        A file that cannot be written, or whose folder cannot, is opened for reading: `read_only` says so.

        Raises:
            CatalogError: it cannot be opened, is no catalog, was made by a newer simsearch, or was lost.
        """
        try:
            # A path is not parsed as a URL: a question mark in it would begin the options.
            self.url = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else make_url(url)
            if self.file is not None and self.url.database:
                sqlite.check_place(self.file)
            self.engine = _engine(self.url, settings)
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise CatalogError(f"catalog.url: names no database that can be used here ({_line(error)})") from None
        except OSError as error:
            text = f"{self.where()}: its folder cannot be made ({error.strerror}); choose another --home"
            raise CatalogError(text) from None
        self._here = local()
        self.read_only = self.file is not None and not sqlite.writable(self.file)
        self.closed = False
        try:
            with self.translated(), _MIGRATING, self._alone():
                self._migrate()
        except CatalogError:
            self.engine.dispose()
            raise
        self._opened = sqlite.identity(self.file) if self.file else None
        _OPEN.add(self)

    def close(self) -> None:
        """Close the connections. Whatever reads or writes later raises CatalogError."""
        self.closed = True
        self.engine.dispose()

    @property
    def file(self) -> Path | None:
        """The database file; None where the database is no SQLite file."""
        return file_of(self.url)

    def where(self) -> str:
        """The database as messages name it, without its password."""
        return str(self.file or self.url.render_as_string())

    # -- transactions ------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads: all its statements see the database as of the first."""
        self._check_open()
        if (shared := getattr(self._here, "connection", None)) is not None:
            with self.translated():
                yield shared
            return
        with self.translated(), self.engine.connect() as connection:
            if self.file is None:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """Within it, all that the calling thread reads is of one transaction: of one moment, and begun once.

        Nothing that reads row by row (a generator) may outlive it. It may be entered again within.
        """
        if getattr(self._here, "connection", None) is not None:
            yield
            return
        with self.read() as connection:
            self._here.connection = connection
            try:
                yield
            finally:
                self._here.connection = None

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at its end, rolled back on an error."""
        self._check_open()
        if self.read_only:
            text = f"{self.where()}: can be read but not written"
            raise CatalogError(f"{text}; check the permissions of file and folder, and the free disk space")
        if self.file and sqlite.identity(self.file) != self._opened:
            # SQLite would go on writing to a file without a name, which is lost with this process.
            raise CatalogError(f"{self.where()}: was removed or replaced since it was opened; open it again")
        with self.translated(), self.engine.execution_options(simsearch_write=True).begin() as connection:
            if self.file is None:
                postgres.lock_writers(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock of runs that write, beside that of the home: other machines have other homes.

        Raises:
            CatalogError: another process holds it.
        """
        if self.file is not None:
            yield
            return
        with self.translated(), postgres.writing(self.engine, self.where()):
            yield

    def _check_open(self) -> None:
        if self.closed:
            raise CatalogError(f"{self.where()}: is closed")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn every error of SQLAlchemy into a CatalogError with a remedy."""
        try:
            yield
        except CatalogError:
            raise
        except sa.exc.TimeoutError as error:
            text = f"{self.where()}: all its connections were in use for too long"
            raise CatalogError(f"{text}; raise catalog.pool_size, or ask less at once") from error
        except sa.exc.DBAPIError as error:
            if self.file is not None or isinstance(error, sa.exc.IntegrityError):
                self._translate(error)
            raise CatalogError(f"{self.where()}: {postgres.complaint(error)}") from error
        except sa.exc.SQLAlchemyError as error:
            raise CatalogError(f"{self.where()}: cannot be used ({_line(error)})") from error

    def _translate(self, error: sa.exc.DBAPIError) -> NoReturn:
        """Raise what SQLite says, or either database of a row that cannot be, as a CatalogError."""
        text, where = _line(error.orig), self.where()
        if isinstance(error, sa.exc.IntegrityError):
            raise CatalogError(
                f"{where}: {text}; if another process writes the same photos, let it end first"
            ) from error
        if isinstance(error, sa.exc.OperationalError) and "locked" in text:
            raise CatalogError(f"{where}: is locked by another process; try again, or end that process") from error
        if isinstance(error, sa.exc.OperationalError):
            raise CatalogError(f"{where}: {text}; check the path, its permissions and the free disk space") from error
        if isinstance(error, sa.exc.DatabaseError):
            raise CatalogError(f"{where}: is no sound catalog ({text}); restore a backup") from error
        raise CatalogError(f"{where}: cannot be used ({text})") from error

    # -- schema ------------------------------------------------------------------------------------------------------

    def _alone(self) -> AbstractContextManager[None]:
        return nullcontext() if self.file is not None else postgres.migrating(self.engine)

    def _migrate(self) -> None:
        version = self._version()
        if version is not None and version > HEAD:
            raise CatalogError(f"{self.where()}: was made by a newer simsearch (schema {version}); update simsearch")
        if self.read_only and version != HEAD:
            text = f"{self.where()}: its schema {version} is older than this simsearch, and it cannot be written"
            raise CatalogError(f"{text}; open it once where it can be")
        if self.file is not None and version is None:
            sqlite.check_new(self.file)
        if self.file is not None and not self.read_only:
            sqlite.use_wal(self.engine)  # not before it is known to be a catalog or new
        if version == HEAD:
            return
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(resource_dir("migrations")).replace("%", "%%"))
        config.attributes["engine"] = self.engine
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            text = f"{self.where()}: its schema {version} is none that simsearch ever had ({_line(error)})"
            raise CatalogError(f"{text}; restore a backup") from error

    def _version(self) -> str | None:
        """Of the schema; None where there is none yet."""
        with self.engine.connect() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            if tables - {"alembic_version"} and not tables >= {"alembic_version", "descriptors"}:
                raise CatalogError(
                    f"{self.where()}: is a database, but not a catalog of simsearch; choose another --home"
                )
            if "alembic_version" not in tables:
                return None
            version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return None if version is None else str(version)


_OPEN: WeakSet[Database] = WeakSet()
_LEFT: list[object] = []
"""Pools of the parent process, kept alive: a forked child must not even close SQLite connections of its parent."""


def _after_fork() -> None:
    for database in list(_OPEN):
        _LEFT.append(database.engine.pool)
        database.engine.dispose(close=False)
        database._here = local()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Part:
    """Base of the parts of the catalog: questions and changes of one kind."""

    def __init__(self, database: Database) -> None:
        self.database = database


def raise_revision(c: Connection) -> int:
    """Count one change of images or products; returns the revision that it makes."""
    c.execute(sa.update(StateRow).values(revision=StateRow.revision + 1))
    return int(c.scalar(sa.select(StateRow.revision)) or 0)


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _engine(url: URL, settings: CatalogSettings) -> Engine:
    pool: dict[str, Any] = {
        "pool_size": settings.pool_size, "max_overflow": 0, "pool_timeout": settings.busy_timeout_s
    }  # fmt: skip
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise sa.exc.ArgumentError(f"{url.get_backend_name()} is neither sqlite nor postgresql")
    if url.get_backend_name() == "postgresql":
        return postgres.engine(url, settings.busy_timeout_s, **pool)
    if url.database in (None, "", ":memory:"):
        raise sa.exc.ArgumentError("a database in memory ends with its connection: name a file")
    return sqlite.engine(url, settings.busy_timeout_s, **pool)
