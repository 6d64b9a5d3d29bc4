"""The builds of the indexes, also of those that failed or are gone from disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from simsearch.catalog.database import Part, now
from simsearch.catalog.tables import GenerationRow


class Builds(Part):
    """Every generation that was built."""

    def record(self, name: str, images: int, state: str, audit: Mapping[str, Any]) -> None:
        """Remember a build, whether it serves or not."""
        with self.database.write() as c:
            c.execute(sa.delete(GenerationRow).where(GenerationRow.name == name))
            values = {"name": name, "created_at": now(), "images": images, "state": state, "audit": dict(audit)}
            c.execute(sa.insert(GenerationRow).values(values))

    def all(self) -> list[dict[str, Any]]:
        """Every build remembered, oldest first."""
        with self.database.read() as c:
            return [
                dict(row) for row in c.execute(sa.select(GenerationRow.__table__).order_by(GenerationRow.id)).mappings()
            ]
