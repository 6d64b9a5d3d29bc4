"""The builds of the indexes, also of those that failed or are gone from disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from simsearch.catalog.database import Part, now
from simsearch.catalog.tables import GenerationRow


class Builds(Part):
    """The log of builds."""

    def record(self, name: str, images: int, state: str, audit: Mapping[str, Any]) -> None:
        """Record a build, in place of an earlier one of the same name. `state`: built or failed."""
        with self.database.write() as c:
            c.execute(sa.delete(GenerationRow).where(GenerationRow.name == name))
            values = {"name": name, "created_at": now(), "images": images, "state": state, "audit": dict(audit)}
            c.execute(sa.insert(GenerationRow).values(values))

    def all(self) -> list[dict[str, Any]]:
        """All builds, oldest first, as the columns of `GenerationRow`."""
        with self.database.read() as c:
            return [dict(row) for row in c.execute(_BUILDS.order_by(GenerationRow.id)).mappings()]

    def get(self, name: str) -> dict[str, Any] | None:
        """The build of this name; None where there is none."""
        with self.database.read() as c:
            row = c.execute(_BUILDS.where(GenerationRow.name == name)).mappings().one_or_none()
        return dict(row) if row else None

    def names(self) -> list[str]:
        """The names of all builds, oldest first, read without their audits, which are long."""
        with self.database.read() as c:
            return list(c.scalars(sa.select(GenerationRow.name).order_by(GenerationRow.id)))


_BUILDS = sa.select(GenerationRow.__table__)
