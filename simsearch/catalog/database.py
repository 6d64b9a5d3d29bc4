"""Opening the database and its transactions. SQLite in WAL mode is the default, the URL may name PostgreSQL.

A reading transaction sees the database as of one moment. A writing one takes the write lock at its start, so that two
writers wait for each other (`catalog.busy_timeout_s`) instead of failing half-way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine, make_url

from simsearch.catalog.tables import HEAD
from simsearch.core.config import CatalogSettings
from simsearch.core.errors import CatalogError
from simsearch.core.resources import resource_dir

_CHUNK = 500
"""Ids in one IN (...): SQLite's oldest limit on bound parameters is 999."""


def now() -> datetime:
    """UTC without zone, as stored."""
    return datetime.now(UTC).replace(tzinfo=None)


def chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Parts that one statement can name."""
    for i in range(0, len(items), _CHUNK):
        yield items[i : i + _CHUNK]


class Database:
    """An open catalog database of this version. Many threads may use it at once, each transaction in one thread."""

    def __init__(self, url: str | Path, settings: CatalogSettings) -> None:
        """Open the database, creating or migrating it as needed. A path is that of an SQLite file.

        Raises:
            CatalogError: it cannot be opened, is no catalog, or was made by a newer simsearch.
        """
        try:
            # Not by way of text: a question mark in a path would begin the options of a URL.
            self.url = URL.create("sqlite", database=str(url)) if isinstance(url, Path) else make_url(url)
            self.engine = _engine(self.url, settings)
        except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
            raise CatalogError(f"catalog.url: names no database that can be used here ({_line(error)})") from None
        except OSError as error:
            text = f"{self.where()}: its folder cannot be made ({error.strerror}); choose another --home"
            raise CatalogError(text) from None
        with self.translated():
            self._migrate()

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    @property
    def file(self) -> Path | None:
        """The database file; None where the database is no SQLite file."""
        return Path(str(self.url.database)) if self.url.get_backend_name() == "sqlite" else None

    def where(self) -> str:
        """The database as messages name it, without its password."""
        return str(self.file or self.url.render_as_string())

    # -- transactions ------------------------------------------------------------------------------------------------

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that reads: all its statements see the database as of the first."""
        with self.translated(), self.engine.connect() as connection:
            if self.file is None:
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at its end, rolled back on an error."""
        with self.translated(), self.engine.execution_options(simsearch_write=True).begin() as connection:
            yield connection

    @contextmanager
    def frozen(self) -> Iterator[Database]:
        """This database as of one moment, on one connection; for the thread that asks, and for reading."""
        with self.read() as connection:
            yield _Frozen(self, connection)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn every error of SQLAlchemy into a CatalogError with a remedy."""
        try:
            yield
        except sa.exc.TimeoutError as error:
            text = f"{self.where()}: all its connections were in use for too long"
            raise CatalogError(f"{text}; raise catalog.pool_size, or ask less at once") from error
        except sa.exc.OperationalError as error:
            text = _line(error.orig)
            if "locked" in text:
                raise CatalogError(
                    f"{self.where()}: is locked by another process; try again, or end that process"
                ) from error
            raise CatalogError(
                f"{self.where()}: {text}; check the path, its permissions and the free disk space"
            ) from error
        except sa.exc.IntegrityError as error:
            raise CatalogError(
                f"{self.where()}: {_line(error.orig)}; if another process writes the same photos, let it end first"
            ) from error
        except sa.exc.DatabaseError as error:
            text = f"{self.where()}: is no sound catalog ({_line(error.orig)})"
            raise CatalogError(f"{text}; restore a backup") from error
        except sa.exc.SQLAlchemyError as error:
            raise CatalogError(f"{self.where()}: cannot be used ({_line(error)})") from error

    # -- schema ------------------------------------------------------------------------------------------------------

    def _migrate(self) -> None:
        version = self._version()
        if version is not None and version > HEAD:
            raise CatalogError(f"{self.where()}: was made by a newer simsearch (schema {version}); update simsearch")
        if self.file is not None:
            self._use_wal()
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

    def _use_wal(self) -> None:
        # Lasting, written into the file: not before it is known to be a catalog or new. Impossible in a transaction.
        with self.engine.execution_options(simsearch_write=None).connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")


class _Frozen(Database):
    """A database as of one moment: every read is part of one transaction that is open already."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self.url, self.engine, self._connection = database.url, database.engine, connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.translated():
            yield self._connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        raise TypeError("a snapshot of the catalog is for reading")
        yield


class Part:
    """A part of the catalog: questions and changes of one kind, all on the same database."""

    def __init__(self, database: Database) -> None:
        self.database = database


def _line(error: object) -> str:
    return " ".join(str(error).split())


def _engine(url: URL, settings: CatalogSettings) -> Engine:
    pool = {"pool_size": settings.pool_size, "max_overflow": 0, "pool_timeout": settings.busy_timeout_s}
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, **pool)
    if url.database in (None, "", ":memory:"):
        raise sa.exc.ArgumentError("a database in memory ends with its connection: name a file")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": settings.busy_timeout_s}, **pool)

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not guessed by the driver
        for pragma in ("foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A reader that turns writer fails at once under WAL when its snapshot is old; a writer says so at the start.
        write = connection.get_execution_options().get("simsearch_write", False)
        if write is not None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
