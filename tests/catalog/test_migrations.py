"""What the migrations make is what the models say, to the names of constraints and indexes."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from simsearch.catalog import Catalog
from simsearch.catalog.reviews import ReviewVerdict, Side
from simsearch.catalog.tables import HEAD, Table
from simsearch.core.config import CatalogSettings
from simsearch.core.resources import resource_dir


@pytest.fixture
def migrated(tmp_path: Path) -> sa.Engine:
    Catalog(tmp_path / "migrated.db", CatalogSettings()).close()
    return sa.create_engine(f"sqlite:///{tmp_path / 'migrated.db'}")


@pytest.fixture
def declared(tmp_path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'declared.db'}")
    Table.metadata.create_all(engine)
    return engine


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(resource_dir("migrations")))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]
    # Versions are compared as text, to tell a newer schema from an older one.
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)


def test_alembic_finds_no_difference(migrated: sa.Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []


def spelt(sql: str) -> str:
    """One spelling of what means the same: constraints of a table are unordered, quotes and spaces do not count."""
    head, _, body = re.sub(r"\s+", " ", sql.replace('"', "")).strip().partition("(")
    depth, parts = 0, [""]
    for letter in body.rpartition(")")[0]:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    columns = [p.strip() for p in parts if "CONSTRAINT" not in p]
    return f"{head.strip()} {columns} {sorted(p.strip() for p in parts if 'CONSTRAINT' in p)}"


def schema(engine: sa.Engine) -> dict[str, str]:
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")).all()
    return {name: spelt(sql) for name, sql in rows if name not in ("alembic_version", "sqlite_sequence")}


def test_the_ddl_is_the_same(migrated: sa.Engine, declared: sa.Engine) -> None:
    """Also what Alembic does not compare: CHECK, partial unique indexes, AUTOINCREMENT, names."""
    found, wanted = schema(migrated), schema(declared)
    assert found == wanted
    assert "ck_images_verdict CHECK" in found["images"]
    assert "AUTOINCREMENT" in found["images"]
    with migrated.connect() as connection:
        where = "SELECT sql FROM sqlite_master WHERE name = 'uq_images_active'"
        assert str(connection.scalar(sa.text(where))).endswith("WHERE retired_at IS NULL")


def test_every_constraint_has_a_name(migrated: sa.Engine) -> None:
    inspector = sa.inspect(migrated)
    for table in Table.metadata.tables:
        keys = [*inspector.get_foreign_keys(table), *inspector.get_unique_constraints(table)]
        assert all(c["name"] for c in [*keys, *inspector.get_check_constraints(table)])


def test_a_difference_would_be_seen(migrated: sa.Engine, declared: sa.Engine) -> None:
    for change in ("DROP INDEX uq_images_active", "CREATE INDEX ix_more ON images (width)"):
        with migrated.begin() as connection:
            connection.execute(sa.text(change))
        assert schema(migrated) != schema(declared)


def test_the_state_begins_with_one_row(migrated: sa.Engine) -> None:
    with migrated.connect() as connection:
        assert connection.execute(sa.text("SELECT id, revision FROM state")).all() == [(1, 0)]


def test_alembic_by_hand(tmp_path: Path) -> None:
    """As the docstring of env.py says, without the catalog's engine."""
    config = Config(str(resource_dir("migrations") / "alembic.ini"))
    config.cmd_opts = type("Options", (), {"x": [f"url=sqlite:///{tmp_path / 'by-hand.db'}"]})()
    command.upgrade(config, "head")
    with sqlite3.connect(tmp_path / "by-hand.db") as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]
    connection.close()


def test_the_oldest_schema_has_none_before_it() -> None:
    path = resource_dir("migrations") / "versions" / "0001_catalog.py"
    spec = importlib.util.spec_from_file_location("first_migration", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(NotImplementedError, match="no older schema"):
        module.downgrade()


@pytest.mark.parametrize("table", Table.metadata.sorted_tables, ids=lambda table: table.name)
def test_the_ddl_compiles_for_postgresql(table: sa.Table) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
    made = [str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes]
    if table.name == "images":
        assert any("WHERE retired_at IS NULL" in sql for sql in made)
    names = [*(constraint.name for constraint in table.constraints), *(index.name for index in table.indexes)]
    assert all(len(str(name)) <= 63 for name in names)  # PostgreSQL cuts longer ones


def test_a_catalog_of_the_first_schema_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "catalog.db"
    config = Config(str(resource_dir("migrations") / "alembic.ini"))
    config.cmd_opts = type("Options", (), {"x": [f"url=sqlite:///{path}"]})()
    command.upgrade(config, "0001")
    with sqlite3.connect(path) as old:
        old.execute(
            "INSERT INTO products (sku, name, strength, form, manufacturer, attributes) "
            "VALUES ('s', 'n', '', '', '', '{}')"
        )
    old.close()
    for _ in range(2):  # the second opening finds nothing to do
        catalog = Catalog(path, CatalogSettings())
        assert catalog.reviews.sides("s") == [Side("s")]
        catalog.reviews.record(Side("s"), Side("t"), ReviewVerdict.DISMISSED, "kept")
        assert [(r.a, r.b, r.note) for r in catalog.reviews.all()] == [(Side("s"), Side("t"), "kept")]
        catalog.close()
    command.downgrade(config, "0001")
    with sqlite3.connect(path) as again:
        assert again.execute("SELECT sku FROM products").fetchall() == [("s",)]
    again.close()
