"""Alembic's entrance. simsearch runs it with the catalog's own engine; by hand it takes the URL of its -x option.

alembic -c migrations/alembic.ini -x url=sqlite:///home/catalog.db upgrade head
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from simsearch.catalog.tables import Table


def run() -> None:
    """Apply what is missing, in one transaction."""
    engine = context.config.attributes.get("engine")
    if engine is None:
        url = context.get_x_argument(as_dictionary=True).get("url")
        if not url:
            raise SystemExit(
                "give the database: alembic -c migrations/alembic.ini -x url=sqlite:///home/catalog.db ..."
            )
        engine = sa.create_engine(url)
    # Alembic would commit each migration by itself on SQLite, and read the version before: a second process that opens
    # the catalog would then apply one again. In a transaction that is begun already it does all of that.
    with engine.execution_options(simsearch_write=True).connect() as connection, connection.begin():
        context.configure(
            connection=connection, target_metadata=Table.metadata, render_as_batch=True, compare_type=True
        )
        context.run_migrations()


run()
